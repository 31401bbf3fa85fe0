"""The document as Python types, made of the JSON Schema: `streams/reader/documents.py` is this text.

The reader is shipped without `models`, so its types are written out; a test compares.
"""

from typing import Any

from models.document import SCHEMA
from models.reference_schema import json_schema

_Node = dict[str, Any]
_WIDTH = 110
_HEAD = f'''"""The profile document, schema {SCHEMA}, as types.

Generated: `profilestream contract documents.py`. Absent means unknown, so every name but those of the
head may be missing. FIELDS.md says what each means.
"""

from typing import Any, Literal, Required, TypedDict

SCHEMA = {SCHEMA}
'''


def typed_text() -> str:
    """The module."""
    made: dict[str, str] = {}
    _object("ProfileDocument", json_schema(), made)
    return _HEAD + "".join(f"\n\n{text}" for text in made.values())


def _object(name: str, node: _Node, made: dict[str, str]) -> None:
    """Add a class, after those it speaks of."""
    required = node.get("required", ())
    lines = [
        f"class {name}(TypedDict, total=False):",
        f'    """{node.get("description", "See FIELDS.md.")}"""',
        "",
    ]
    stem = "" if name == "ProfileDocument" else name
    for field, inner in node["properties"].items():
        type_ = _type(stem + field.title().replace("_", ""), inner, made)
        lines.append(_line(field, f"Required[{type_}]" if field in required else type_))
    made[name] = "\n".join(lines) + "\n"


def _line(field: str, type_: str) -> str:
    """One field; a long `Literal` goes over several lines, as the formatter wants it."""
    line = f"    {field}: {type_}"
    if len(line) <= _WIDTH:
        return line
    head, _, values = type_.rstrip("]").partition("[")
    inner = f"        {values}"
    if len(inner) > _WIDTH:
        inner = "\n".join(f"        {value}," for value in values.split(", "))
    return f"    {field}: {head}[\n{inner}\n    ]"


def _type(name: str, node: _Node, made: dict[str, str]) -> str:
    """The type of a value, named `name` if it is an object."""
    if "anyOf" in node:
        return "Literal[True] | str | float"
    if "enum" in node:
        return f"Literal[{', '.join(map(_quoted, node['enum']))}]"
    simple = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
    kind = node.get("type")
    if kind == "array":
        return f"list[{_type(name.removesuffix('s'), node.get('items', {}), made)}]"
    if kind != "object":
        return simple[kind] if kind else "Any"
    if node["additionalProperties"] is not True:
        return f"dict[str, {_type(name.removesuffix('s'), node['additionalProperties'], made)}]"
    _object(name, node, made)
    return name


def _quoted(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
