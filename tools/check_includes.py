"""Dependencies between the folders of src/ run one way. Reads every #include.

A folder may include what stands before it in LAYERS, and itself; folders on one line do not know each other. Whoever stands
outside the library (the command, the Python extension) sees include/ alone.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

LAYERS = [["base"], ["tensor"], ["kernels"], ["vocabulary"], ["graph"], ["prim"], ["run"], ["passes"], ["ops", "openvino"], ["grad"], ["engine"]]
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}
OUTSIDE = ["src/cli", "python"]

# Libraries that one folder alone may know.
ONLY_IN = {"openvino/c/": "src/openvino/", "sleef.h": "src/kernels/", "zip.h": "src/tensor/", "dlfcn.h": "src/openvino/"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)


def problems(path):
    name = path.relative_to(ROOT).as_posix()
    outside = next((folder for folder in OUTSIDE if name.startswith(folder + "/")), None)
    own = name.split("/")[1]
    for kind, target in INCLUDE.findall(path.read_text()):
        for library, home in ONLY_IN.items():
            if target.startswith(library) and not name.startswith(home):
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


def main():
    found = []
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
