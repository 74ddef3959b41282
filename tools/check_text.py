"""The repository speaks of itself alone: no path of anyone's machine, no host but those of public documentation, and no
file that a build makes.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOSTS = {
    "www.apache.org", "keras.io", "docs.openvino.ai", "github.com", "numpy.org", "spdx.org", "www.w3.org", "semver.org",
    "keepachangelog.com", "data-apis.org", "docs.python.org", "packaging.python.org", "dmlc.github.io", "arxiv.org",
}
MACHINE = re.compile(r"(?<![\w.~/>)}-])/(?:home|root|work|mnt|srv|Users|workspace|builds)/[\w.]")
URL = re.compile(r"\b(?:https?|ftp|git\+\w+)://([^/\s\"'>)`]+)")
BINARY = {".npy", ".npz", ".keras", ".h5", ".png"}
GENERATED = {".o", ".so", ".a", ".pyc", ".whl", ".orig", ".rej", ".log"}
LARGEST = 1 << 20  # bytes of a file


def files():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def problems(path):
    name = path.relative_to(ROOT).as_posix()
    if path.suffix in GENERATED:
        yield f"{name}: made by a build"
    if path.stat().st_size > LARGEST:
        yield f"{name}: larger than {LARGEST} bytes"
    if path.suffix in BINARY or "fuzz/corpus" in name:
        return
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        yield f"{name}: not UTF-8"
        return
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE.search(line):
            yield f"{name}:{number}: a path of one machine: {line.strip()[:100]}"
        for host in URL.findall(line):
            if host.split("@")[-1].split(":")[0] not in HOSTS:
                yield f"{name}:{number}: an unknown host: {host}"
        if line != line.rstrip() and path.suffix != ".md":
            yield f"{name}:{number}: blanks at the end"
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at the end"


def main():
    found = [problem for path in files() for problem in problems(path)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
