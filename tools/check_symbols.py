"""The library's interface: what the headers declare is exported, and nothing else; it needs the known libraries alone.

Also: every public header stands alone, is part of kvino.h, and can be used from C++.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = pathlib.Path(os.environ.get("KVINO_LIBRARY") or ROOT / "build" / "release" / "libkvino.so")
HEADERS = ROOT / "include" / "kvino"
NEEDED = re.compile(r"lib(c|m|zip|openblas|sleef|pthread|dl|jansson|hdf5(_serial)?(_hl)?)\.so|ld-linux")
PUBLIC = '__attribute__((visibility("default")))'


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def declared():
    """Names of the public functions, from the preprocessed headers (the operators come from tables)."""
    text = output("gcc", "-E", "-P", f"-I{ROOT / 'include'}", HEADERS / "kvino.h")
    names = set()
    for part in text.split(PUBLIC)[1:]:
        names.add(re.search(r"(\w+)\s*\(", part).group(1))
    return names


def exported():
    lines = output("nm", "-D", "--defined-only", LIBRARY).splitlines()
    return {line.split()[-1].split("@")[0] for line in lines}


def header_problems():
    umbrella = (HEADERS / "kvino.h").read_text()
    for path in sorted(HEADERS.glob("*.h")):
        compiled = subprocess.run(
            ["gcc", "-std=c11", "-Wall", "-Wextra", "-fsyntax-only", f"-I{ROOT / 'include'}", "-x", "c", path],
            capture_output=True, text=True,
        )
        if compiled.returncode or compiled.stderr:
            yield f"{path.name} does not stand alone:\n{compiled.stderr}"
        if path.name == "kvino.h":
            continue
        if f'#include "kvino/{path.name}"' not in umbrella:
            yield f"{path.name} is not included by kvino.h"
        if 'extern "C" {' not in path.read_text():
            yield f'{path.name} has no extern "C"'


def main():
    found = list(header_problems())
    public, visible = declared(), exported()
    found += [f"declared in a header, not exported: {name}" for name in sorted(public - visible)]
    found += [f"exported, in no public header: {name}" for name in sorted(visible - public)]
    found += [f"not a kvino_ name: {name}" for name in sorted(visible) if not name.startswith("kvino_")]
    for name in re.findall(r"NEEDED.*\[(.*)\]", output("readelf", "-d", LIBRARY)):
        if not NEEDED.match(name):
            found.append(f"an unknown library is needed: {name}")
    # Every other undefined name must come from one of those: the loader says which do not.
    for line in output("ldd", "-r", LIBRARY).splitlines():
        if "undefined symbol" in line or "not found" in line:
            found.append(line.strip())
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
