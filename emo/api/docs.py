"""The OpenAPI document, and the page that shows it: without scripts, fonts or other servers."""

import copy
import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2

from emo.api.problems import MEDIA_TYPE

TEMPLATES = Path(__file__).with_name("templates")

TOKEN = "token"  # noqa: S105
"""Name of the security scheme."""

_VALIDATION = ("HTTPValidationError", "ValidationError")  # FastAPI's own, which is not used
_SCHEMAS = "#/components/schemas/"


def complete(document: Mapping[str, Any], root_path: str, needs_token: bool) -> dict[str, Any]:
    """Return the OpenAPI document of FastAPI with the server, the errors and the tokens.

    Parameters
    ----------
    root_path
        Path of the API.
    needs_token
        Whether requests need a token.
    """
    content: dict[str, Any] = copy.deepcopy(dict(document))
    content["servers"] = [{"url": root_path or "/"}]
    schemas = content["components"]["schemas"]
    for name in _VALIDATION:
        schemas.pop(name, None)
    for path, _, operation in operations(content):
        for status, response in list(operation["responses"].items()):
            if f"{_SCHEMAS}{_VALIDATION[0]}" in json.dumps(response):
                del operation["responses"][status]
            elif int(status) >= 400:
                response["content"] = {MEDIA_TYPE: next(iter(response["content"].values()))}
        if needs_token and not path.endswith("/health"):
            operation["security"] = [{TOKEN: []}]
    if needs_token:
        content["components"]["securitySchemes"] = {TOKEN: {"type": "http", "scheme": "bearer"}}
    return content


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and description of every operation of an OpenAPI document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def render(document: Mapping[str, Any], address: str) -> str:
    """Return the page of an OpenAPI document as HTML.

    Parameters
    ----------
    address
        Scheme and host of the server, for the example.
    """
    security = document["components"].get("securitySchemes")
    return _template().render(
        document=document,
        operations=list(operations(document)),
        address=address,
        root=document["servers"][0]["url"],
        needs_token=security is not None,
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"kind": describe_type, "pieces": pieces, "reference": reference}
    return environment.get_template("docs.html.j2")


def describe_type(schema: Mapping[str, Any]) -> str:
    """Return the type of a value in words, with the names of schemas.

    >>> describe_type({"type": "array", "items": {"$ref": "#/components/schemas/Window"}})
    'list of Window'
    """
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_SCHEMAS)
    if "anyOf" in schema:
        kinds = [describe_type(part) for part in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kinds))
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {describe_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"{describe_type(schema['additionalProperties'])} by name"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return names.get(kind, str(kind)) if schema.get("format") != "binary" else "file"


def reference(schema: Mapping[str, Any]) -> str:
    """Return the name of the schema that a value refers to, at any depth; empty if none."""
    for key, value in schema.items():
        if key == "$ref":
            return str(value).removeprefix(_SCHEMAS)
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if isinstance(part, Mapping) and (name := reference(part)):
                return name
    return ""


def pieces(text: str) -> list[tuple[str, bool]]:
    """Return the pieces of a text, and whether each is code, which stands between backticks.

    >>> pieces("Add `why`: reasons.")
    [('Add ', False), ('why', True), (': reasons.', False)]
    """
    parts = text.replace("*", "").split("`")
    return [(part, i % 2 == 1) for i, part in enumerate(parts) if part]
