"""
The declarative file on disk: YAML or JSON, read with the scalars of YAML 1.2.

Under YAML 1.1 a JWK's member `n` or a header `on` would become a boolean; here only `true`
and `false` do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ostiary.model.config import Config
from ostiary.model.declarative import read_declarative

MAX_FILE_BYTES = 32 * 1024 * 1024
_MAX_DEPTH = 200
_HALVES = re.compile("[\ud800-\udfff]")


class FileUnusable(Exception):
    """The file cannot be read or is not YAML; the text names it, and the line."""

    code = "file_unusable"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2, and without duplicate keys."""


_BOOL, _INT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int"
# 1.1 takes `1:30` for 90, `010` for 8 and `2026-01-02` for a date; 1.2 has no such scalars.
_OLDER = {_BOOL, _INT, "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in rows if tag not in _OLDER]
    for sign, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _INT,
    re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    _BOOL,
    re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)


if TYPE_CHECKING:
    from yaml import CSafeDumper, CSafeLoader
else:  # a PyYAML that was built without libyaml has none
    CSafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    CSafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _FastLoader(CSafeLoader):
    """As `_Loader`, by libyaml: 130 000 rows in 16 s instead of 90."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
    _depth = 0

    # Called around every value that is built: libyaml by itself crashes at some depth.

    def descend_resolver(self, _node: object, _index: object) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise RecursionError

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Dumper(CSafeDumper):
    """SafeDumper that quotes whatever either version of YAML takes for no text."""


_Dumper.yaml_implicit_resolvers = {
    sign: [*rows] for sign, rows in yaml.SafeDumper.yaml_implicit_resolvers.items()
}
_Dumper.add_implicit_resolver(
    _INT, re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")
)

_AnyLoader = _Loader | _FastLoader


def _construct_int(loader: _AnyLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _construct_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    # JSON escapes a sign beyond U+FFFF as two halves; one of them alone is no text.
    text = str(loader.construct_scalar(node))
    if _HALVES.search(text):
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    return text


def _construct_mapping(
    loader: _AnyLoader, node: yaml.MappingNode
) -> dict[object, object]:
    loader.flatten_mapping(node)
    found: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} occurs twice", key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


for _loader in (_Loader, _FastLoader):
    _loader.add_constructor(_INT, _construct_int)
    _loader.add_constructor(
        yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping
    )


# libyaml refuses halves by itself.
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG, _construct_text)


def parse_yaml(text: str, *, is_large: bool = False) -> object:
    """
    The value of a YAML (or JSON) text.

    Args:
        is_large: quicker, for the files of operators.

    Raises:
        FileUnusable: It is not YAML; the place is named.
    """
    try:
        if is_large:
            return yaml.load(text, Loader=_FastLoader)  # noqa: S506 - a SafeLoader as well
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, see above
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise FileUnusable(
            f"failed parsing declarative configuration: {problem}{place}"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileUnusable(
            f"failed parsing declarative configuration: {type(error).__name__}: a value or key cannot be read"
        ) from error
    except RecursionError as error:
        raise FileUnusable(
            "failed parsing declarative configuration: nested too deeply"
        ) from error


def load_declarative(path: Path) -> Config:
    """
    The configuration in a file.

    Raises:
        FileUnusable: It cannot be read or is not YAML.
        DeclarativeInvalid: It is not a configuration.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FileUnusable(f"{path} is over 32 MB")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise FileUnusable(f"cannot read {path}: {reason}") from error
    try:
        return read_declarative(parse_yaml(text))
    except FileUnusable as error:
        raise FileUnusable(f"{path}: {error}") from error


def dump_yaml(data: object) -> str:
    """A value as YAML that every reader takes for the same: texts that look otherwise are quoted."""
    return yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
    )
