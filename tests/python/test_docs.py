"""Pages of docs/ run as they stand; the site builds (`make docs`) with every link in place.

Of a page, first all of its Python as one program, then its C, then its commands ("$ "), in one folder; where a text block follows, that
is what is printed. Other pages have their tests beside what they are about (test_keras_config.py, test_keras_steps.py, ...).
"""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import capi
from test_cli import COMMAND

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["start", "sharp-bits", "from-keras-openvino", "deployment", "serving", "sparse", "ragged"]
OTHERS = {"devices-and-precision", "quantization", "generation", "training", "profiling", "export", "files"}
LIBRARY = pathlib.Path(capi.lib._name).resolve()


def blocks(page):
    """[(language, text, what it prints or None)]"""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "docs" / f"{page}.md").read_text(), re.M | re.S)
    following = found[1:] + [("", "")]
    return [(kind, text, then[1] if then[0] == "text" else None) for (kind, text), then in zip(found, following) if kind != "text"]


def run(command, folder, **environment):
    environment = {**os.environ, "PATH": f"{pathlib.Path(COMMAND).parent}:{os.environ['PATH']}", "KERAS_BACKEND": "kvino", **environment}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_page(page, tmp_path):
    code = blocks(page)
    python = [(text, prints) for kind, text, prints in code if kind == "python"]
    assert python
    (tmp_path / "page.py").write_text("\n".join(text for text, _ in python))
    printed = run([sys.executable, "page.py"], tmp_path)
    if expected := "".join(prints for _, prints in python if prints):
        assert printed == expected
    for number, (text, prints) in enumerate((text, prints) for kind, text, prints in code if kind == "c"):
        (tmp_path / f"page{number}.c").write_text(text)
        run(["cc", "-Wall", "-Werror", f"page{number}.c", f"-I{ROOT / 'include'}", LIBRARY, f"-Wl,-rpath,{LIBRARY.parent}", "-o", "page"], tmp_path)
        assert run(["./page"], tmp_path) == prints
    for kind, text, _ in code:
        for command, prints in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.M) if kind == "console" else []:
            assert run(["bash", "-ec", command], tmp_path) == prints


def test_every_page_with_python_is_known():
    with_python = {path.stem for path in (ROOT / "docs").glob("*.md") if "```python" in path.read_text()}
    assert with_python <= {*PAGES, *OTHERS, "configuration"}


def test_lines_are_short():
    """Texts and programs of all pages, not their tables."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for line in page.read_text().splitlines():
            assert len(line) <= 120 or line.startswith("|"), f"{page.name}: {line}"


@pytest.mark.skipif(not importlib.util.find_spec("mkdocs"), reason="requirements/docs.txt is not installed; make docs installs it")
def test_site(tmp_path):
    run([sys.executable, "-m", "mkdocs", "build", "--quiet", "-d", tmp_path], ROOT, KVINO_COMMAND=str(shutil.which(COMMAND) or COMMAND))
    for page in ("index", "start", "reference/python", "reference/c", "reference/command", "changelog"):
        assert (tmp_path / f"{page}.html").stat().st_size > 5000
    text = (tmp_path / "reference/python.html").read_text()
    assert "kvino.function" in text and "fonts.googleapis" not in text
    assert "kvino_model_load" in (tmp_path / "reference/c.html").read_text()
    assert "kvino nonzero" in (tmp_path / "reference/command.html").read_text()
