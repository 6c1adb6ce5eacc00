"""
Head matter: what a file of the portal says of itself, in YAML before its text. Pure.

A page has it between two lines of `---`, a specification under its key `x-headmatter`.

Spec: portal §3.2 (keys), §3.4 (access rules).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.model.safe_yaml import BadText, parse_yaml

EVERYBODY: Final = "*"
_FENCE: Final = re.compile(r"---[ \t]*\r?\n")
_END: Final = re.compile(r"^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_IN_SPECS: Final = ("x-headmatter", "X-headmatter")
_ROUTE: Final = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@/-]*|")
_ROUTE_MAX: Final = 255
MAX_HEAD_CHARS: Final = 64 * 1024
_TEXTS: Final = (
    "layout",
    "title",
    "route",
    "stub",
    "description",
    "catalog_tag",
    "spec_url",
)
_FLAGS: Final = ("output", "private", "hide_filter", "hide_categories")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Headmatter:
    """
    What is said. `readable_by` is None where there is no rule; `extra` are keys of the theme's own.

    `("*",)` is everybody who is signed in; names are roles, of which one is enough; `()` is
    nobody.
    """

    layout: str | None = None
    title: str | None = None
    description: str | None = None
    route: str | None = None
    stub: str | None = None
    catalog_tag: str | None = None
    spec_url: str | None = None
    readable_by: tuple[str, ...] | None = None
    output: bool = True
    private: bool = False
    hide_filter: bool = False
    hide_categories: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)  # Any: plain values


def split_headmatter(contents: str) -> tuple[str | None, str]:
    """The YAML before a text, without its fences, and the text; None where there is none."""
    start = _FENCE.match(contents.removeprefix("\ufeff"))
    text = contents.removeprefix("\ufeff")
    if start is None:
        return None, text
    end = _END.search(text, start.end())
    if end is None:
        return text[start.end() :], ""
    return text[start.end() : end.start()], text[end.end() :]


def read_page(contents: str) -> tuple[Headmatter, str]:
    """
    The head matter of a page, and its text.

    Raises:
        BadText: It is wrong; the text says in which line of the file.
    """
    head, body = split_headmatter(contents)
    if head is None:
        return Headmatter(), body
    if len(head) > MAX_HEAD_CHARS:
        raise BadText("the head matter is too long: close it with a line of ---", 1)
    try:
        found = parse_yaml(head)
    except BadText as error:
        line = error.line + 1 if error.line else 0
        raise BadText(f"the head matter is not YAML: {error.reason}", line) from None
    if found is None:
        return Headmatter(), body
    if not isinstance(found, dict):
        raise BadText("the head matter must be `key: value` lines between ---", 2)
    try:
        return read_headmatter(found), body
    except BadText as error:
        raise BadText(error.reason, _line_of(head, error.reason) + 1) from None


def read_spec_headmatter(document: object) -> Headmatter:
    """
    What a specification says of itself.

    Raises:
        BadText: It is wrong.
    """
    if not isinstance(document, Mapping):
        return Headmatter()
    said = [document[k] for k in _IN_SPECS if document.get(k) is not None]
    found: object = said[0] if said else {}
    if not isinstance(found, Mapping):
        raise BadText("x-headmatter must be a record")
    return read_headmatter(found)


def _line_of(head: str, reason: str) -> int:
    """The line of the key that a reason begins with; the first where it has none."""
    key = reason.partition(" ")[0]
    for number, line in enumerate(head.splitlines(), 1):
        if line.startswith(f"{key}:"):
            return number
    return 1


def read_headmatter(values: Mapping[str, Any]) -> Headmatter:
    """
    Head matter of plain values.

    Raises:
        BadText: A value is not what its key takes; the text begins with the key.
    """
    texts = {name: _read_text(name, values.get(name)) for name in _TEXTS}
    flags = {
        name: _read_flag(name, values[name])
        for name in _FLAGS
        if values.get(name) is not None
    }
    known = {*_TEXTS, *_FLAGS, "readable_by"}
    route = texts["route"]
    if route is not None:
        texts["route"] = check_route(route, "route")
    return Headmatter(
        **texts,  # type: ignore[arg-type]  # names of two tables
        **flags,  # type: ignore[arg-type]  # same
        readable_by=read_rule(values.get("readable_by")),
        extra={str(k): v for k, v in values.items() if k not in known},
    )


def check_route(route: str, name: str) -> str:
    """
    A route as it is matched: with a slash at its beginning and none at its end.

    Raises:
        BadText: It can be no path.
    """
    full = "/" + route.strip("/")
    steps = full.split("/")
    if (
        len(full) > _ROUTE_MAX
        or not _ROUTE.fullmatch(full)
        or ".." in steps
        or "." in steps
        or "" in steps[1:-1]
    ):
        raise BadText(f"{name} must be a path such as /guides/start")
    return full


def _read_text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str):
        raise BadText(f"{name} must be a text")
    return value


def _read_flag(name: str, value: object) -> bool:
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise BadText(f"{name} must be true or false")
    return value


def read_rule(value: object) -> tuple[str, ...] | None:
    """
    Who may read: None without a rule.

    Raises:
        BadText: It is no rule, or one that does not say who may.
    """
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(
        isinstance(n, str) and n.strip() for n in names
    ):
        raise BadText("readable_by must be '*', a role's name or a list of names")
    if not names:
        raise BadText(
            "readable_by names nobody: leave it out for everybody, "
            "or write '*' for everybody who is signed in"
        )
    if EVERYBODY in names and len(names) > 1:
        raise BadText(
            "readable_by mixes '*' with roles: keep '*' for everybody who is signed in, "
            "or the roles alone"
        )
    return tuple(dict.fromkeys(name.strip() for name in names))
