"""What `cmake --install` leaves: a C library that pkg-config and CMake find, also after the directory has been moved."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KVINO_BUILD", ROOT / "build" / "release"))


def run(*command, cwd=None, **variables):
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, env={**os.environ, **variables})
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Where it was installed and moved from; headers, library and command are at the places of the system."""
    directory = tmp_path_factory.mktemp("install")
    run("cmake", "--install", BUILD, "--prefix", directory / "before")
    shutil.move(directory / "before", directory / "after")
    return directory / "after"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """README's example."""
    path = tmp_path_factory.mktemp("source") / "example.c"
    path.write_text(re.search(r"```c\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1))
    return path


def only(prefix, pattern):
    (path,) = prefix.glob(pattern)
    return path


def test_what_is_there(prefix):
    shared, static = (list(prefix.glob(f"lib/**/libkvino.{suffix}")) for suffix in ("so", "a"))
    assert len(shared + static) == 1 and [library.resolve().name for library in shared] in ([], ["libkvino.so.0"])
    assert (prefix / "include/kvino/kvino.h").is_file() and (prefix / "bin/kvino").is_file()
    assert only(prefix, "share/man/man1/kvino.1").read_text() == run(prefix / "bin/kvino", "--man")
    assert only(prefix, "share/bash-completion/completions/kvino").is_file() and only(prefix, "share/zsh/site-functions/_kvino").is_file()
    assert not list(prefix.glob("**/*.py")) and not list(prefix.glob("**/_core*"))
    assert run(prefix / "bin/kvino", "--version").startswith("kvino ")


def test_pkg_config(prefix, source, tmp_path):
    path = str(only(prefix, "lib/**/pkgconfig"))
    flags = run("pkg-config", "--cflags", "--libs", "kvino", PKG_CONFIG_PATH=path).split()
    run("cc", "-Wall", "-Werror", source, *flags, "-o", tmp_path / "example")
    out = run(tmp_path / "example", LD_LIBRARY_PATH=str(only(prefix, "lib/**/pkgconfig").parent))
    assert out == "(0, 1)\n(1, 0)\n(1, 2)\n"


def test_cmake_package(prefix, source, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.25)
project(example C)
find_package(kvino 0.1 REQUIRED)
add_executable(example {source})
target_link_libraries(example kvino::kvino)
""")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    assert run(tmp_path / "build" / "example") == "(0, 1)\n(1, 0)\n(1, 2)\n"


def test_as_a_part_of_another_project(tmp_path):
    """Tests and Python stay out unless they are asked for."""
    (tmp_path / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.25)
project(other C)
include(FetchContent)
FetchContent_Declare(kvino SOURCE_DIR {ROOT})
FetchContent_MakeAvailable(kvino)
file(WRITE other.c "int main(void) {{ return 0; }}")
add_executable(other other.c)
target_link_libraries(other kvino::kvino)
""")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-G", "Ninja")
    targets = run("cmake", "--build", tmp_path / "build", "--target", "help")
    assert "libkvino.so" in targets and "test_threads" not in targets and "kvino_python" not in targets
