"""Tries dist/kvino-*.whl as a user gets it: in an empty environment, with nothing of the build and of the system's libraries.

    python tools/check_wheel.py [PYTHON...]      # interpreters to try it with; by default the one that runs this
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FROM_C_LIBRARY = re.compile(r"lib(c|m|dl|pthread|rt)\.so\.\d+|ld-linux-.*|libz\.so\.1")  # those that PEP 600 allows
MODEL = ROOT / "fuzz" / "corpus" / "model" / "mlp.keras"
PROGRAM = """
import numpy as np, kvino
assert [i.tolist() for i in kvino.ops.nonzero(np.eye(2))] == [[0, 1], [0, 1]]
assert np.allclose(kvino.ops.svd(np.diag([3.0, 1]), compute_uv=False), [3, 1])
twice = kvino.function(lambda x: x * 2, device="native")
assert np.asarray(twice(np.ones(3, "float32"))).tolist() == [2, 2, 2]
try:
    kvino.function(lambda x: x * 2, device="CPU")(np.ones(3, "float32"))
except RuntimeError as error:
    assert "pip install openvino" in str(error)
else:
    raise AssertionError("OpenVINO is not in this environment")
"""


def output(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def foreign_libraries(site):
    """What a library of the wheel would take from the system."""
    found = set()
    for path in [*site.glob("kvino/**/*.so*"), *site.glob("kvino.libs/*"), site / "kvino/bin/kvino"]:
        if path.read_bytes()[:4] != b"\x7fELF":
            continue
        for line in output("ldd", path).splitlines():
            name, _, place = line.strip().partition(" => ")
            if place and not place.startswith(str(site)) and not FROM_C_LIBRARY.fullmatch(name):
                found.add(f"{path.name}: {line.strip()}")
    return found


def check(wheel, python):
    with tempfile.TemporaryDirectory() as directory:
        top = pathlib.Path(directory)
        clean = {"cwd": directory, "env": {"PATH": "/usr/bin:/bin", "HOME": directory}}
        output(python, "-m", "venv", top / "venv")
        inside = top / "venv/bin/python"
        output(inside, "-m", "pip", "install", "--quiet", "--no-input", wheel)
        site = next(top.glob("venv/lib/python3*/site-packages"))
        if found := foreign_libraries(site):
            raise SystemExit("libraries from outside of the wheel:\n" + "\n".join(sorted(found)))
        output(inside, "-c", PROGRAM, **clean)
        assert output(top / "venv/bin/kvino", "--version", **clean).startswith("kvino ")
        assert re.search("^pictures +libpng, libjpeg$", output(top / "venv/bin/kvino", "info", **clean), re.M)
        assert "(Sequential, Keras 3" in output(top / "venv/bin/kvino", "show", MODEL, **clean)

        (top / "example.c").write_text(re.search(r"```c\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1))
        lib = site / "kvino/lib"
        flags = output("pkg-config", "--cflags", "--libs", "kvino", env={**clean["env"], "PKG_CONFIG_PATH": str(lib / "pkgconfig")})
        output("cc", "example.c", *flags.split(), "-Wl,-rpath," + str(lib), "-o", "example", **clean)
        assert output(top / "example", **clean) == "(0, 1)\n(1, 0)\n(1, 2)\n"
        version = output(inside, "--version").strip()
    print(f"ok {wheel.name} on {version}")


def main():
    wheel = next((ROOT / "dist").glob("kvino-*.whl"))
    minor = int(re.search(r"manylinux_2_(\d+)_", wheel.name).group(1))
    if minor > 28 or wheel.stat().st_size > 12e6:
        raise SystemExit(f"{wheel.name}, {wheel.stat().st_size} bytes: glibc 2.28 and 12 MB are the limits")
    for python in sys.argv[1:] or [sys.executable]:
        check(wheel, python)


if __name__ == "__main__":
    main()
