"""
A running code flow: what travels in `state`, what stays in the browser's cookie. Pure.

The cookie holds one random secret. Nonce and PKCE verifier are derived from it and the
server's key, so neither can be computed by somebody who has only the cookie or only the URL.
The state is sealed; it names the cookie, the target and the time.

Spec: RFC 9700 §2.1 and §4.7.1, RFC 7636 §4.1, decisions D2, D5, D8.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ostiary.http.cookies import (
    CookieAttributes,
    build_delete_cookie,
    build_set_cookie,
)
from ostiary.http.head import Field
from ostiary.jose.encoding import decode_base64url, encode_base64url
from ostiary.jose.errors import JoseError
from ostiary.jose.seal import mac
from ostiary.sessions.keys import KEY_ID_BYTES, Sealer
from ostiary.signin.party import CookieNames

MAX_FLOWS = 24
MAX_STATE_LENGTH = 1024
SECRET_BYTES = 32
LOOP_AFTER = 3
LOOP_WINDOW_S = 20
BEGUN_WINDOW_S = 600
# Why sessions are refused, in words that a cookie may say; `refused` for every other reason.
CAUSES = {
    "the access token has expired and cannot be refreshed": "token_over",
    "the refresh was refused": "refresh_refused",
    "the refreshed tokens were refused": "refresh_refused",
    "session idling timeout exceeded": "timed_out",
    "session rolling timeout exceeded": "timed_out",
    "session absolute timeout exceeded": "timed_out",
    "session was not found in the store": "not_stored",
    "session was ended": "ended",
    "invalid session message authentication code": "unreadable",
}
OTHER_CAUSE = "refused"


class FlowInvalid(Exception):
    """The callback belongs to no flow of this browser; `code` names the page."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One started sign-in. `id` ends the cookie's name; `target` is path and query."""

    id: str
    target: str = field(repr=False)
    client: int
    started_at: int
    redirect_uri: str
    secret_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSecrets:
    """What was derived for one flow."""

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


def derive_secrets(key: bytes, secret: str) -> FlowSecrets:
    """Nonce and verifier of a flow's secret, under the server's key."""
    return FlowSecrets(
        nonce=encode_base64url(mac(key, secret.encode(), b"nonce")[:24]),
        verifier=encode_base64url(mac(key, secret.encode(), b"verifier")),
    )


def hash_secret(secret: str) -> str:
    """What the state holds of the cookie's secret."""
    return encode_base64url(hashlib.sha256(secret.encode()).digest()[:16])


def build_flow_id(now: float, entropy: bytes) -> str:
    """An id that sorts by time: 8 hex digits of seconds, 12 of chance."""
    return f"{round(now) & 0xFFFFFFFF:08x}{entropy.hex()}"


def seal_state(flow: Flow, sealer: Sealer, *, binding: bytes, nonce: bytes) -> str:
    """The `state` of a flow, of at most 1 KB: a long target loses its query, then its path."""
    path = flow.target.partition("?")[0]
    for target in (flow.target, path, ""):
        row = [
            1,
            flow.id,
            target,
            flow.client,
            flow.started_at,
            flow.redirect_uri,
            flow.secret_hash,
        ]
        data = json.dumps(row, separators=(",", ":")).encode()
        text = encode_base64url(sealer.seal(data, binding=binding, nonce=nonce))
        if len(text) <= MAX_STATE_LENGTH:
            return text
    raise FlowInvalid(
        "login_failed", "the redirect_uri is too long for a state of 1 KB"
    )


def open_state(state: str, sealer: Sealer, *, binding: bytes) -> tuple[Flow, bytes]:
    """
    The flow in a state that we sealed, and the name of the key that did.

    Raises:
        FlowInvalid: `callback_mismatch`: not ours, changed, or from another plugin.
    """
    try:
        sealed = decode_base64url(state)
        version, *values = json.loads(sealer.open(sealed, binding=binding))
        if version != 1:
            raise FlowInvalid("callback_mismatch", "the state is of another version")
        names = ("id", "target", "client", "started_at", "redirect_uri", "secret_hash")
        return Flow(**dict(zip(names, values, strict=True))), sealed[
            1 : 1 + KEY_ID_BYTES
        ]
    except (JoseError, ValueError, TypeError) as error:
        raise FlowInvalid(
            "callback_mismatch", "the state is not one of ours"
        ) from error


def find_secret(
    flow: Flow, cookies: Iterable[tuple[str, str]], names: CookieNames
) -> str:
    """
    The secret of a flow, from this browser's cookie for it.

    Raises:
        FlowInvalid: `callback_mismatch`: the browser has no such cookie.
    """
    name = f"{names.flow}_{flow.id}"
    for key, value in cookies:
        if key == name and hmac.compare_digest(
            hash_secret(value).encode(), flow.secret_hash.encode()
        ):
            return value
    raise FlowInvalid(
        "callback_mismatch", "this browser did not start the flow, or lost its cookie"
    )


def check_age(flow: Flow, rolling_timeout_s: float, now: float) -> None:
    """
    The flow's time. 0 turns the check off.

    Raises:
        FlowInvalid: `login_expired`.
    """
    if rolling_timeout_s and now >= flow.started_at + rolling_timeout_s:
        raise FlowInvalid(
            "login_expired",
            "the sign-in took longer than authorization_rolling_timeout",
        )


def start_cookies(
    names: CookieNames, flow_id: str, secret: str, cookies: Iterable[tuple[str, str]]
) -> tuple[Field, ...]:
    """Set-Cookie for a new flow; the oldest flows go when there would be more than 24."""
    prefix = f"{names.flow}_"
    running = sorted(
        key for key, _ in cookies if key.startswith(prefix) and "seen" not in key
    )
    surplus = running[: max(0, len(running) - MAX_FLOWS + 1)]
    return (
        (
            b"Set-Cookie",
            build_set_cookie(prefix + flow_id, secret, names.flow_attributes),
        ),
        *(
            (b"Set-Cookie", build_delete_cookie(name, names.flow_attributes))
            for name in surplus
        ),
    )


def count_begun(
    names: CookieNames, cookies: Iterable[tuple[str, str]], now: float
) -> int:
    """
    How many sign-ins this browser began within ten minutes and has not finished.

    Its cookies tell, and without `authorization_rolling_timeout` they stay for long: ids sort by time.
    """
    oldest = f"{names.flow}_{build_flow_id(now - BEGUN_WINDOW_S, b'')}"
    prefix = f"{names.flow}_"
    return sum(key.startswith(prefix) and key >= oldest for key, _ in cookies)


def count_recent(names: CookieNames, cookies: Iterable[tuple[str, str]]) -> int:
    """How many sign-ins this browser finished just now without keeping a session."""
    counts = [value for key, value in cookies if key == seen_name(names)]
    return (
        int(counts[0]) if counts and counts[0].isdecimal() and len(counts[0]) < 3 else 0
    )


def seen_name(names: CookieNames) -> str:
    """The cookie that counts sign-ins finished without a session: the loop detector's memory."""
    return f"{names.flow}-seen"


def cause_name(names: CookieNames) -> str:
    """The cookie that tells why the session of a sign-in just finished was refused."""
    return f"{names.flow}-why"


def seen_attributes(names: CookieNames) -> CookieAttributes:
    """How the loop detector's cookies are set: as the flow's, for 20 seconds."""
    return replace(names.flow_attributes, max_age_s=LOOP_WINDOW_S)


def note_cause(
    names: CookieNames, cookies: Sequence[tuple[str, str]], reason: str
) -> tuple[Field, ...]:
    """Set-Cookie that tells why a session was refused, if a sign-in was finished just now."""
    if not count_recent(names, cookies):
        return ()
    word = CAUSES.get(reason, OTHER_CAUSE)
    cookie = build_set_cookie(cause_name(names), word, seen_attributes(names))
    return ((b"Set-Cookie", cookie),)


def find_cause(names: CookieNames, cookies: Sequence[tuple[str, str]]) -> str | None:
    """
    Why the sessions of the last sign-ins were refused, as a word.

    None where the browser brought no session back: then there was none to refuse.
    """
    if all(name != names.session for name, _ in cookies):
        return None
    told = {value for name, value in cookies if name == cause_name(names)}
    known = told & {*CAUSES.values(), OTHER_CAUSE}
    return known.pop() if len(known) == 1 else None


def forget_recent(names: CookieNames) -> tuple[Field, ...]:
    """Set-Cookie that makes the loop detector begin anew."""
    return tuple(
        (b"Set-Cookie", build_delete_cookie(name, seen_attributes(names)))
        for name in (seen_name(names), cause_name(names))
    )
