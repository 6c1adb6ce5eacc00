"""
Values with places in them, filled from the request: `$(headers.x)`, and no code.

Kong runs a Lua expression between the parentheses. Here it is a name, or several of which the
first that is there counts, or a text: `$(headers["x-id"] or query_params.id or 'none')`.

Spec: gateway §4.5 (request-transformer).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# What a name is looked up in, and the name; the answer when it is there.
LookUp = Callable[[str, str], str | None]
_PLACE: Final = re.compile(r"\$\(([^()]*)\)")
_TERM: Final = re.compile(
    r"""\s*(?:
        (?P<source>headers|query_params|uri_captures|shared)
        (?: \.(?P<name>[A-Za-z_][A-Za-z0-9_]*)
          | \[\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<number>\d+))\s*\] )
      | "(?P<text>[^"]*)" | '(?P<other>[^']*)'
    )\s*(?P<more>or\b)?""",
    re.VERBOSE,
)
_HIDDEN: Final = "cookie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A text, or with a `source` a name in it."""

    source: str | None
    value: str


Piece = str | tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and places, in order."""

    pieces: tuple[Piece, ...]

    def render(self, look_up: LookUp) -> str:
        """The whole text; a place for which nothing is there stays empty."""
        return "".join(
            piece if isinstance(piece, str) else _fill(piece, look_up)
            for piece in self.pieces
        )


def _fill(terms: tuple[Term, ...], look_up: LookUp) -> str:
    for term in terms:
        found = term.value if term.source is None else look_up(term.source, term.value)
        if found is not None:
            return found
    return ""


def parse_template(text: str) -> Template:
    """
    A value as an operator wrote it.

    Raises:
        ValueError: There is an expression in it that we do not read.
    """
    pieces: list[Piece] = []
    end = 0
    for place in _PLACE.finditer(text):
        pieces += (text[end : place.start()], _parse_expression(place[1]))
        end = place.end()
    pieces.append(text[end:])
    if any(isinstance(piece, str) and "$(" in piece for piece in pieces):
        raise ValueError("expressions other than names and texts are not supported yet")
    return Template(tuple(piece for piece in pieces if piece != ""))


def _parse_expression(text: str) -> tuple[Term, ...]:
    found: list[Term] = []
    end, goes_on = 0, True
    while goes_on:
        term = _TERM.match(text, end)
        if term is None:
            raise ValueError(
                "expressions other than names and texts are not supported yet"
            )
        found.append(_build_term(term))
        end, goes_on = term.end(), term["more"] is not None
    if end != len(text):
        raise ValueError("expressions other than names and texts are not supported yet")
    return tuple(found)


def _build_term(term: re.Match[str]) -> Term:
    source = term["source"]
    groups = ("name", "double", "single", "number", "text", "other")
    value = next(term[g] for g in groups if term[g] is not None)
    if source == "headers" and value.lower() == _HIDDEN:
        # Our own sessions are among the cookies: no upstream may hold one.
        raise ValueError("cookies in other fields are not supported yet")
    return Term(source=source, value=value)
