"""
Sealed sessions in cookies: deflated when long, split into chunks, put together strictly.

Spec: oidc-plugin cookie format (4096-byte chunks named `session`, `session2` … `session9`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from ostiary.jose.encoding import decode_base64url, encode_base64url
from ostiary.jose.errors import BrokenSeal, JoseError
from ostiary.sessions.keys import Sealer
from ostiary.sessions.session import Session, SessionInvalid, dump_session, load_session

CHUNK_LENGTH = 3900
MAX_CHUNKS = 9
MAX_CANDIDATES = 50
DEFLATE_OVER = 1024
MAX_INFLATED = 128 * 1024
_PLAIN, _DEFLATED = b"p", b"z"


class SessionTooLarge(Exception):
    """The tokens do not fit into nine cookies; a server-side store is needed."""

    code = "session_too_large"


def _pack(data: bytes) -> bytes:
    return (
        _DEFLATED + zlib.compress(data, 6)
        if len(data) > DEFLATE_OVER
        else _PLAIN + data
    )


def _unpack(data: bytes) -> bytes:
    if data[:1] == _PLAIN:
        return data[1:]
    if data[:1] != _DEFLATED:
        raise SessionInvalid("invalid session payload")
    inflater = zlib.decompressobj()
    try:
        # One byte more than allowed: at exactly the limit zlib may not have seen the end.
        found = inflater.decompress(data[1:], MAX_INFLATED + 1)
    except zlib.error as error:
        raise SessionInvalid("invalid session payload") from error
    if not inflater.eof or len(found) > MAX_INFLATED:
        raise SessionInvalid("invalid session data size")
    return found


def chunk_names(name: str) -> tuple[str, ...]:
    """The names a session's cookies may have: `session`, `session2` … `session9`."""
    return (name, *(f"{name}{n}" for n in range(2, MAX_CHUNKS + 1)))


def build_chunks(
    session: Session, *, name: str, sealer: Sealer, binding: bytes, nonce: bytes
) -> tuple[tuple[str, str], ...]:
    """
    The cookies of a session as names and values. The first tells how many there are.

    Raises:
        SessionTooLarge: More than nine would be needed, or reading it back would be refused.
    """
    data = dump_session(session)
    if len(data) > MAX_INFLATED:
        raise SessionTooLarge(f"the session has {len(data)} bytes")
    sealed = sealer.seal(_pack(data), binding=binding, nonce=nonce)
    text = encode_base64url(sealed)
    pieces = [text[at : at + CHUNK_LENGTH] for at in range(0, len(text), CHUNK_LENGTH)]
    if len(pieces) > MAX_CHUNKS:
        raise SessionTooLarge(
            f"the session needs {len(pieces)} cookies, nine is the most"
        )
    pieces[0] = f"{len(pieces)}{pieces[0]}"
    return tuple(zip(chunk_names(name), pieces, strict=False))


def find_candidates(cookies: Iterable[tuple[str, str]], name: str) -> tuple[str, ...]:
    """
    The sealed texts a request may carry under a name: one for each spelling of the first chunk.

    A sibling host can plant a second cookie of the same name, so duplicates are all tried by
    the caller; a missing or repeated later chunk makes a candidate unusable.
    """
    found: dict[str, list[str]] = {}
    names = frozenset(chunk_names(name))
    for key, value in cookies:
        if key in names and value:
            found.setdefault(key, []).append(value)
    candidates = []
    for start in dict.fromkeys(found.get(name, ())):
        count = int(start[0]) if start[0] in "123456789" else 0
        rest = [found.get(f"{name}{n}", []) for n in range(2, count + 1)]
        if count and all(len(chunk) == 1 for chunk in rest):
            candidates.append(start[1:] + "".join(chunk[0] for chunk in rest))
    return tuple(candidates)


def open_session(
    candidates: Sequence[str], *, sealer: Sealer, binding: bytes
) -> Session:
    """
    The one session among the candidates that was sealed here, for this binding.

    Raises:
        SessionInvalid: None is, or more than one.
    """
    opened: list[Session] = []
    for text in candidates[:MAX_CANDIDATES]:
        try:
            payload = sealer.open(decode_base64url(text), binding=binding)
            opened.append(load_session(_unpack(payload)))
        except (BrokenSeal, JoseError, SessionInvalid):
            continue
    if len(opened) != 1:
        reason = (
            "invalid session message authentication code"
            if not opened
            else "several sessions"
        )
        raise SessionInvalid(reason if candidates else "missing session cookie")
    return opened[0]
