"""
Queries and forms as ordered pairs.

Spec: WHATWG URL §5 (application/x-www-form-urlencoded), RFC 6749 §3.1 (no repeats).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit, urlunsplit

Pairs = tuple[tuple[str, str], ...]
MAX_FIELDS = 100


class MalformedForm(Exception):
    """The text is not a form, or has too many fields."""

    code = "malformed_form"


def parse_form(text: str | bytes) -> Pairs:
    """
    The pairs of a query or a form body, blanks kept, order kept.

    Raises:
        MalformedForm: Not UTF-8 behind the escapes, or more than 100 fields.
    """
    try:
        raw = text.decode("ascii") if isinstance(text, bytes) else text
        return tuple(
            parse_qsl(
                raw,
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_FIELDS,
                encoding="utf-8",
            )
        )
    except (ValueError, UnicodeError) as error:
        raise MalformedForm("not a form of at most 100 UTF-8 fields") from error


def first(pairs: Pairs, name: str) -> str | None:
    """The first value of a name, or None."""
    return next((value for key, value in pairs if key == name), None)


def repeated(pairs: Pairs, names: Iterable[str]) -> str | None:
    """A name of those given that occurs twice, or None."""
    keys = [key for key, _ in pairs]
    return next((name for name in names if keys.count(name) > 1), None)


def build_form(pairs: Iterable[tuple[str, str]]) -> str:
    """The text of a form; blanks become %20, which every reader understands."""
    return urlencode(list(pairs), quote_via=quote)


def add_query(url: str, pairs: Iterable[tuple[str, str]] | Mapping[str, str]) -> str:
    """A URL with more query arguments; what it already has stays byte for byte."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    extra = build_form(items)
    if not extra:
        return url
    parts = urlsplit(url)
    query = f"{parts.query}&{extra}" if parts.query else extra
    return urlunsplit(parts._replace(query=query))


def remove_arguments(query: str, names: Collection[str]) -> str | None:
    """A query without some arguments, byte for byte otherwise; None for an empty one."""
    kept = [
        part
        for part in query.split("&")
        if unquote_plus(part.partition("=")[0]) not in names
    ]
    return "&".join(kept) or None
