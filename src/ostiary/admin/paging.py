"""
Pages and filters of collections.

Spec: gateway §1.12.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ostiary.admin import refusals

DEFAULT_SIZE = 100
MAX_SIZE = 1000
MAX_TAGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a query says of a list."""

    size: int = DEFAULT_SIZE
    after: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    any_tag: bool = False


def read_asked(query: Mapping[str, str], *, columns: int = 1) -> Asked:
    """
    The page that a query asks for; `columns` is how many values an offset has.

    Raises:
        Refused: Size, offset or tags are none.
    """
    tags, any_tag = _read_tags(query.get("tags"))
    return Asked(
        size=_read_size(query.get("size")),
        after=_read_offset(query.get("offset"), columns),
        tags=tags,
        any_tag=any_tag,
    )


def _read_size(text: str | None) -> int:
    if text is None:
        return DEFAULT_SIZE
    try:
        size = float(text)
    except ValueError as error:
        raise refusals.invalid_size("size must be a number") from error
    if size != size or not 1 <= size <= MAX_SIZE or size != int(size):  # noqa: PLR0124 - NaN
        raise refusals.invalid_size(f"size must be an integer between 1 and {MAX_SIZE}")
    return int(size)


def _is_text(value: str) -> bool:
    """Whether a database takes it: no half of a pair, no NUL."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def _read_offset(text: str | None, columns: int) -> tuple[str, ...]:
    if text is None:
        return ()
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise refusals.invalid_offset(text, "bad base64 encoding") from error
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise refusals.invalid_offset(text, "bad json encoding") from error
    if (
        not isinstance(values, list)
        or len(values) != columns
        or not all(isinstance(value, str) and _is_text(value) for value in values)
    ):
        raise refusals.invalid_offset(text, "bad json encoding")
    return tuple(values)


def _read_tags(text: str | None) -> tuple[tuple[str, ...], bool]:
    if text is None:
        return (), False
    if not text:
        raise refusals.invalid_option("tags", "cannot be null")
    if "," in text and "/" in text:
        raise refusals.invalid_option("tags", "invalid filter syntax")
    tags = text.split("/" if "/" in text else ",")
    if not all(tags):
        raise refusals.invalid_option("tags", "invalid filter syntax")
    if len(tags) > MAX_TAGS:
        raise refusals.invalid_option("tags", f"cannot query more than {MAX_TAGS} tags")
    return tuple(tags), "/" in text


def build_offset(values: Sequence[str]) -> str:
    """Where the next page begins."""
    text = json.dumps([*values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def build_list(
    rows: Sequence[object],
    *,
    after: Sequence[str] | None,
    path: str,
    query: Mapping[str, str],
) -> dict[str, object]:
    """A page as Kong shows it; `offset` and `next` lead on."""
    if after is None:
        return {"data": [*rows], "next": None}
    offset = build_offset(after)
    link = f"{path}?offset={quote(offset)}"
    for name in ("tags", "size"):
        if name in query:
            link += f"&{name}={quote(query[name], safe=',')}"
    return {"data": [*rows], "offset": offset, "next": link}
