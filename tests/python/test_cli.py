"""The kvino command as a program: output, exit codes, messages, files."""

import concurrent.futures
import io
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

COMMAND = os.environ.get("KVINO_COMMAND") or str(pathlib.Path(sys.executable).parent / "kvino")
CORPUS = pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "corpus" / "model"


def kvino(*arguments, stdin=b"", **environment):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([COMMAND, *map(str, arguments)], input=stdin, capture_output=True, timeout=120,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_version_and_help():
    code, out, err = kvino("--version")
    assert (code, err) == (0, "") and re.fullmatch(r"kvino \d+\.\d+\.\d+\n", out)
    for arguments in (["--help"], ["-h"], ["help"]):
        code, out, err = kvino(*arguments)
        assert (code, err) == (0, "") and out.startswith("Usage: kvino COMMAND")
        for command in ("run", "show", "bench", "profile", "convert", "verify", "devices", "nonzero", "info"):
            assert f"\n  {command} " in out
    for command in ("run", "show", "bench", "profile", "convert", "verify", "devices", "nonzero", "info"):
        for arguments in ([command, "--help"], [command, "-h"], ["help", command]):
            code, out, err = kvino(*arguments)
            assert (code, err) == (0, "") and out.startswith(f"Usage: kvino {command}")


SHELL = pathlib.Path(__file__).resolve().parents[2] / "src" / "cli" / "shell"


def test_the_manual_and_bash_know_every_command():
    commands = re.findall(r"^  ([a-z]+) ", kvino("--help")[1].split("Options:")[0], re.M)
    assert re.findall(r"^\.SS ([a-z]+)$", kvino("--man")[1], re.M) == commands
    script = f'PATH={pathlib.Path(COMMAND).parent}:$PATH; source {SHELL}/kvino.bash\n'
    script += 'complete_it() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kvino; echo "${COMPREPLY[@]}"; }\n'
    script += 'complete_it kvino ""; complete_it kvino bench -nit; complete_it kvino run --o'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [" ".join(commands), "-niter", "--output"] and not done.stderr


def test_the_manual():
    """Every option that a command's help has, with its text; man(1) finds nothing to complain about."""
    code, page, err = kvino("--man")
    assert (code, err) == (0, "") and page.startswith(".TH KVINO 1 ")
    plain = page.replace("\\-", "-").replace("\\&", "")
    for command in re.findall(r"^\.SS ([a-z]+)$", page, re.M):
        section = plain.split(f"\n.SS {command}\n")[1].split("\n.S")[0]
        for option in re.findall(r"^ +(-.*?)(?:  |$)", kvino(command, "--help")[1], re.M):
            assert f"\n.TP\n.B {option}\n" in section, (command, option)
    assert not [line for line in page.splitlines() if line.startswith((" ", "'")) or re.match(r"\.(?!TH|SH|SS|TP|PP|B|I)", line)]
    if shutil.which("groff"):  # not everywhere
        done = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou", "-ww"], input=page.encode(), capture_output=True, timeout=60)
        assert not done.stderr and b"--resize SIZE" in done.stdout


@pytest.mark.parametrize("arguments, words", [
    ([], "Usage: kvino COMMAND"),
    (["frobnicate"], "kvino: there is no command 'frobnicate'"),
    (["--frobnicate"], "kvino: there is no option '--frobnicate'"),
    (["help", "frobnicate"], "there is no command 'frobnicate'"),
    (["nonzero"], "kvino nonzero: which .npy file?"),
    (["nonzero", "a", "b"], "kvino nonzero: one .npy file at a time"),
    (["nonzero", "a", "--bad"], "kvino nonzero: unrecognized option '--bad'"),
    (["nonzero", "a", "-o"], "kvino nonzero: option requires an argument -- 'o'"),
    (["nonzero", "a", "-n", "-1"], "kvino nonzero: --first takes a whole number from 0 to 1e+12, not '-1'"),
    (["nonzero", "a", "-n", "x"], "kvino nonzero: --first takes a whole number from 0 to 1e+12, not 'x'"),
    (["nonzero", "a.npy", "-m", "x"], "kvino nonzero: --member is of .npz archives"),
    (["nonzero", "a.npy", "-o", "b.txt"], "kvino nonzero: -o writes .npy or .npz, not 'b.txt'"),
    (["nonzero", "a.npy", "--json", "-o", "b.npy"], "kvino nonzero: --json prints, -o writes"),
    (["bench", "a.keras", "-t", "x"], "kvino bench: -t takes a number from 0.001 to 1e+06, not 'x'"),
    (["bench", "a.keras", "-t", "0"], "kvino bench: -t takes a number from 0.001 to 1e+06, not '0'"),
    (["bench", "a.keras", "-niter", "2.5"], "kvino bench: -niter takes a whole number from 1 to 1e+12, not '2.5'"),
    (["bench", "a.keras", "-nireq", "5000"], "kvino bench: -nireq takes a whole number from 1 to 1024, not '5000'"),
    (["bench", "a.keras", "-nstreams", "many"], "kvino bench: -nstreams takes a whole number from 0 to 1e+12, not 'many'"),
    (["bench", "a.keras", "-nthreads", "-1"], "kvino bench: -nthreads takes a whole number from 0 to 1e+12, not '-1'"),
    (["bench", "a.keras", "-b", "nan"], "kvino bench: -b takes a whole number from 1 to 1e+12, not 'nan'"),
    (["profile", "a.keras", "-n", "1x"], "kvino profile: --runs takes a whole number from 1 to 1e+12, not '1x'"),
    (["convert", "a.keras", "-b", "0"], "kvino convert: --batch takes a whole number from 1 to 1e+12, not '0'"),
    (["verify", "a", "b", "c", "-t", "-1"], "kvino verify: --tolerance takes a number from 0 to 1e+30, not '-1'"),
    (["show", "a.keras", "--graph", "x.png"], "kvino show: --graph draws .svg files alone, not 'x.png'"),
    (["convert", "a.keras", "-o", "x.onnx"], "kvino convert: -o writes .xml, .keras, .h5, .weights.h5 or .kvino, not 'x.onnx'"),
    (["devices", "CPU"], "kvino devices: it takes no arguments"),
    (["info", "-x"], "kvino info: invalid option -- 'x'"),
])
def test_wrong_usage(arguments, words):
    code, out, err = kvino(*arguments)
    assert (code, out) == (2, "")
    assert words in err and "help" in err


@pytest.mark.parametrize("array", [
    np.array([[0, 1], [2, 0]], np.int8), np.array([0.0, -0.0, np.nan, 5e-324]), np.array([0, 1j, 2], np.complex64),
    np.zeros((3, 4), bool), np.ones((0, 4), np.uint16), np.arange(24, dtype=">i4").reshape(2, 3, 4),
    np.asfortranarray(np.arange(6).reshape(2, 3)), np.arange(2**16, dtype=np.float32).reshape(4, 4, -1)[:, ::2],
], ids=lambda a: f"{a.dtype}{a.shape}")
@pytest.mark.parametrize("narrow", [False, True])
def test_nonzero_is_numpys(array, narrow, tmp_path):
    np.save(tmp_path / "in.npy", array)
    options = ["--int32"] if narrow else []
    code, out, err = kvino("nonzero", tmp_path / "in.npy", "-o", tmp_path / "out.npz", *options)
    assert (code, out, err) == (0, "", "")
    with np.load(tmp_path / "out.npz") as found:
        expected = array.nonzero()
        assert found.files == [f"dim{i}" for i in range(array.ndim)]
        for i, indices in enumerate(expected):
            assert found[f"dim{i}"].dtype == (np.int32 if narrow else np.int64)
            np.testing.assert_array_equal(found[f"dim{i}"], indices)


def test_nonzero_prints(tmp_path):
    path = tmp_path / "in.npy"
    np.save(path, np.array([[0, 1, 0], [2, 0, 3]], np.float32))
    text = f"{path}: float32 (2, 3), 3 of 6 elements are nonzero\n"
    assert kvino("nonzero", path) == (0, text + "  (0, 1)\n  (1, 0)\n  (1, 2)\n", "")
    assert kvino("nonzero", "-n", 1, path) == (0, text + "  (0, 1)\n  ... 2 more\n", "")
    assert kvino("nonzero", "--first=0", path) == (0, text, "")
    code, out, _ = kvino("nonzero", "-", stdin=path.read_bytes())
    assert (code, out.splitlines()[1:]) == (0, ["  (0, 1)", "  (1, 0)", "  (1, 2)"])


@pytest.mark.parametrize("content, words", [
    (b"", "not an .npy file"),
    (b"hello", "not an .npy file"),
    (b"\x93NUMPY\x01\x00\x76\x00{'descr'", "cut off"),
    (b"\x93NUMPY\x09\x00\x76\x00", "version 9.0"),
])
def test_bad_files(content, words, tmp_path):
    path = tmp_path / "bad.npy"
    path.write_bytes(content)
    code, out, err = kvino("nonzero", path, "-o", tmp_path / "out.npz")
    assert (code, out) == (1, "")
    assert err.startswith(f"kvino nonzero: {path}: ") and words in err and err.count("\n") == 1
    assert os.listdir(tmp_path) == ["bad.npy"]


def test_refused_arrays(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array(3.0))
    code, out, err = kvino("nonzero", path)
    assert (code, out) == (1, "") and "nonzero on 0d arrays is not allowed" in err
    np.save(path, np.array(["a", "b"]))
    code, out, err = kvino("nonzero", path)
    assert (code, out) == (1, "") and "NonZero does not take dtype string" in err
    np.save(path, np.array([None], object))
    code, out, err = kvino("nonzero", path)
    assert (code, out) == (1, "") and "pickled" in err


def test_files_that_cannot_be(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(3))
    code, _, err = kvino("nonzero", tmp_path / "none.npy")
    assert code == 1 and err == f"kvino nonzero: {tmp_path}/none.npy: No such file or directory\n"
    code, _, err = kvino("nonzero", tmp_path / "x.npy", "-o", tmp_path / "none" / "out.npz")
    assert code == 1 and "No such file or directory" in err
    code, _, err = kvino("nonzero", tmp_path)
    assert code == 1 and "Is a directory" in err
    with open("/dev/full", "wb") as full:
        done = subprocess.run([COMMAND, "nonzero", tmp_path / "x.npy"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1 and b"No space left on device" in done.stderr
    with open("/dev/full", "wb") as full:
        done = subprocess.run([COMMAND, "nonzero", tmp_path / "x.npy", "-o", "-"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"kvino nonzero: standard output: No space left on device\n")
    assert os.listdir(tmp_path) == ["x.npy"]


def test_devices():
    code, out, err = kvino("devices")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["DEVICE", "NAME", "CAPABILITIES"]
    assert any(line.startswith("CPU ") and "FP32" in line for line in lines[1:])


def test_devices_and_info_as_json(tmp_path):
    code, out, err = kvino("devices", "--json")
    assert (code, err) == (0, "")
    devices = json.loads(out)
    assert [d for d in devices if d["device"] == "CPU" and d["name"] and "FP32" in d["capabilities"]]
    code, out, err = kvino("info", "--json", KVINO_THREADS="3")
    info = json.loads(out)
    assert (code, err) == (0, "") and info["devices"] == devices and info["threads"] == 3 and "libopenvino_c.so" in info["library"]
    assert list(info) == ["kvino", "compiler", "processor", "features", "kernels", "threads", "operators", "pictures", "OpenVINO", "library",
                          "found_by", "devices"]
    code, out, err = kvino("info", "--json", KVINO_OPENVINO=str(tmp_path))
    assert (code, err) == (0, "") and str(tmp_path) in json.loads(out)["error"]


def test_without_openvino(tmp_path):
    code, out, err = kvino("devices", KVINO_OPENVINO=str(tmp_path))
    assert (code, out) == (1, "")
    assert err.startswith("kvino devices: ") and "KVINO_OPENVINO" in err and str(tmp_path) in err
    code, out, err = kvino("info", KVINO_OPENVINO=str(tmp_path))  # to find that out is what it is for
    assert (code, err) == (0, "") and str(tmp_path) in out


def test_info():
    code, out, err = kvino("info")
    assert (code, err) == (0, "")
    rows = dict(line.split(None, 1) for line in out.splitlines() if not line.startswith(" "))
    assert rows["kernels"] in ("scalar", "avx2", "avx512")
    assert int(rows["threads"]) >= 1
    assert re.match(r"20\d\d\.\d", rows["OpenVINO"]) and "libopenvino_c.so" in rows["library"]
    code, out, err = kvino("info", KVINO_ISA="scalar", KVINO_THREADS="3")
    assert re.search(r"^kernels +scalar$", out, re.M) and re.search(r"^threads +3$", out, re.M)
    assert re.search(r"^kernels +scalar$", kvino("info", KVINO_ISA="scalar")[1], re.M)


def test_nonzero_writes_to_names_of_any_length_and_to_devices(tmp_path):
    path, longest = tmp_path / "in.npy", tmp_path / ("n" * 251 + ".npz")
    np.save(path, np.arange(5.0))
    assert kvino("nonzero", path, "-o", longest)[0] == 0
    with np.load(longest) as found:
        assert found["dim0"].tolist() == [1, 2, 3, 4]
    longest.unlink()
    assert os.listdir(tmp_path) == ["in.npy"]
    before = os.stat("/dev/null")
    assert kvino("nonzero", path, "-o", "/dev/null") == (0, "", "")
    assert os.stat("/dev/null") [:3] == before[:3]
    os.mkfifo(tmp_path / "pipe")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        read = pool.submit((tmp_path / "pipe").read_bytes)
        assert kvino("nonzero", path, "-o", tmp_path / "pipe")[0] == 0
    with np.load(io.BytesIO(read.result())) as found:
        assert found["dim0"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("array", [np.array([[0, 1], [2, 0]], np.int8), np.zeros(3), np.ones((2, 1, 2), bool), np.array(1.0)],
                         ids=lambda a: f"{a.dtype}{a.shape}")
@pytest.mark.parametrize("narrow", [False, True])
def test_nonzero_writes_rows_as_argwhere(array, narrow, tmp_path):
    np.save(tmp_path / "in.npy", array)
    options = ["--int32"] if narrow else []
    assert kvino("nonzero", tmp_path / "in.npy", "-o", tmp_path / "out.npy", *options) == (0, "", "")
    done = subprocess.run([COMMAND, "nonzero", tmp_path / "in.npy", "-o", "-", *options], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    for found in (np.load(tmp_path / "out.npy"), np.load(io.BytesIO(done.stdout))):
        assert found.dtype == (np.int32 if narrow else np.int64)
        np.testing.assert_array_equal(found, np.argwhere(array))


def test_nonzero_goes_on_in_standard_output(tmp_path):
    np.save(tmp_path / "in.npy", np.ones(2))
    (tmp_path / "out").write_bytes(b"before")
    with open(tmp_path / "out", "ab") as out:  # >>
        assert subprocess.run([COMMAND, "nonzero", tmp_path / "in.npy", "-o", "-"], stdout=out, timeout=60).returncode == 0
    content = (tmp_path / "out").read_bytes()
    assert content[:6] == b"before" and np.load(io.BytesIO(content[6:])).tolist() == [[0], [1]]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([COMMAND, "nonzero", tmp_path / "in.npy", "-o", "-"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1 and b"No space left on device" in done.stderr


def test_nonzero_of_an_archive(tmp_path):
    path = tmp_path / "in.npz"
    np.savez(path, a=np.array([0, 3]), b=np.eye(2, dtype="float32"))
    code, out, err = kvino("nonzero", path)
    assert (code, err) == (0, "") and out.splitlines() == [
        f"{path}[a]: int64 (2,), 1 of 2 elements are nonzero", "  (1,)",
        f"{path}[b]: float32 (2, 2), 2 of 4 elements are nonzero", "  (0, 0)", "  (1, 1)"]
    assert kvino("nonzero", path, "-m", "b")[1].splitlines() == out.splitlines()[2:]
    for member in ("-mb", "--member=b"):
        assert kvino("nonzero", path, member, "-o", tmp_path / "out.npy") == (0, "", "")
        assert np.load(tmp_path / "out.npy").tolist() == [[0, 0], [1, 1]]
    (tmp_path / "out.npy").unlink()
    code, out, err = kvino("nonzero", path, "-o", tmp_path / "out.npy")
    assert (code, out) == (1, "") and "has 2 arrays: --member says which one" in err
    code, out, err = kvino("nonzero", path, "-m", "c")
    assert (code, out) == (1, "") and "has no array 'c'" in err
    assert os.listdir(tmp_path) == ["in.npz"]
    np.savez(path, only=np.ones(1))
    assert kvino("nonzero", path, "-o", tmp_path / "out.npy")[0] == 0


def test_nonzero_as_json(tmp_path):
    path = tmp_path / "in.npz"
    np.savez(path, a=np.ones(20), b=np.eye(2, dtype="float32"))
    code, out, err = kvino("nonzero", path, "--json")
    a, b = map(json.loads, out.splitlines())
    assert (code, err) == (0, "") and a["count"] == a["size"] == len(a["indices"]) == 20
    assert b == {"file": str(path), "member": "b", "dtype": "float32", "shape": [2, 2], "size": 4, "count": 2, "indices": [[0, 0], [1, 1]]}
    assert json.loads(kvino("nonzero", path, "--json", "-m", "b", "-n", 1)[1])["indices"] == [[0, 0]]


# ---- model files ----

MODELS = pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "corpus" / "model"


def test_show():
    code, out, err = kvino("show", MODELS / "mlp.keras")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert "Input 'x': float32 (None, 2)" in out and "Output 'dense': float32 (None, 2)" in out
    assert ["dense", "(Dense)", "6", "kernel", "(2,", "2)", "bias", "(2,)"] in lines and ["Total", "params:", "6"] in lines
    code, out, err = kvino("show", MODELS / "unknown.keras")
    assert (code, out) == (1, "") and "'l' (Lambda), 'n' (Nowhere)" in err
    assert kvino("show")[0] == 2


def test_show_as_json():
    code, out, err = kvino("show", MODELS / "mlp.keras", "--json")
    shown = json.loads(out)
    assert (code, err) == (0, "") and shown["inputs"] == [{"name": "x", "dtype": "float32", "shape": [None, 2]}]
    layer = next(layer for layer in shown["layers"] if layer["name"] == "dense")
    assert layer["class_name"] == "Dense" and [w["shape"] for w in layer["weights"]] == [[2, 2], [2]]


def test_bench(tmp_path):
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    code, out, err = kvino("bench", "-m", MODELS / "mlp.keras", "-d", "native", "-niter", 7, "-nireq", 2, "-shape", "x[3,2]", "-json_stats", figures,
                           "-html", page, "-pc")
    assert (code, err) == (0, "") and re.search(r"Count: +7 runs", out) and "dense" in out
    results = json.loads(figures.read_text())["execution_results"]
    latency = results["latency_ms"]
    assert results["iterations_num"] == 7 and latency["min"] <= latency["median"] <= latency["p99"] <= latency["max"]
    assert abs(results["throughput_fps"] - 3 * 7 / results["execution_time_ms"] * 1e3) < 1
    assert page.read_text().count("<rect") == 20
    assert kvino("bench", MODELS / "mlp.keras", "-d", "native", "-t", "0.05", "-b", 4)[0] == 0
    for wrong in (["-niter", "0"], ["-nireq", "x"], ["-b"]):
        assert kvino("bench", MODELS / "mlp.keras", *wrong)[0] == 2
    code, out, err = kvino("bench", MODELS / "mlp.keras", "-d", "native", "-shape", "y[1,2]")
    assert code == 1 and "input 'x'" in err


def test_bench_shows_progress_on_a_terminal():
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run([COMMAND, "bench", MODELS / "mlp.keras", "-d", "native", "-niter", "50"], stdout=subprocess.PIPE, stderr=theirs, timeout=60)
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0 and b"50 runs" in done.stdout
    assert "\r[##" in shown and "50%" in shown and shown.endswith("100%\r\033[K")


def test_profile(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 2), "float32"))
    for given in ([], [tmp_path / "x.npy"], ["--shape", "[5,2]"]):
        code, out, err = kvino("profile", MODELS / "mlp.keras", *given, "-d", "native", "-n", 2)
        assert (code, err) == (0, "") and "dense" in out
    assert kvino("profile", MODELS / "mlp.keras", "-d", "native", "--html", tmp_path / "p.html")[0] == 0
    assert "dense" in (tmp_path / "p.html").read_text()


def test_convert(tmp_path):
    for options in ([], ["--compress_to_fp16"]):
        assert kvino("convert", MODELS / "mlp.keras", "-o", tmp_path / "m.xml", *options)[0] == 0
        assert "<net" in (tmp_path / "m.xml").read_text() and (tmp_path / "m.bin").stat().st_size
        (tmp_path / "m.bin").unlink()
    assert kvino("convert", MODELS / "old.h5", "-o", tmp_path / "new.keras")[0] == 0
    assert kvino("show", tmp_path / "new.keras")[1].splitlines()[1:] == kvino("show", MODELS / "old.h5")[1].splitlines()[1:]
    assert kvino("convert", MODELS / "mlp.keras")[0] == 2 and kvino("convert", MODELS / "mlp.keras", "-o", "x.keras", "--compress_to_fp16")[0] == 2


def test_verify(tmp_path):
    x = np.array([[1, 2], [-3, 0.5]], "float32")
    np.savez(tmp_path / "x.npz", x=x)
    kvino("run", MODELS / "mlp.keras", tmp_path / "x.npz", "-d", "native", "-o", tmp_path / "y.npz")
    y = np.load(tmp_path / "y.npz")["dense"]
    verify = ["verify", MODELS / "mlp.keras", tmp_path / "x.npz", tmp_path / "y.npz", "-d", "native"]
    assert kvino(*verify) == (0, "same      dense: 0\n", "")
    np.savez(tmp_path / "y.npz", dense=y + np.float32(0.5))
    code, out, err = kvino(*verify)
    assert (code, err) == (1, "") and "different dense: 0." in out and "  same      dense: 0" in out
    assert kvino(*verify, "-t", "0.6")[0] == 0
    code, out, err = kvino(*verify, "--json")
    found = json.loads(out)
    assert (code, err) == (1, "") and found["tolerance"] == 1e-4 and found["same"] is False
    assert found["outputs"][0]["name"] == "dense" and found["outputs"][0]["difference"] > 0.01
    assert found["layers"] == [{"name": "dense", "same": True, "difference": 0}]
    assert json.loads(kvino(*verify, "--json", "-t", "0.6")[1])["same"] is True
    np.savez(tmp_path / "y.npz", dense=y[:1])
    assert json.loads(kvino(*verify, "--json")[1])["outputs"][0]["difference"] == float("inf")
    assert "different dense: inf" in kvino(*verify)[1]


def test_run(tmp_path):
    x = np.array([[1, 2], [-3, 0.5]], "float32")
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    code, out, err = kvino("run", MODELS / "mlp.keras", tmp_path / "x.npy", "-d", "native")
    assert (code, out, err) == (0, "dense: float32 (2, 2)\n", "")
    results = []
    for source, target in (("x.npy", "y.npy"), ("x.npz", "z.npy"), ("x.npy", "y.npz")):
        assert kvino("run", MODELS / "mlp.keras", tmp_path / source, "-o", tmp_path / target, "-d", "native") == (0, "", "")
        stored = np.load(tmp_path / target)
        results.append(stored["dense"] if target.endswith(".npz") else stored)
    assert results[0].shape == (2, 2) and all(np.array_equal(results[0], y) for y in results)
    assert kvino("run", MODELS / "packed.keras", "-", "-d", "native", "-w", MODELS / "mlp.keras", stdin=(tmp_path / "x.npy").read_bytes())[0] == 0


def test_run_says_what_is_wrong(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 3), "float32"))
    code, out, err = kvino("run", MODELS / "mlp.keras", tmp_path / "x.npy")
    assert (code, out) == (1, "") and "input 'x' must have the shape (None, 2), not (1, 3)" in err
    code, _, err = kvino("run", MODELS / "mlp.keras", tmp_path / "x.npy", tmp_path / "x.npy")
    assert code == 1 and "takes 1 inputs, not 2" in err
    np.save(tmp_path / "complex.npy", np.ones((1, 2), "complex64"))
    code, _, err = kvino("run", MODELS / "mlp.keras", tmp_path / "complex.npy")
    assert code == 1 and "input 'x' takes float32, not complex64" in err
    code, _, err = kvino("run", tmp_path / "x.npy", tmp_path / "x.npy")
    assert code == 1 and "neither an archive" in err
    assert kvino("run", MODELS / "mlp.keras")[0] == 2


# ---- pictures ----


def picture(path, tmp_path):
    """(the boxes' texts with their rectangles, the number of edges)"""
    assert kvino("show", path, "--graph", tmp_path / "model.svg") == (0, "", "")
    svg = "{http://www.w3.org/2000/svg}"
    root = ElementTree.parse(tmp_path / "model.svg").getroot()
    boxes = {}
    for group in root.findall(f"{svg}g"):
        rect = group.find(f"{svg}rect")
        boxes[tuple(t.text for t in group.findall(f"{svg}text"))] = tuple(float(rect.get(k)) for k in ("x", "y", "width", "height"))
    return boxes, len(root.findall(f"{svg}path"))


def test_a_picture_of_layers(tmp_path):
    boxes, edges = picture(CORPUS / "functional.keras", tmp_path)
    assert list(boxes) == [("i", "input: int32 (None, 4)"), ("e", "Embedding"), ("l", "LSTM"), ("m", "Multiply"), ("c", "Concatenate"),
                           ("y", "output: float32 (None, 2)")]
    assert edges == 6
    rows = [y for _, y, _, _ in boxes.values()]
    assert rows == sorted(set(rows))  # from the top down, a row each


def test_a_picture_of_a_graph(tmp_path):
    """Operations of no layer have boxes of their own; names are escaped, boxes lie beside each other."""
    import kvino as package

    K = package.ops
    package.save(lambda x: {"<a> & \"b\"": K.exp(x) + K.sin(x) * K.cos(x)}, tmp_path / "graph.kvino", np.zeros(3, "float32"))
    boxes, edges = picture(tmp_path / "graph.kvino", tmp_path)
    assert {names[0] for names in boxes} == {"x", "Exp", "Sin", "Cos", "Multiply", "Add", '<a> & "b"'} and edges == 8
    places = list(boxes.values())
    for i, (x, y, width, height) in enumerate(places):
        for a, b, w, h in places[:i]:
            assert x + width <= a or a + w <= x or y + height <= b or b + h <= y


def test_a_picture_that_cannot_be_written(tmp_path):
    code, _, err = kvino("show", CORPUS / "mlp.keras", "--graph", tmp_path / "nowhere" / "model.svg")
    assert code == 1 and "model.svg: cannot be written" in err
