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
KERAS_TESTS = [  # in a process with kvino as backend
    "tests/python/test_keras.py", "tests/python/test_keras_training.py", "tests/python/test_keras_steps.py",
    "tests/python/test_keras_changes.py", "tests/python/test_keras_eager.py", "tests/python/test_keras_export.py",
    "tests/python/test_keras_generation.py", "tests/python/test_keras_profile.py",
    "tests/python/test_keras_quantization.py", "tests/python/test_keras_save.py",
]
SHOWN = 80  # lines of a failed step's log that are printed
PARALLEL = ["-n", str(len(os.sched_getaffinity(0)))]  # long steps of pytest run on every processor


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
    # KerasHub is not for Keras 3.16, which has another frame for quantization.
    files = [file for file in KERAS_TESTS if "generation" not in file and "quantization" not in file]
    return pytest("pytest-nightly", str(ROOT / ".venv-nightly/bin/python"), *files,
                  "tests/python/test_keras_names.py", "tests/python/test_ragged.py", KERAS_BACKEND="kvino",
                  KVINO_TEST_REFERENCE_PYTHON=sys.executable)()


def lines(path):
    """The lines of a list: (sign, text, comment); the sign is "-", "?" or ""."""
    for line in path.read_text().splitlines():
        text, _, comment = map(str.strip, line.partition("  #" if line[:1] in "-?" else "#"))
        if text:
            sign = text[0] if text[0] in "-?" else ""
            yield sign, text[len(sign):].strip(), comment


def explained_skips(report, reasons):
    """Counts the skips of a report by the reasons that tests/keras/suite.txt gives; (words to print, skips without a reason)."""
    counts, unexplained = dict.fromkeys(reasons, 0), []
    for case in ET.parse(report).getroot().iter("testcase"):
        for skipped in case.findall("skipped"):
            message = skipped.get("message", "")
            reason = next((r for r in reasons if re.search(r, message)), None)
            if reason is None:
                unexplained.append(f"{case.get('classname')}::{case.get('name')}: {message}")
            else:
                counts[reason] += 1
    words = [f"  {count} skipped: {reasons[reason]}" for reason, count in counts.items() if count]
    words += [f"  skipped without a reason in tests/keras/suite.txt: {case}" for case in unexplained]
    return words, len(unexplained)


def unlisted(where, listed):
    """The test files below `where` that no line names: neither itself, nor a test of it, nor a folder it is in."""
    listed = {pathlib.PurePosixPath(text.partition("::")[0]) for text in listed}
    files = [file.relative_to(where) for file in sorted(where.rglob("*_test.py"))]
    return [str(file) for file in files if not listed.intersection([file, *file.parents])]


def keras_suite():
    """Keras's own tests, from its wheel (tests/keras/suite.txt)."""
    where = pathlib.Path(sysconfig.get_path("purelib")) / "keras" / "src"
    files, left_out, reasons = [], {}, {}
    for sign, text, comment in lines(ROOT / "tests" / "keras" / "suite.txt"):
        if sign == "-":
            left_out[text] = comment
        elif sign == "?":
            reasons[text] = comment
        else:
            files.append(text)
    forgotten = unlisted(where, [*files, *left_out])
    ignored = [text for text in left_out if "::" not in text]
    gone = [text for text in [*files, *left_out] if not (where / text.partition("::")[0]).exists()]
    arguments = [str(where / text) for text in files if text not in gone]
    arguments += [f"--ignore={where / text}" if text in ignored else f"--deselect={text}" for text in left_out]
    # Our own pytest options are not for Keras's files: its markers are not declared here.
    passed, failed, skipped, text = pytest(
        "keras-suite", sys.executable, "-o", "addopts=", "-q", "-p", "no:cacheprovider", "-p", "backend_name", *PARALLEL,
        f"--rootdir={where}", *arguments, KERAS_BACKEND="kvino", PYTHONPATH=str(ROOT / "tests" / "keras"))()
    report = LOGS / "keras-suite.xml"
    if report.exists():
        words, unexplained = explained_skips(report, reasons)
        words.append(f"  {len(ignored)} files and {len(left_out) - len(ignored)} tests left out by name in tests/keras/suite.txt")
        print("\n".join(words), flush=True)
        failed, skipped = failed + unexplained, skipped - unexplained
    for words, files in (("has no line", forgotten), ("is not in the wheel", gone)):
        failed += len(files)
        for file in files:
            print(f"  {file} {words}: tests/keras/suite.txt", flush=True)
    return passed, failed, skipped, text


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
    ("Python", pytest("pytest", sys.executable, *PARALLEL, *(f"--ignore={file}" for file in KERAS_TESTS))),
    ("Keras 3.15 on kvino", pytest("pytest-keras", sys.executable, *KERAS_TESTS, KERAS_BACKEND="kvino")),
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
