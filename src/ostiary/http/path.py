"""
One request target, taken apart and normalised once: for match, decision and upstream alike.

Ambiguous spellings are refused instead of guessed, because the upstream may guess otherwise:
that is how path rules get bypassed.

Spec: RFC 3986 §6.2.2, §5.2.4; RFC 9112 §3.2.
"""

from __future__ import annotations

import re

from ostiary.http.value import frozen

_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9._~!$&'()*+,;=:@-]*)*/?")
_FORBIDDEN = re.compile(
    r"[\x00-\x20\x7f-\U0010ffff#\\]|%(?![0-9A-Fa-f]{2})|%5[cC]|%[01][0-9A-Fa-f]|%7[fF]"
)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
_PARAMETERS = re.compile(r"(?:;|%3B)[^/]*")
_SLASHES = re.compile(r"//+")


class AmbiguousTarget(Exception):
    """The target can be read in two ways; `reason` says which sign is to blame."""

    code = "ambiguous_target"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen
class Target:
    """
    A parsed request target.

    `path` is normalised; `raw_path` is as sent; `query` has no question mark, and None
    means there was none (an empty one is kept). `others` is how other servers read `path`.
    """

    path: str
    raw_path: str
    query: str | None
    others: tuple[str, ...] = ()

    @property
    def raw(self) -> str:
        """The target as sent."""
        return self.raw_path if self.query is None else f"{self.raw_path}?{self.query}"


def _decode_unreserved(match: re.Match[str]) -> str:
    sign = chr(int(match[1], 16))
    return sign if sign in _UNRESERVED else f"%{match[1].upper()}"


def remove_dot_segments(path: str) -> str:
    """The path without `.` and `..` segments (RFC 3986 §5.2.4)."""
    done: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == "..":
            if done:
                done.pop()
        elif segment != ".":
            done.append(segment)
            continue
        if last:
            done.append("")
    return "/" + "/".join(done)


def _hides_dots(segment: str) -> bool:
    """Tell whether a segment is a way up for servers that decode it or drop its parameters."""
    if "." not in segment or not (
        "%2F" in segment or ";" in segment or "%3B" in segment
    ):
        return False
    for piece in segment.replace("%2F", "/").split("/"):
        name = piece.replace("%3B", ";").partition(";")
        if name[0] in {".", ".."} and (name[1] or piece != segment):
            return True
    return False


def read_otherwise(path: str) -> tuple[str, ...]:
    """
    How servers that drop path parameters or decode slashes read a normalised path.

    Empty where there is no other reading.
    """
    if ";" not in path and "%3B" not in path and "%2F" not in path:
        return ()
    found = []
    for text in (path, path.replace("%2F", "/")):
        found.append(text)
        found.append(_PARAMETERS.sub("", text))
    clean = (remove_dot_segments(_SLASHES.sub("/", text)) for text in found)
    return tuple(dict.fromkeys(text for text in clean if text != path))


def normalise_path(path: str) -> str:
    """
    The one spelling of a path.

    Unreserved signs are decoded, hex is upper case, dot and empty segments are gone.
    `%2F` and `%3B` stay data where no reading of them moves the path.

    Raises:
        AmbiguousTarget: A sign that servers read differently.
    """
    if _PLAIN.fullmatch(path):
        return path or "/"
    if bad := _FORBIDDEN.search(path):
        raise AmbiguousTarget(f"the path has {bad[0]!a}")
    decoded = _ESCAPE.sub(_decode_unreserved, path)
    if any(_hides_dots(segment) for segment in decoded.split("/")):
        raise AmbiguousTarget("the path has a hidden dot segment")
    clean = remove_dot_segments(_SLASHES.sub("/", decoded))
    if clean.startswith("/%2F"):
        raise AmbiguousTarget("the path starts with an encoded slash")
    return clean


def parse_target(target: bytes) -> Target:
    """
    Take an origin-form target apart.

    Raises:
        AmbiguousTarget: Not origin-form, or a path that can be read in two ways.
    """
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError as error:
        raise AmbiguousTarget("the target has non-ASCII bytes") from error
    raw_path, mark, query = text.partition("?")
    if not raw_path.startswith("/"):
        raise AmbiguousTarget("the target does not start with /")
    if mark and re.search(r"[\x00-\x20\x7f#]", query):
        raise AmbiguousTarget("the query has a control sign, a blank or #")
    path = normalise_path(raw_path)
    return Target(
        path=path,
        raw_path=raw_path,
        query=query if mark else None,
        others=read_otherwise(path),
    )
