"""``/docs``: the OpenAPI document as one page for people, without a script and without a foreign server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8883 }
nav li { list-style: none } h3 { margin-top: 2.5rem }
.verb { display: inline-block; min-width: 4.5rem; font-weight: 600 }
"""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


def page(document: Mapping[str, Any]) -> str:
    """The document as HTML."""
    title = escape(document["info"]["title"])
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>',
        f"<h1>{title}</h1>",
        *(f"<p>{_prose(text)}</p>" for text in document["info"]["description"].strip().split("\n\n")),
        '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>',
        *_contents(document),
        *(part for path, method, operation in _operations(document) for part in _operation(path, method, operation)),
        "<h2>Objects</h2>",
        *(part for name, schema in document["components"]["schemas"].items() for part in _object(name, schema)),
    ]
    return "\n".join(parts)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    tag = None
    yield "<nav>"
    for path, method, operation in sorted(_operations(document), key=lambda found: found[2]["tags"][0]):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            yield f"<h2>{escape(tag)}</h2>"
        link = f'<a href="#{escape(operation["operationId"])}"><code>{escape(path)}</code></a>'
        yield f'<li><span class="verb">{method}</span>{link} {escape(operation["summary"])}</li>'
    yield "</nav>"


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(operation["operationId"])}">{escape(operation["summary"])}</h3>'
    yield f"<pre>{method} {escape(path)}</pre><p>{_prose(operation.get('description', ''))}</p>"
    rows = [
        (f"<code>{escape(given['name'])}</code>", given["in"], _type(given["schema"]), _prose(_about(given)))
        for given in operation.get("parameters", ())
    ]
    if rows:
        yield _table(("parameter", "in", "type", ""), rows)
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, <code>{escape(kind)}</code>: {_type(body['schema'])}</p>"
    answers = []
    for status, answer in operation["responses"].items():
        schema: Mapping[str, Any] = next(
            (content["schema"] for content in answer.get("content", {}).values() if content), {}
        )
        answers.append((status, _type(schema), _prose(answer["description"])))
    yield _table(("status", "body", ""), answers)


def _object(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="schema-{escape(name)}">{escape(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
    if "enum" in schema:
        yield f"<p>{_type(schema)}</p>"
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(field)}</code>{' *' if field in required else ''}",
            _type(of),
            _prose(of.get("description", "")),
        )
        for field, of in schema.get("properties", {}).items()
    ]
    if rows:
        yield _table(("field (* always there)", "type", ""), rows)
    for example in schema.get("examples", ()):
        yield f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _about(given: Mapping[str, Any]) -> str:
    default = given["schema"].get("default")
    says = given.get("description", "")
    return says if default is None else f"{says} Default: `{default}`."


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("format") or schema.get("type") or "anything"))


def _prose(text: str) -> str:
    """Text with its `code` marked."""
    marked = escape(text, quote=False).split("`")
    return "".join(part if i % 2 == 0 else f"<code>{part}</code>" for i, part in enumerate(marked))
