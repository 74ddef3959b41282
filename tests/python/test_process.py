"""What kvino does to the process that it is loaded into, and what the process does to it."""

import os
import subprocess
import sys

import pytest


def python(code, **variables):
    """What a new process prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
                         env={**os.environ, **variables})
    assert not run.returncode, run.stderr
    return run.stdout.split()


OPENBLAS = """
import ctypes, resource
import numpy as np
import kvino
K, a = kvino.ops, np.eye(200) * 3
blas = ctypes.CDLL(next(l.split()[-1] for l in open("/proc/self/maps") if "/libopenblas" in l and "numpy" not in l))
"""


def test_openblas_keeps_the_threads_that_others_gave_it():
    code = OPENBLAS + """
blas.openblas_set_num_threads(2)
for f in (lambda: K.cholesky(a), lambda: K.matmul(a, a), lambda: K.svd(a), lambda: K.conv(a.reshape(1, 20, 20, 100), np.ones((3, 3, 100, 4)))):
    f()
    print(blas.openblas_get_num_threads())
"""
    assert python(code, OPENBLAS_NUM_THREADS="2", KVINO_THREADS="2") == ["2"] * 4


@pytest.mark.parametrize("text, threads", [("3", "3"), ("1000", "256"), ("1e3", None), ("two", None), ("0", None), ("", None), ("4 ", None)])
def test_the_number_of_threads(text, threads):
    code = "import kvino; print(kvino.info()['threads'])"
    assert python(code, KVINO_THREADS=text) == [threads or str(min(len(os.sched_getaffinity(0)), 256))]


def test_a_cpu_without_threads_is_not_called_absent(tmp_path):
    source, library = tmp_path / "none.c", tmp_path / "none.so"
    source.write_text("int pthread_create(void *t, void *a, void *f, void *x) { return 11; } /* EAGAIN */\n")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source], check=True)
    code = """
import numpy as np, kvino
try:
    kvino.function(lambda x: x * 2 + 1, device="CPU")(np.ones(3, "float32"))
except RuntimeError as error:
    print("cannot use the CPU" in str(error), "not available" in str(error))
"""
    assert python(code, LD_PRELOAD=str(library), OPENBLAS_NUM_THREADS="1") == ["True", "False"]
