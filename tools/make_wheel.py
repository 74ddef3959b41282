"""Builds dist/kvino-*.whl, which needs nothing of the system: the libraries that kvino uses are inside, with their licences.

    python tools/make_wheel.py [BUILD_DIRECTORY]

Needs requirements/build.txt and wheel.txt. The wheel works wherever the C library is as new as that of this machine; its
name says which that is (PEP 600).
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import scipy_openblas32

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(*command, **variables):
    subprocess.run([*map(str, command)], cwd=ROOT, check=True, env={**os.environ, **variables})


def build(directory, into):
    """Without the readers of model files: Debian's HDF5 would bring thirty libraries along."""
    lib = scipy_openblas32.get_lib_dir()
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-input", "--no-build-isolation", "--no-deps",
        f"--config-settings=build-dir={directory}", "-w", into, ".",
        KVINO_OPENBLAS="scipy-openblas", KVINO_FILES="OFF", PKG_CONFIG_PATH=f"{lib}/pkgconfig", CMAKE_GENERATOR="Ninja")
    return next(into.glob("kvino-*.whl"))


def repair(wheel, into):
    """Libraries from outside are copied in; the platform in the name becomes the oldest that has what they use."""
    tools = os.path.dirname(sys.executable)
    run(sys.executable, "-m", "auditwheel", "repair", "--strip", "-w", into, wheel,
        LD_LIBRARY_PATH=scipy_openblas32.get_lib_dir(), PATH=f"{tools}:{os.environ['PATH']}")
    return next(into.glob("kvino-*.whl"))


def licence(library):
    """The licence text of a library that auditwheel copied: NAME-HASH.so.N."""
    name = re.sub(r"-[0-9a-f]{8,}(?=\.)", "", library.name)
    if name.startswith("libscipy_openblas"):
        return "openblas", next(pathlib.Path(scipy_openblas32.__file__).parent.parent.glob(
            "scipy_openblas32-*.dist-info/licenses/LICENSE.txt"))
    listed = subprocess.run(["dpkg-query", "-S", f"*/{name}"], check=True, capture_output=True, text=True).stdout
    package = listed.split(":")[0]
    return package, pathlib.Path("/usr/share/doc", package, "copyright")


def add_licences(wheel, into):
    with tempfile.TemporaryDirectory() as directory:
        run(sys.executable, "-m", "wheel", "unpack", "--dest", directory, wheel)
        top = next(pathlib.Path(directory).iterdir())
        to = next(top.glob("*.dist-info")) / "licenses"
        for library in sorted(top.glob("kvino.libs/*")):
            name, text = licence(library)
            shutil.copyfile(text, to / f"{name}.txt")
        run(sys.executable, "-m", "wheel", "pack", "--dest-dir", into, top)


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else "build/manylinux"
    into = ROOT / "dist"
    into.mkdir(exist_ok=True)
    for old in into.glob("kvino-*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as plain, tempfile.TemporaryDirectory() as repaired:
        add_licences(repair(build(directory, pathlib.Path(plain)), pathlib.Path(repaired)), into)
    wheel = next(into.glob("kvino-*.whl"))
    print(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
