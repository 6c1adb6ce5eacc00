"""
YAML and JSON that strangers write, read within limits: size, depth, and what aliases grow to.

Scalars are those of YAML 1.2, so that `on` and `1:30` stay texts. What comes out is plain: records
with texts as keys, lists, texts, numbers, truth values, nulls. Pure.

Spec: YAML 1.2.2 §10.3 (core schema); RFC 8259.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import yaml

MAX_DEPTH: Final = 100
MAX_VALUES: Final = 400_000
MAX_YAML_CHARS: Final = 3_000_000
_MAX_DIGITS: Final = 400
_PREFIX: Final = "tag:yaml.org,2002:"
_OF_NODES: Final = frozenset({f"{_PREFIX}map", f"{_PREFIX}seq"})
_MERGE: Final = f"{_PREFIX}merge"

if TYPE_CHECKING:
    from yaml import CSafeLoader
else:  # a PyYAML that was built without libyaml has none
    CSafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class BadText(ValueError):
    """A text is not what it should be; `line` counts from 1, 0 is not known."""

    code = "bad_text"

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


class _Loader(CSafeLoader):
    """Composes nodes and no values; the depth is watched because libyaml itself does not."""

    _depth = 0

    def descend_resolver(self, _node: object, _index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RecursionError

    def ascend_resolver(self) -> None:
        self._depth -= 1


_OLDER: Final = {f"{_PREFIX}{name}" for name in ("bool", "int", "float", "timestamp")}
_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in rows if tag not in _OLDER]
    for sign, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _signs in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
):  # fmt: skip
    _Loader.add_implicit_resolver(
        f"{_PREFIX}{_tag}", re.compile(_pattern), list(_signs)
    )


def parse_yaml(text: str) -> Any:  # Any: plain values
    """
    The one document of a text; None of an empty one.

    Raises:
        BadText: It is none, or goes beyond a limit; the text says where and what to do.
    """
    if len(text) > MAX_YAML_CHARS:
        raise BadText(
            f"longer than {MAX_YAML_CHARS:,} characters: write it as JSON or make it smaller"
        )
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 0 if mark is None else mark.line + 1
        raise BadText(_tell(error, text, line), line) from None
    except yaml.YAMLError as error:
        raise BadText(f"not YAML: {_shorten(str(error))}") from None
    except RecursionError:
        raise BadText(f"nested deeper than {MAX_DEPTH} levels") from None
    finally:
        loader.dispose()
    return None if node is None else _Reader().read(node, 0)


def _shorten(text: str) -> str:
    return text.splitlines()[0][:200] if text else ""


def _tell(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """What is wrong in our words, where we know what people mean."""
    problem = _shorten(error.problem or "not YAML")
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())] or "\\t" in problem:
        return "a tab is used to indent: use spaces"
    if "mapping values are not allowed" in problem:
        return f"{problem}: put a text with a colon into quotes"
    if "another document" in problem:
        return "more than one document: keep one"
    return problem


class _Reader:
    """Nodes to values; what an alias stands for counts each time."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, node: yaml.Node, depth: int) -> Any:
        self._count += 1
        line = node.start_mark.line + 1
        if self._count > MAX_VALUES:
            raise BadText(f"more than {MAX_VALUES:,} values, aliases counted", line)
        if depth > MAX_DEPTH:
            raise BadText(f"nested deeper than {MAX_DEPTH} levels", line)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _OF_NODES:
            raise _unknown(node.tag, line)
        if isinstance(node, yaml.MappingNode):
            return self._read_record(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, depth + 1) for item in node.value]
        return _read_scalar(node, line)

    def _read_record(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                value = self.read(value_node, depth + 1)
                for part in value if isinstance(value, list) else [value]:
                    if not isinstance(part, dict):
                        raise BadText("<< needs a record", line)
                    merged = {**part, **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadText("a key must be a text", line)
            key = str(key_node.value)
            if key in found:
                raise BadText(f"the key {key[:80]!r} occurs twice", line)
            found[key] = self.read(value_node, depth + 1)
        return {**merged, **found}


def _read_scalar(node: yaml.Node, line: int) -> Any:
    text = str(node.value)
    match node.tag.removeprefix(_PREFIX):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if len(text) <= _MAX_DIGITS:
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        case "float" if len(text) <= _MAX_DIGITS and isfinite(float(text)):
            return float(text)
        case "str" | "int" | "float" | "value":
            return text
    raise _unknown(node.tag, line)


def _unknown(tag: str, line: int) -> BadText:
    return BadText(f"the tag {tag[:80]} is not known: leave it out", line)


def parse_json(text: str) -> Any:  # Any: plain values
    """
    The value of a JSON text.

    Raises:
        BadText: It is none, or goes beyond a limit.
    """
    try:
        found = json.loads(
            text,
            object_pairs_hook=_read_pairs,
            parse_constant=_refuse_constant,
            parse_float=_read_finite,
        )
    except json.JSONDecodeError as error:
        raise BadText(f"not JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise BadText(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise BadText(_shorten(str(error))) from None
    _judge(found)
    if "\\u" in text:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadText(
                "has half of a character: \\ud800 to \\udfff need a pair"
            ) from None
    return found


def _read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name[:80]!r} occurs twice")
        found[name] = value
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _read_finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:40]} is too great a number")
    return number


def _judge(value: Any) -> None:
    count = 0
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        count += len(level)
        if count > MAX_VALUES:
            raise BadText(f"more than {MAX_VALUES:,} values")
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return
        level = below
    raise BadText(f"nested deeper than {MAX_DEPTH} levels")
