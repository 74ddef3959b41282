"""Dependencies between the folders of src/ run one way, and files stand in no circle. Reads every #include.

A folder may include what stands before it in LAYERS, and itself; folders on one line do not know each other. Whoever stands
outside the library (the command, the Python extension) sees include/ alone.

A file of C and the header of its name are one here. Such a pair must not include another one that includes the first, by whatever
way; headers by themselves (tables, types, what several files of one idea share) are followed from who includes them no further.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

LAYERS = [["base"], ["tensor"], ["kernels"], ["vocabulary"], ["graph"], ["prim"], ["run"], ["passes"], ["ops", "openvino"], ["grad"], ["engine"], ["archive"], ["layers"], ["model"], ["trainer"]]
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}
OUTSIDE = ["src/cli", "python"]

# Libraries that one folder alone may know.
ONLY_IN = {"openvino/c/": "src/openvino/", "sleef.h": "src/kernels/", "zip.h": ("src/tensor/", "src/archive/"), "dlfcn.h": "src/openvino/", "hdf5": "src/archive/",
           "jansson.h": ("src/archive/", "src/layers/", "src/model/", "src/trainer/")}

# Circles that there may be, with the reason.
CIRCLES = {
    ("graph/body", "graph/graph"): "a node has graphs among its attributes",
    ("kernels/window/conv", "kernels/window/conv_depthwise"): "one way to compute a convolution, which conv.h describes",
    ("openvino/exactness", "openvino/guard", "openvino/lower"): "bodies are judged and lowered as the graphs around them are",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)


def problems(path):
    name = path.relative_to(ROOT).as_posix()
    outside = next((folder for folder in OUTSIDE if name.startswith(folder + "/")), None)
    own = name.split("/")[1]
    for kind, target in INCLUDE.findall(path.read_text()):
        for library, home in ONLY_IN.items():
            if kind == "<" and target.startswith(library) and not name.startswith(home):
                yield f"{name}: <{target}> belongs to {home}"
        if kind == "<" or target.startswith("kvino/"):
            continue
        if "/" not in target:
            if not outside or not (path.parent / target).exists():
                yield f'{name}: "{target}" is not written from src/ (as "{own}/{target}")'
            continue
        if outside:
            yield f'{name}: "{target}" is inside the library; only "kvino/..." may be seen from here'
            continue
        folder = target.split("/")[0]
        if folder not in LEVEL:
            yield f'{name}: "{target}" is in no known folder'
        elif folder != own and LEVEL[folder] >= LEVEL[own]:
            yield f'{name}: "{target}" points up'


def pairs():
    """What each pair of a file and its header includes of other pairs."""
    src = ROOT / "src"
    own = {path.relative_to(src).with_suffix("").as_posix(): path for path in src.rglob("*.c")}
    for name, path in own.items():
        files = [path, path.with_suffix(".h")]
        targets = {target for file in files if file.exists() for _, target in INCLUDE.findall(file.read_text())}
        yield name, sorted({target.removesuffix(".h") for target in targets} & own.keys() - {name})


def circles(uses):
    """The strongly connected parts of more than one (Tarjan's algorithm)."""
    number, low, stack, found = {}, {}, [], []

    def visit(name):
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in uses[name]:
            if other not in number:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == number[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1:
                found.append(tuple(sorted(part)))

    for name in uses:
        if name not in number:
            visit(name)
    return found


def main():
    found = []
    standing = circles(dict(pairs()))
    found += ["a circle: " + ", ".join(circle) for circle in standing if circle not in CIRCLES]
    found += ["a circle that is none any more: " + ", ".join(circle) for circle in CIRCLES if circle not in standing]
    for base in ("src", "python"):
        for path in sorted((ROOT / base).rglob("*")):
            if path.suffix in (".c", ".h", ".def"):
                found += problems(path)
    for path in sorted((ROOT / "include").rglob("*")):
        if path.suffix in (".h", ".def"):
            for kind, target in INCLUDE.findall(path.read_text()):
                if kind == '"' and not target.startswith("kvino/"):
                    found.append(f'{path.relative_to(ROOT)}: "{target}": a public header includes public headers alone')
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
