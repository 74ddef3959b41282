"""Runs every test and prints one closing line with the counts. Called by `make test`, which has built kvino.

Each step (STEPS, below) makes what it needs, writes its output to build/logs/ and prints its counts; of a step that fails,
the end of the log is printed, too.
"""

import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import time
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
LIMIT = 40 * 60  # seconds a step may take
OPENVINO_TESTS = "test_(openvino_[a-z]+|engine|threads)"
SHOWN = 80  # lines of a failed step's log that are printed


def run(name, command, **environment):
    """Runs a command with its output in a log; (exit code, the log's text)."""
    path = LOGS / f"{name}.log"
    with open(path, "w") as log:
        try:
            code = subprocess.run(
                command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=LIMIT,
                env={**os.environ, **environment},
            ).returncode
        except subprocess.TimeoutExpired:
            log.write(f"\n{name}: not done after {LIMIT} s\n")
            code = 1
    return code, path.read_text(errors="replace")


def cases_of_ctest(tree, code, text):
    """Cases that passed and failed, from the output of the cmocka programs; a program that died is one failure."""
    log = ROOT / "build" / tree / "Testing" / "Temporary" / "LastTest.log"
    output = log.read_text(errors="replace") if log.exists() else ""
    passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test", output, re.M)))
    failed = sum(map(int, re.findall(r"^\[  FAILED  \] (\d+) test", output, re.M)))
    ended = re.search(r"(\d+) tests failed out of (\d+)", text)
    programs = int(ended.group(1)) if ended else 1
    return passed, max(failed, programs, code != 0), 0


def make(target):
    return run(f"make-{target}", ["make", "--no-print-directory", f"build/stamps/{target}"])


def ctest(tree, needs, *arguments, name=None, **environment):
    def step():
        for target in needs:
            code, text = make(target)
            if code:
                return 0, 1, 0, text
        command = ["ctest", "--preset", tree, "--output-on-failure", *arguments]
        code, text = run(f"ctest-{name or tree}", command, **environment)
        return (*cases_of_ctest(tree, code, text), text)

    return step


def pytest(name, python, *arguments, **environment):
    def step():
        report = LOGS / f"{name}.xml"
        report.unlink(missing_ok=True)
        code, text = run(name, [python, "-m", "pytest", f"--junitxml={report}", *arguments],
                         VIRTUAL_ENV=str(pathlib.Path(python).parent.parent), **environment)
        if not report.exists():
            return 0, 1, 0, text
        suite = ET.parse(report).getroot().find("testsuite")
        total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
        failed = max(int(suite.get("failures")) + int(suite.get("errors")), int(code != 0))
        return total - skipped - failed, failed, skipped, text

    return step


def nightly():
    code, text = make("nightly")
    if code:
        return 0, 1, 0, text
    return pytest("pytest-nightly", str(ROOT / ".venv-nightly/bin/python"), "tests/python/test_keras.py", KERAS_BACKEND="kvino",
                  KVINO_TEST_REFERENCE_PYTHON=sys.executable)()


def keras_suite():
    """Keras's own tests, from its wheel, for what is supported so far (tests/keras/suite.txt)."""
    where = pathlib.Path(sysconfig.get_path("purelib")) / "keras" / "src"
    files, deselected = [], []
    for line in (ROOT / "tests" / "keras" / "suite.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-"):
            deselected.append(f"--deselect={line[1:].strip()}")
        elif line:
            files.append(str(where / line))
    # Our own pytest options are not for Keras's files: its markers are not declared here.
    return pytest("keras-suite", sys.executable, "-o", "addopts=", "-q", "-p", "no:cacheprovider", f"--rootdir={where}", *files, *deselected,
                  KERAS_BACKEND="kvino")()


def checks():
    code, text = make("lint")
    if code:
        return 0, 1, 0, text
    code, text = run("checks", [sys.executable, "tools/run_checks.py"])
    passed = len(re.findall(r"^ok ", text, re.M))
    return passed, max(len(re.findall(r"^FAILED ", text, re.M)), int(code != 0)), 0, text


STEPS = [
    ("checks of the sources", checks),
    ("C, release", ctest("release", ["tests-c"])),
    ("C, OpenVINO 2025", ctest("release", ["tests-c", "openvino-2025"], "-R", OPENVINO_TESTS, name="openvino-2025",
                               KVINO_OPENVINO=str(ROOT / "build/openvino-2025/openvino/libs"))),
    ("C, asan+ubsan", ctest("asan+ubsan", ["asan"])),
    ("Python", pytest("pytest", sys.executable, "--ignore=tests/python/test_keras.py")),
    ("Keras 3.15 on kvino", pytest("pytest-keras", sys.executable, "tests/python/test_keras.py", KERAS_BACKEND="kvino")),
    ("Keras 3.16 on kvino", nightly),
    ("Keras's own tests", keras_suite),
]


def main():
    LOGS.mkdir(parents=True, exist_ok=True)
    all_passed = all_failed = all_skipped = 0
    for name, step in STEPS:
        start = time.monotonic()
        passed, failed, skipped, text = step()
        if failed:
            print("\n".join(text.splitlines()[-SHOWN:]))
        seconds = time.monotonic() - start
        print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.0f} s", flush=True)
        all_passed, all_failed, all_skipped = all_passed + passed, all_failed + failed, all_skipped + skipped
    print(f"{all_passed} passed, {all_failed} failed, {all_skipped} skipped")
    return 1 if all_failed or not all_passed else 0


if __name__ == "__main__":
    sys.exit(main())
