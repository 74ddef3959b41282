"""A hook of MkDocs (mkdocs.yml): the pages of the reference that are made from the program itself, and the change log.

Python's from docstrings and stubs, C's from the headers, the command's from what it says to --help.
"""

import importlib
import inspect
import os
import pathlib
import re
import subprocess
import sys

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parent.parent


def described(name, thing):
    try:
        signature = str(inspect.signature(thing))
    except (TypeError, ValueError):
        signature = ""
    text = inspect.getdoc(thing) or ""
    first = text.split("\n", 1)[0]
    if "(" in first and first.startswith(name.split(".")[-1]):  # C's functions say their signature themselves
        signature, text = first[first.index("("):], text[len(first):].strip()
    return f"### `{name}{signature}`\n\n{text}\n"


def python_page():
    kvino = importlib.import_module("kvino")
    parts = ["# Python\n", (kvino.__doc__ or "").strip() + "\n", "The operators of `kvino.ops` are in [operators](../operators.md).\n"]
    for name in sorted(n for n in dir(kvino) if not n.startswith("_")):
        thing = getattr(kvino, name)
        if inspect.ismodule(thing):
            continue
        parts.append(described(f"kvino.{name}", thing) if callable(thing) else f"### `kvino.{name}`\n\n{inspect.getdoc(thing) or ''}\n")
        if inspect.isclass(thing):
            parts += [described(f"{thing.__name__}.{member}", value).replace("###", "####") for member, value in sorted(vars(thing).items())
                      if not member.startswith("_") and inspect.getdoc(value)]
    return "\n".join(parts)


def c_page():
    parts = ["# C\n", "`#include <kvino/kvino.h>` has all of the following headers. What each operator does is in [operators](../operators.md).\n"]
    for header in sorted((ROOT / "include" / "kvino").glob("*.h")):
        parts.append(f"## kvino/{header.name}\n\n```c\n{header.read_text().strip()}\n```\n")
    return "\n".join(parts)


def command_page():
    command = os.environ.get("KVINO_COMMAND") or pathlib.Path(sys.executable).parent / "kvino"

    def text(*arguments):
        return subprocess.run([command, *arguments], capture_output=True, text=True).stdout.strip()

    usage = text("--help")
    parts = ["# The kvino command\n", f"```text\n{usage}\n```\n"]
    for name in re.findall(r"^  ([a-z]+)  ", usage, re.M):
        if own := text(name, "--help"):
            parts.append(f"## kvino {name}\n\n```text\n{own}\n```\n")
    return "\n".join(parts)


PAGES = {
    "reference/python.md": python_page,
    "reference/c.md": c_page,
    "reference/command.md": command_page,
    "changelog.md": lambda: (ROOT / "CHANGELOG.md").read_text(),
}


def on_files(files, config):
    for path, page in PAGES.items():
        files.append(File.generated(config, path, content=page()))
    return files
