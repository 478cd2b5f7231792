"""The page at `/docs`: every call of every service, from their OpenAPI documents. No scripts, no other hosts."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #8889; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line) }
nav a { margin-right: 1rem } code { font: 13px ui-monospace, monospace }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .3rem .7rem }
summary { cursor: pointer } summary b { display: inline-block; width: 3.5rem }
summary span { color: var(--dim); margin-left: .6rem }
table { border-collapse: collapse; margin: .4rem 0 .8rem } td, th { text-align: left; padding: .15rem .8rem .15rem 0 }
td { vertical-align: top; border-top: 1px solid var(--line) } .must::after { content: " *"; color: #c33 }
"""

_REF_DEPTH_MAX = 8


def render(documents: Mapping[str, dict[str, Any]]) -> str:
    """The page as HTML."""
    sections = "".join(_service(name, document) for name, document in documents.items())
    links = "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in documents)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>API</h1>"
        f'<nav>{links}<a href="/asyncapi.yaml">events</a></nav>{sections}'
        f"{'' if documents else '<p>No service answers at the moment.</p>'}</body></html>"
    )


def _service(name: str, document: dict[str, Any]) -> str:
    info = document.get("info", {})
    calls = "".join(_operations(document))
    return (
        f'<section><h2 id="{escape(name)}">{escape(name)}</h2><p>{escape(str(info.get("title", "")))}</p>'
        f'<p><a href="/{escape(name)}/openapi.yaml">openapi.yaml</a> · '
        f'<a href="/{escape(name)}/openapi.json">openapi.json</a> · '
        f'<a href="/mcp/{escape(name)}/PROTOCOL.md">PROTOCOL.md</a></p>{calls}</section>'
    )


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if isinstance(operation, dict) and method in {"get", "post", "put", "delete", "patch"}:
                yield _operation(document, method.upper(), path, operation)


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(_fields(document, operation))
    table = f"<table><tr><th>field<th>type<th></tr>{rows}</table>" if rows else ""
    return (
        f"<details><summary><b>{method}</b><code>{escape(path)}</code><span>{escape(operation.get('summary', ''))}"
        f"</span></summary><p>{escape(operation.get('description', ''))}</p>{table}</details>"
    )


def _fields(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    for listed in operation.get("parameters", []):
        parameter = resolved(document, listed)
        if parameter.get("in") == "query":
            schema = {**parameter.get("schema", {}), "description": parameter.get("description", "")}
            yield _row(document, parameter["name"], schema, bool(parameter.get("required")))
    schema = body_schema(document, operation)
    for name, field in schema.get("properties", {}).items():
        yield _row(document, name, field, name in schema.get("required", ()))


def _row(document: dict[str, Any], name: str, schema: dict[str, Any], must: bool) -> str:
    shown = resolved(document, schema)
    mark = ' class="must"' if must else ""
    about = schema.get("description") or shown.get("description", "")
    return f"<tr><td{mark}><code>{escape(name)}</code><td>{escape(_kind(document, schema))}<td>{escape(about)}</tr>"


def _kind(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> str:
    """The type of a field in one or two words."""
    if (reference := schema.get("$ref")) is not None and resolved(document, schema).get("type") == "object":
        return str(reference).rpartition("/")[2]
    schema = resolved(document, schema)
    if depth < _REF_DEPTH_MAX:
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return " or ".join(_kind(document, each, depth + 1) for each in schema[several])
        if "items" in schema:
            return f"list of {_kind(document, schema['items'], depth + 1)}"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    return str(schema.get("format") or schema.get("type") or "any")


def body_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """The schema of an operation's JSON body, empty if it has none."""
    body = resolved(document, operation.get("requestBody", {}))
    return resolved(document, body.get("content", {}).get("application/json", {}).get("schema", {}))


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The target of a reference within a document; anything else unchanged."""
    for _ in range(_REF_DEPTH_MAX):
        reference = node.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return node
        found: Any = document
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~"), {})
        node = found
    return node
