"""Builds the static libraries that a wheel holds from the sources of Debian's packages: HDF5, libzip, jansson, libpng and
libjpeg-turbo, each without what kvino does not use. (Debian's own HDF5 and libzip would bring thirty libraries along, for networks and
encryption, and all of them a newer glibc.)
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OLD_GLIBC = ROOT / "cmake" / "glibc_2_28.h"
# They read files once: small before fast. Each function is a section of its own: the linker leaves out those that nobody calls.
FLAGS = f"-Os -DNDEBUG -fPIC -ffunction-sections -fdata-sections -include {OLD_GLIBC}"

CMAKE = {
    "jansson": "-DJANSSON_BUILD_DOCS=OFF -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON",
    "libzip": "-DENABLE_COMMONCRYPTO=OFF -DENABLE_GNUTLS=OFF -DENABLE_MBEDTLS=OFF -DENABLE_OPENSSL=OFF -DENABLE_BZIP2=OFF "
              "-DENABLE_LZMA=OFF -DENABLE_ZSTD=OFF -DBUILD_TOOLS=OFF -DBUILD_REGRESS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOC=OFF "
              "-DHAVE_ARC4RANDOM=OFF",  # of glibc 2.36
    "libpng1.6": "-DPNG_SHARED=OFF -DPNG_TESTS=OFF -DPNG_EXECUTABLES=OFF",
    "libjpeg-turbo": "-DENABLE_SHARED=OFF -DWITH_TURBOJPEG=OFF -DWITH_SIMD=OFF",  # SIMD asks for an assembler
}
HDF5 = "--disable-shared --disable-tests --disable-tools --with-szlib=no --enable-build-mode=production --disable-direct-vfd"
# HDF5's autotools write none.
HDF5_PC = """Name: HDF5
Description: Hierarchical Data Format 5
Version: {version}
Libs: -L{prefix}/lib -lhdf5 -lz -ldl -lm
Cflags: -I{prefix}/include
"""


def run(*command, cwd, **variables):
    done = subprocess.run([*map(str, command)], cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def unpack_newest(own, name, into):
    """A mirror may list a version that it has not got yet: then the one before, which is told."""
    listed = run("apt-cache", *own, "madison", name, cwd=into)
    versions = [line.split("|")[1].strip() for line in listed.splitlines() if line.endswith(" Sources")]
    for i, version in enumerate(versions):
        try:
            run("apt-get", *own, "-qq", "source", f"{name}={version}", cwd=into)
        except SystemExit as failure:
            if i + 1 == len(versions):
                raise
            print(f"{name} {version} is not to be had; {versions[i + 1]} is taken\n{failure}", file=sys.stderr)
        else:
            return


def unpack_sources(into, *names):
    """{name: directory}. By apt, which checks signatures; its lists of sources are our own, as most machines have none."""
    into.mkdir(parents=True, exist_ok=True)
    archives = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE)", "Created-By: Packages", cwd=into)
    lines = {f"deb-src {line.removeprefix('Debian ')} main" for line in archives.splitlines() if line.startswith("Debian ")}
    (into / "sources.list").write_text("".join(f"{line}\n" for line in sorted(lines)))
    (into / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    own = ["-o", f"Dir::Etc::SourceList={into}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null",
           "-o", f"Dir::State::Lists={into}/lists", "-o", "APT::Sandbox::User=root"]
    run("apt-get", *own, "-qq", "update", cwd=into)
    for name in names:
        unpack_newest(own, name, into)
    return {name: next(path for path in into.glob(f"{name}-*") if path.is_dir()) for name in names}


def build_hdf5(source, build, prefix, jobs):
    build.mkdir(exist_ok=True)
    run(source / "configure", *HDF5.split(), f"--prefix={prefix}", cwd=build, CFLAGS=FLAGS)
    for part in ("src", "hl/src"):
        run("make", "-C", part, jobs, "install", cwd=build)
    version = source.name.split("-")[1].split("+")[0]
    (prefix / "lib/pkgconfig/hdf5.pc").write_text(HDF5_PC.format(version=version, prefix=prefix))


def build_all(directory):
    """Installs them below directory / "prefix", each with NAME.txt, its licence."""
    prefix, jobs = directory / "prefix", f"-j{os.cpu_count()}"
    sources = unpack_sources(directory, "hdf5", *CMAKE)
    for name, options in CMAKE.items():
        build = directory / f"build-{name}"
        run("cmake", "-S", sources[name], "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None",
            f"-DCMAKE_C_FLAGS={FLAGS}", f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DCMAKE_INSTALL_LIBDIR:STRING=lib", "-DBUILD_SHARED_LIBS=OFF",
            "-DJANSSON_BUILD_SHARED_LIBS=OFF", *options.split(), cwd=directory)
        run("cmake", "--build", build, "--target", "install", jobs, cwd=directory)
    build_hdf5(sources["hdf5"], directory / "build-hdf5", prefix, jobs)
    for name, source in sources.items():
        (prefix / f"{name}.txt").write_text((source / "debian" / "copyright").read_text())
