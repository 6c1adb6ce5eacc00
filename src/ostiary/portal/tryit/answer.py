"""
An answer as a page shows it: as text, without cookies, and without what was sent as a secret. Pure.

Spec: portal §5.2; decision 0048.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from ostiary.ports.own_gateway import MAX_REPLY_BYTES, TIMEOUT_S, OwnReply

HIDDEN: Final = "(hidden)"
# JSON that is longer is shown as it came: writing it anew takes its time.
MAX_PRETTY_CHARS: Final = 200_000
# How much longer it may become by that.
_MOST_BLANKS: Final = 4
_SOME_CHARS: Final = 2_000
_COOKIES: Final = frozenset({"set-cookie", "set-cookie2"})
_CHARSET: Final = re.compile(r"charset=\"?(utf-8|us-ascii|iso-8859-1)\"?", re.IGNORECASE)  # fmt: skip
_BINARY: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Shorter ones would be found in words that are none.
_SHORTEST_SECRET: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An answer to draw. `text` is None where the body is no text; `notes` are about the body."""

    status: int
    phrase: str
    took_ms: int
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    text: str | None = field(repr=False)
    language: str
    size: int
    notes: tuple[str, ...]

    @property
    def mood(self) -> str:
        """How the status is coloured."""
        return {2: "good", 4: "bad", 5: "bad"}.get(self.status // 100, "note")


def show_answer(reply: OwnReply, secrets: Sequence[str] = ()) -> Shown:
    """An answer without what was sent as a secret, should it say that again."""
    kind = next((v for n, v in reply.fields if n.lower() == "content-type"), "")
    raw = _decode(reply, kind)
    text = None if raw is None else hide(raw, secrets)
    language = _language_of(kind)
    if text is not None and language == "json" and not reply.is_cut:
        text = write_json(text)
    notes = [*_list_notes(reply)]
    if raw != text and raw is not None and hide(raw, secrets) != raw:
        notes.append("What you sent as a credential is hidden in it.")
    return Shown(
        status=reply.status,
        phrase=_phrase(reply.status),
        took_ms=reply.took_ms,
        fields=tuple(
            (name, _hide_cookie(value) if name.lower() in _COOKIES else hide(value, secrets))
            for name, value in reply.fields
        ),
        text=text,
        language=language,
        size=len(reply.body),
        notes=tuple(notes),
    )  # fmt: skip


def hide(text: str, secrets: Sequence[str]) -> str:
    """A text without any of some secrets, as they are and as they stand in a URL."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            for form in dict.fromkeys((secret, quote(secret, safe=""), json.dumps(secret)[1:-1])):  # fmt: skip
                text = text.replace(form, HIDDEN)
    return text


def write_json(text: str) -> str:
    """JSON with its lines set apart; what could not be written back as it is stays as it came."""
    if len(text) > MAX_PRETTY_CHARS:
        return text
    try:
        value = json.loads(text, parse_float=_keep_float, parse_constant=_refuse)
        return _write(value, most=len(text) * _MOST_BLANKS + _SOME_CHARS)
    except (ValueError, RecursionError):
        return text


def _write(value: object, *, most: int) -> str:
    """JSON with its lines set apart. Deep nesting may make it a thousand times as long: ValueError."""
    parts, size = [], 0
    for part in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        size += len(part)
        if size > most:
            raise ValueError("it would be too long")
        parts.append(part)
    return "".join(parts)


def _keep_float(text: str) -> float:
    value = float(text)
    if repr(value) != text:
        raise ValueError("it would be shown as another number")
    return value


def _refuse(text: str) -> float:
    raise ValueError(text)


def _hide_cookie(value: str) -> str:
    """The name of a cookie, and how it is kept."""
    pair, _, rest = value.partition(";")
    name = pair.partition("=")[0].strip()
    return f"{name}={HIDDEN};{rest}" if rest else f"{name}={HIDDEN}"


def _decode(reply: OwnReply, kind: str) -> str | None:
    if any(n.lower() == "content-encoding" and v.lower() != "identity" for n, v in reply.fields):  # fmt: skip
        return None
    said = _CHARSET.search(kind)
    charset = said[1].lower() if said else "utf-8"
    # The cut may be inside a character.
    errors = "ignore" if reply.is_cut or reply.is_late else "strict"
    try:
        text = reply.body.decode(charset, errors)
    except UnicodeDecodeError:
        return None
    return None if _BINARY.search(text) else text


def _language_of(kind: str) -> str:
    name = kind.partition(";")[0].strip().lower()
    if name.endswith("json"):
        return "json"
    if name.endswith("html"):
        return "html"
    return "xml" if name.endswith("xml") else "text"


def _list_notes(reply: OwnReply) -> list[str]:
    notes = []
    if reply.is_cut:
        notes.append(f"It was longer than {MAX_REPLY_BYTES // 1024 // 1024} MB: this is its beginning.")  # fmt: skip
    if reply.is_late:
        notes.append(f"It did not end within {TIMEOUT_S:.0f} seconds: this is what had come.")  # fmt: skip
    if 300 <= reply.status < 400:
        notes.append("Redirects are not followed from here.")
    return notes


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
