"""What the README, the manual and ``dialer up`` give people to paste, and what can be said of such lines without
running them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import click

from tests.cli.running import ROOT
from worker.api.app import app
from worker.cli import dialer
from worker.cli.lazy import Stub

PAGES = (
    "operating",
    "import",
    "api",
    "assistants",
    "carriers",
    "adding-a-carrier",
    "calling-rules",
    "deployment",
    "settings",
    "changelog",
)
FILES = (
    ROOT / "README.md",
    *(ROOT / "worker" / "manual" / f"{page}.md" for page in PAGES),
    ROOT / "tests" / "chaos" / "README.md",
    ROOT / "tests" / "bench" / "README.md",
)
"""What people read, in the order in which they do."""
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CELERY = {"worker", "beat", "call"}


def blocks() -> list[list[str]]:
    """The blocks of lines for a shell in the README and in the manual."""
    return [commands(block) for file in FILES for block in BLOCK.findall(file.read_text())]


def commands(block: str) -> list[str]:
    """The lines, those that go on joined, without what is empty."""
    return [line for line in block.replace("\\\n", "").splitlines() if line.strip()]


def asks_or_stays(line: str) -> bool:
    """Whether it wants a key from whoever pasted it, and so may only be the last of what is pasted at once."""
    return any(words[0] == "dialer" and "watch" in words[1:3] for words in simple(line))


def simple(line: str) -> Iterator[list[str]]:
    """The words of each simple command in a line: what is assigned, exported or run inside of ``$( )``, too."""
    for part in re.findall(r"\$\(([^)]*)\)", line) or re.split(r" && ", line):
        words = shlex.split(part, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words:
            yield words


def faults(words: list[str]) -> list[str]:
    """What is wrong with a command by what the program knows of its own commands; nothing for others' programs."""
    name = words[0].rpartition("/")[2]
    if name == "python" and words[1:3] == ["-m", "worker"]:
        return _faults_of(["dialer", *words[3:]])
    if name == "dialer":
        return _faults_of(words)
    if name == "celery":
        return [] if words[1:3] == ["-A", "worker"] and words[3] in CELERY else [f"celery cannot {words[1:]}"]
    if name == "curl":
        return _faults_of_request(words)
    return []


def _faults_of(words: list[str]) -> list[str]:
    """Every command is there, every option is one of its, nothing that asks is left to ask."""
    command: click.Command = dialer
    rest = words[1:]
    context = click.Context(command, info_name="dialer")
    while isinstance(command, click.Group):
        found = command.get_command(context, rest[0]) if rest else None
        if found is None:
            return [f"there is no command {words}"]
        command, rest = found.load() if isinstance(found, Stub) else found, rest[1:]
    known = {option: param for param in command.params for option in param.opts}
    wrong = [f"{words} has no {word}" for word in rest if word.startswith("--") and word not in known]
    return wrong + [f"{words} asks" for _ in [0] if "--yes" in known and "--yes" not in rest]


def _faults_of_request(words: list[str]) -> list[str]:
    """The path is one of the API's, the headers are there, every field is one of the request's."""
    url = next(word for word in words if word.startswith("$API"))
    body = words[words.index("-d") + 1] if "-d" in words else None
    method = words[words.index("-X") + 1].lower() if "-X" in words else "get" if body is None else "post"
    wanted = re.sub(r"\$[A-Z]+", "{}", url.replace("$API", "/api/crm"))
    document: dict[str, Any] = app.openapi()
    path = next((it for it in document["paths"] if re.sub(r"\{\w+\}", "{}", it) == wanted), None)
    if path is None or method not in document["paths"][path]:
        return [f"the API has no {method} {url}"]
    wrong = [] if "$AUTH" in words and (body is None or "$JSON" in words) else [f"{words} lacks a header"]
    if body is not None:
        content = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
        schema = document["components"]["schemas"][content["$ref"].rpartition("/")[2]]
        wrong += [f"{path} has no field {name}" for name in json.loads(body).keys() - schema["properties"].keys()]
        wrong += [f"{path} needs {name}" for name in set(schema.get("required", ())) - json.loads(body).keys()]
    return wrong
