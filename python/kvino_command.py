"""The command `kvino` of an environment: the program lies in the package, where it finds the library. Nothing else is imported."""

import os
import sys


def main():
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kvino", "bin", "kvino")
    os.execv(program, ["kvino", *sys.argv[1:]])
