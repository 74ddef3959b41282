"""Checks of the sources and of the built library that no compiler makes. One line per check: `ok NAME` or `FAILED NAME`."""

import pathlib
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parent
CHECKS = ["check_includes.py", "check_symbols.py", "check_text.py", "check_format.py", "check_operators.py",
          "coefficients.py"]


def main():
    failed = 0
    for name in CHECKS:
        result = subprocess.run([sys.executable, TOOLS / name], cwd=TOOLS.parent, capture_output=True, text=True)
        failed += result.returncode != 0
        print(f"{'FAILED' if result.returncode else 'ok'} {name}")
        if result.returncode:
            print(result.stdout + result.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
