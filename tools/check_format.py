"""Every C file is as clang-format leaves it (.clang-format), every Python file passes ruff's checks. `make format` mends."""

import pathlib
import subprocess
import sys
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = pathlib.Path(sysconfig.get_path("scripts"))


def main():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    sources = [name for name in listed if (ROOT / name).is_file()]
    clang = subprocess.run([SCRIPTS / "clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *sources], cwd=ROOT)
    ruff = subprocess.run([SCRIPTS / "ruff", "check", "--no-cache", "python", "tests", "bench", "examples", "tools"], cwd=ROOT)
    return 1 if clang.returncode or ruff.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
