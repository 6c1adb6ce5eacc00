"""
Bodies of requests with named values: forms, JSON objects, and multipart forms.

They can be looked at and changed by name; what nobody changes stays as it was sent, byte for
byte where the format allows.

Spec: WHATWG URL §5 (forms), RFC 8259 (JSON), RFC 7578 (multipart/form-data).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol
from urllib.parse import quote_plus, unquote_plus

MAX_PARTS = 1000
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^;,\s]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)


class Named(Protocol):
    """Values by name, in order. A name may have several."""

    def find(self, name: str) -> Sequence[Any]:
        """The values of a name."""
        ...

    def remove(self, name: str) -> None: ...

    def rename(self, old: str, new: str) -> None:
        """Give the values of one name to another, which loses its own."""
        ...

    def replace(self, name: str, value: str) -> None:
        """Let a name that is there have this value only."""
        ...

    def append(self, name: str, value: str) -> None:
        """Give a name one more value."""
        ...

    def dump(self) -> bytes: ...


class Form:
    """A query or a form. Parts that stay are not written anew."""

    def __init__(self, text: str) -> None:
        self._parts = [
            (unquote_plus(part.partition("=")[0]), part)
            for part in text.split("&")
            if part
        ]

    def find(self, name: str) -> Sequence[Any]:
        return [unquote_plus(p.partition("=")[2]) for n, p in self._parts if n == name]

    def remove(self, name: str) -> None:
        self._parts = [pair for pair in self._parts if pair[0] != name]

    def rename(self, old: str, new: str) -> None:
        if self.find(old) and old != new:
            self.remove(new)
            self._parts = [
                (new, quote_plus(new) + mark + text) if name == old else (name, part)
                for name, part in self._parts
                for _, mark, text in (part.partition("="),)
            ]

    def replace(self, name: str, value: str) -> None:
        if self.find(name):
            self.remove(name)
            self.append(name, value)

    def append(self, name: str, value: str) -> None:
        self._parts.append((name, f"{quote_plus(name)}={quote_plus(value)}"))

    def dump_text(self) -> str:
        return "&".join(part for _, part in self._parts)

    def dump(self) -> bytes:
        return self.dump_text().encode("latin-1")


class JsonObject:
    """A JSON object, by its members' names."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members

    def find(self, name: str) -> Sequence[Any]:
        if name not in self.members:
            return ()
        value = self.members[name]
        return value if isinstance(value, list) else (value,)

    def remove(self, name: str) -> None:
        self.members.pop(name, None)

    def rename(self, old: str, new: str) -> None:
        if old in self.members:
            self.members[new] = self.members.pop(old)

    def replace(self, name: str, value: Any) -> None:
        if name in self.members:
            self.members[name] = value

    def append(self, name: str, value: Any) -> None:
        """As Kong: a member that is no array becomes one; where there was none, too."""
        before = self.members.get(name)
        if isinstance(before, list):
            self.members[name] = [*before, value]
        else:
            self.members[name] = [value] if before is None else [before, value]

    def dump(self) -> bytes:
        text = json.dumps(self.members, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")


class Multipart:
    """A multipart form. Parts without a name are kept."""

    def __init__(self, boundary: bytes, parts: list[tuple[str | None, bytes]]) -> None:
        self._boundary = boundary
        self._parts = parts

    def find(self, name: str) -> Sequence[Any]:
        return [
            part.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")
            for n, part in self._parts
            if n == name
        ]

    def remove(self, name: str) -> None:
        self._parts = [pair for pair in self._parts if pair[0] != name]

    def rename(self, old: str, new: str) -> None:
        found = self.find(old)
        if found and old != new:
            self.remove(new)
            self.remove(old)
            for value in found:
                self.append(new, value)

    def replace(self, name: str, value: str) -> None:
        if self.find(name):
            self.remove(name)
            self.append(name, value)

    def append(self, name: str, value: str) -> None:
        shown = re.sub(r'[\r\n"]', lambda m: f"%{ord(m[0]):02X}", name)
        head = f'Content-Disposition: form-data; name="{shown}"\r\n\r\n'
        self._parts.append((name, (head + value).encode()))

    def dump(self) -> bytes:
        line = b"--" + self._boundary
        parts = b"".join(line + b"\r\n" + part + b"\r\n" for _, part in self._parts)
        return parts + line + b"--\r\n"


def parse_named(
    content_type: bytes | None, data: bytes
) -> Form | JsonObject | Multipart | None:
    """A body by its kind; None for one that has no named values, or is broken."""
    text = (content_type or b"").decode("latin-1")
    kind = text.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return Form(data.decode("latin-1"))
    if kind == "application/json":
        return _parse_json(data)
    if kind == "multipart/form-data" and (found := _BOUNDARY.search(text)):
        return _parse_multipart((found[1] or found[2]).encode("latin-1"), data)
    return None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"JSON has no number {name}")


def _parse_json(data: bytes) -> JsonObject | None:
    try:
        found = json.loads(data, parse_constant=_refuse) if data else {}
    except (ValueError, RecursionError):
        return None
    return JsonObject(found) if isinstance(found, dict) else None


def _parse_multipart(boundary: bytes, data: bytes) -> Multipart | None:
    line = b"--" + boundary
    # A delimiter stands at the beginning of a line; the first may begin the body.
    pieces = (b"\r\n" + data).split(b"\r\n" + line)
    if len(pieces) > MAX_PARTS or (data and not pieces[-1].startswith(b"--")):
        return None
    parts: list[tuple[str | None, bytes]] = []
    for piece in pieces[1:-1]:
        padding, end, part = piece.partition(b"\r\n")
        if padding.strip() or not end:
            return None
        found = _NAME.search(part.partition(b"\r\n\r\n")[0])
        name = (
            None
            if found is None
            else (found[1] or found[2] or b"").decode("utf-8", "replace")
        )
        parts.append((name, part))
    return Multipart(boundary, parts)
