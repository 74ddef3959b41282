"""docs/operators.md is what tools/print_operators.py prints."""

import pathlib
import subprocess
import sys

PRINT = pathlib.Path(__file__).resolve().parent / "print_operators.py"

if __name__ == "__main__":
    sys.exit(subprocess.run([sys.executable, PRINT, "--check"]).returncode)
