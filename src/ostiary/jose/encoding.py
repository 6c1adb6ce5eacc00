"""
Strict base64url and strict JSON, as tokens need them.

Spec: RFC 7515 §2 (no padding), RFC 4648 §3.5 (canonical), RFC 8725 §3; RFC 7519 §4 (unique names).
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import NoReturn

from ostiary.jose.errors import MalformedToken

_ALPHABET = re.compile(rb"[A-Za-z0-9_-]*")
MAX_JSON_DEPTH = 32


def encode_base64url(data: bytes) -> str:
    """The text of some bytes, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str | bytes) -> bytes:
    """
    The bytes behind a text that has exactly one spelling.

    Stricter than most decoders: padding, other alphabets and non-zero trailing bits are
    refused, so that one signature cannot travel under two texts (a cache-key confusion).

    Raises:
        MalformedToken: The text is not canonical base64url.
    """
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise MalformedToken("base64url text has non-ASCII characters") from error
    if not _ALPHABET.fullmatch(raw) or len(raw) % 4 == 1:
        raise MalformedToken("not base64url without padding")
    data = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    if encode_base64url(data).encode("ascii") != raw:
        raise MalformedToken("base64url text is not canonical")
    return data


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedToken("a JSON object has the same name twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedToken(f"JSON has no number {name}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedToken("a JSON number is too large")
    return number


def _deeper_than(data: bytes, limit: int) -> bool:
    depth = 0
    inside = escaped = False
    for byte in data:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def parse_json_object(data: bytes) -> dict[str, object]:
    """
    A JSON object with unique names, finite numbers and bounded depth.

    Raises:
        MalformedToken: It is anything else.
    """
    if data.count(b"{") + data.count(b"[") > MAX_JSON_DEPTH and _deeper_than(
        data, MAX_JSON_DEPTH
    ):
        raise MalformedToken("JSON is nested too deeply")
    try:
        # Decoded here: json would also take UTF-16, UTF-32 and a byte order mark.
        text = data.decode("utf-8")
        found = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        if "\\u" in text:  # half of a surrogate pair is no text that could be sent on
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedToken("not JSON") from error
    if not isinstance(found, dict):
        raise MalformedToken("not a JSON object")
    return found
