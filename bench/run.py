"""All benches, one after the other: what `make bench` prints."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main():
    worst = 0
    for name, *arguments in (["nonzero.py"], ["eager.py"], ["keras_models.py", "--rounds", "11"],
                              ["models.py", "--rounds", "9"],
                              ["training.py"], ["quantized.py"], ["sparse.py"], ["model_files.py"], ["generation.py"]):
        print(f"== {name} ==", flush=True)
        worst = max(worst, subprocess.run([sys.executable, str(HERE / name), *arguments], cwd=HERE).returncode)
    print("== kernels.c ==", flush=True)
    return max(worst, subprocess.run([str(HERE.parent / "build" / "release" / "bench" / "kernels")]).returncode)


if __name__ == "__main__":
    sys.exit(main())
