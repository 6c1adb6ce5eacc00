"""
What the Admin API says is wrong, put at the fields that it is about. Pure.

Spec: gateway §1.11 (nested `fields`; `@entity` for what is about several).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ostiary.manager.schema import Field, walk
from ostiary.ports.admin_client import AdminReply

Problem = tuple[tuple[str, ...], str]
_LISTS: Final = frozenset({"array", "set"})
_NAMED: Final = re.compile(r"\s*(?:config\.)?([a-z][a-z0-9_.]*): ")


def flatten(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Every message with its path, deepest names last. Any: JSON."""
    yield from _flatten(fields, ())


def _flatten(value: Any, path: tuple[str, ...]) -> Iterator[Problem]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            if isinstance(inner, str):
                is_whole = path[-1:] == ("@entity",) or len(value) == 1
                yield path if is_whole else (*path, str(number)), inner
            elif inner is not None:
                yield from _flatten(inner, (*path, str(number)))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, (*path, str(name)))


def place_problems(
    reply: AdminReply, fields: Sequence[Field]
) -> dict[str, tuple[str, ...]]:
    """A refusal by the ids of fields; what is about none of them stands at ""."""
    known = {f.id: f for f in walk(fields) if f.widget != "record"}
    placed: dict[str, tuple[str, ...]] = {}
    for path, text in flatten(reply.fields):
        for where, said in _split(path, text, known):
            if said not in placed.get(where, ()):
                placed[where] = (*placed.get(where, ()), said)
    return placed or {"": (reply.message,)}


def _split(
    path: tuple[str, ...], text: str, known: Mapping[str, Field]
) -> Iterator[tuple[str, str]]:
    steps = tuple(step for step in path if step != "@entity")
    if steps != path:
        # Checks of a plugin's config begin with the field that they are about.
        for part in text.split("; "):
            named = _NAMED.match(part)
            where = ".".join((*steps, named[1])) if named else ""
            if where in known:
                yield where, part
            else:
                yield _nearest(steps, known), part
        return
    where = _nearest(steps, known)
    rest = ".".join(steps)[len(where) :].lstrip(".")
    if rest.isdecimal() and where and known[where].kind not in _LISTS:
        rest = ""  # one of several messages, not of several values
    yield where, f"{rest}: {text}" if rest else text


def _nearest(steps: Sequence[str], known: Mapping[str, Field]) -> str:
    for count in range(len(steps), 0, -1):
        name = ".".join(steps[:count])
        if name in known:
            return name
    return ""
