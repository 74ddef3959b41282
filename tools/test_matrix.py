"""Builds and tests kvino in other ways than `make test` does, one row after the other; `make test-matrix` runs all that this machine can.

    python tools/test_matrix.py [ROW...]      # rows: see ROWS

Needs what `make test` has set up. Each build tree is build/matrix/ROW, so that a second run is quick.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MATRIX = ROOT / "build" / "matrix"
OPERATORS = ["tests/python/test_ops_math.py", "tests/python/test_ops_products.py", "tests/python/test_ops_nonzero.py",
             "tests/python/test_elementwise.py", "tests/python/test_reduce.py", "tests/python/test_window.py"]
JOBS = str(len(os.sched_getaffinity(0)))


class Skipped(Exception):
    pass


def run(log, *command, **environment):
    with open(log, "a") as file:
        code = subprocess.run([*map(str, command)], cwd=ROOT, env={**os.environ, **environment}, stdout=file, stderr=file).returncode
    if code:
        raise RuntimeError(f"{' '.join(map(str, command[:4]))} ... failed; see {log.relative_to(ROOT)}")


def build(log, name, *options):
    tree = MATRIX / name
    run(log, "cmake", "-S", ROOT, "-B", tree, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DKVINO_TESTS=OFF", *options)
    run(log, "cmake", "--build", tree, "-j", JOBS)
    return tree


def pytest(log, *tests, **environment):
    run(log, sys.executable, "-m", "pytest", "-q", "-n", JOBS, *tests, **environment)


def against(tree):
    return {"PYTHONPATH": f"{tree}/python", "KVINO_LIBRARY": f"{tree}/libkvino.so", "KVINO_COMMAND": f"{tree}/src/cli/kvino"}


def static(log):
    """A static library, which pkg-config and CMake find with all that it needs."""
    pytest(log, "tests/python/test_install.py", KVINO_BUILD=str(build(log, "static", "-DBUILD_SHARED_LIBS=OFF")))


def bare(log):
    """Without any of the libraries that can be left out: operators work, what cannot says why."""
    off = [f"-DKVINO_{name}=OFF" for name in ("FILES", "ZIP", "SLEEF", "OPENBLAS", "IMAGES")]
    tree = build(log, "bare", "-DKVINO_PYTHON=ON", f"-DPython3_EXECUTABLE={sys.executable}", *off)
    pytest(log, "tests/python/test_built_without.py", *OPERATORS, **against(tree), KVINO_TEST_BARE="1")


def clang(log):
    """By clang, whose warnings are errors."""
    if not shutil.which("clang"):
        raise Skipped("no clang here")
    tree = build(log, "clang", "-DCMAKE_C_COMPILER=clang", "-DCMAKE_C_FLAGS=-Werror", "-DKVINO_PYTHON=ON",
                 f"-DPython3_EXECUTABLE={sys.executable}")
    pytest(log, *OPERATORS, **against(tree))


def avx2(log):
    """The kernels of AVX2."""
    pytest(log, *OPERATORS, KVINO_ISA="avx2")


def scalar(log):
    """The portable kernels."""
    pytest(log, *OPERATORS, KVINO_ISA="scalar")


def aarch64_packages(log, root):
    """Debian's cmocka and xxHash for that processor, unpacked into `root`: beside this machine's, which they cannot be installed."""
    apt, lists = root.with_suffix(".apt"), root.with_suffix(".apt") / "lists" / "partial"
    for folder in (lists, apt / "archives" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    own = ["-o", "APT::Architecture=arm64", "-o", "APT::Architectures::=arm64", "-o", f"Dir::State={apt}", "-o", f"Dir::Cache={apt}",
           "-o", f"Dir::State::status={apt}/status", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]
    run(log, "apt-get", *own, "-qq", "update")
    run(log, "apt-get", *own, "-qq", "-y", "--download-only", "install", "libcmocka-dev", "libxxhash-dev")
    for package in apt.glob("archives/*.deb"):
        if re.match("lib(cmocka|xxhash)", package.name):
            run(log, "dpkg", "-x", package, root)


def aarch64(log):
    """Cross-compiled for ARM's processors, without the libraries that can be left out; the tests in C under QEMU."""
    for tool in ("aarch64-linux-gnu-gcc", "qemu-aarch64", "apt-get"):
        if not shutil.which(tool):
            raise Skipped(f"no {tool} here (packages gcc-aarch64-linux-gnu, qemu-user)")
    root = MATRIX / "aarch64-root"
    packages = root / "usr" / "lib" / "aarch64-linux-gnu" / "pkgconfig"
    if not (packages / "cmocka.pc").exists():
        aarch64_packages(log, root)
    os.environ.update(PKG_CONFIG_SYSROOT_DIR=str(root), PKG_CONFIG_LIBDIR=str(packages))
    try:
        off = [f"-DKVINO_{name}=OFF" for name in ("FILES", "ZIP", "SLEEF", "OPENBLAS", "IMAGES")]
        tree = build(log, "aarch64", f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cmake/aarch64.cmake", "-DKVINO_TESTS=ON", *off)
    finally:
        del os.environ["PKG_CONFIG_SYSROOT_DIR"], os.environ["PKG_CONFIG_LIBDIR"]
    # Left out: what asks for OpenVINO, which would have to be one for aarch64; forks of processes with threads, which QEMU cannot
    # do; what takes minutes under it.
    run(log, "ctest", "--test-dir", tree, "-j", JOBS, "--output-on-failure", "-E", "openvino|engine|control|threads|error_paths")


def pythons(log):
    """The wheel on every Python from 3.11 on that is here."""
    if not list((ROOT / "dist").glob("kvino-*.whl")):
        raise Skipped("no wheel; make wheel")
    names = {f"python3.{minor}" for minor in range(11, 20)}
    found = {str(pathlib.Path(path).resolve()): path for path in map(shutil.which, sorted(names)) if path}
    run(log, sys.executable, ROOT / "tools" / "check_wheel.py", *found.values())


def openvino(log):
    """OpenVINO 2025."""
    run(log, "make", "--no-print-directory", "test-openvino-2025")


def keras(log):
    """Keras 3.16."""
    run(log, "make", "--no-print-directory", "test-nightly")


ROWS = [static, bare, clang, avx2, scalar, aarch64, pythons, openvino, keras]


def main():
    MATRIX.mkdir(parents=True, exist_ok=True)
    known, failed = {row.__name__: row for row in ROWS}, 0
    for name in sys.argv[1:] or known:
        log, start = MATRIX / f"{name}.log", time.monotonic()
        log.unlink(missing_ok=True)
        try:
            known[name](log)
            counts = re.findall(r"^.*(?:\d passed|tests passed).*$", log.read_text(), re.M)
            print(f"ok      {name:9} {time.monotonic() - start:5.0f} s  {counts[-1].strip('= ') if counts else ''}", flush=True)
        except Skipped as reason:
            print(f"skipped {name:9} {reason}", flush=True)
        except RuntimeError as error:
            failed += 1
            print(f"FAILED  {name:9} {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
