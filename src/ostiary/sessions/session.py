"""
What a session is and when it ends. Pure: the time is given.

Three clocks, as in Kong: idling since the last touch, rolling since the current id was made,
absolute since the sign-in. 0 turns a clock off.

Spec: oidc-plugin sessions (life cycle, time-outs), decisions D13 and D14.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Literal

TOUCH_AFTER_S = 60
RENEW_AFTER = 0.75
# How many values a session has in each version of the format.
_VERSIONS = {1: 11, 2: 12, 3: 13}


class SessionInvalid(Exception):
    """The session cannot be used; `reason` is Kong's text for the log."""

    code = "session_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The three clocks, in seconds; 0 is off."""

    idling_s: float = 900
    rolling_s: float = 3600
    absolute_s: float = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """
    One signed-in browser.

    `id` names it for logging out and binding; `expires_at` is the access token's end.
    `method` is the one that created it, `client` the index of the client that did and
    `client_hash` its name, hashed: indexes move. `sid` is the provider's name for its own session,
    as its ID token told.
    """

    id: str
    created_at: float
    rolled_at: float
    touched_at: float
    subject: str
    method: str
    client: int
    access_token: str = field(repr=False)
    id_token: str | None = field(repr=False, default=None)
    refresh_token: str | None = field(repr=False, default=None)
    expires_at: float | None = None
    sid: str | None = None
    client_hash: str | None = None


Renewal = Literal["keep", "touch", "renew"]


def check_session(session: Session, timeouts: Timeouts, now: float) -> None:
    """
    The three clocks.

    Raises:
        SessionInvalid: One of them has run out.
    """
    for name, limit, since in (
        ("absolute", timeouts.absolute_s, session.created_at),
        ("rolling", timeouts.rolling_s, session.rolled_at),
        ("idling", timeouts.idling_s, session.touched_at),
    ):
        if limit and now >= since + limit:
            raise SessionInvalid(f"session {name} timeout exceeded")
    if session.created_at > now + 300:
        raise SessionInvalid("invalid session creation time")


def touch_after_s(timeouts: Timeouts) -> float:
    """After how long a used session's cookie is written again: well before it would end."""
    return min(TOUCH_AFTER_S, timeouts.idling_s / 2)


def decide_renewal(session: Session, timeouts: Timeouts, now: float) -> Renewal:
    """Whether the cookie must be written again: after a minute, or 75 % of the rolling time."""
    if (
        timeouts.rolling_s
        and now - session.rolled_at > timeouts.rolling_s * RENEW_AFTER
    ):
        return "renew"
    if timeouts.idling_s and now - session.touched_at > touch_after_s(timeouts):
        return "touch"
    return "keep"


def quiet_until(session: Session, timeouts: Timeouts) -> float:
    """Until when, from its last check on, a session is valid and its cookie can stay as it is."""
    ends = [
        since + limit
        for limit, since in (
            (timeouts.absolute_s, session.created_at),
            (timeouts.rolling_s, session.rolled_at),
            (timeouts.rolling_s * RENEW_AFTER, session.rolled_at),
            (timeouts.idling_s, session.touched_at),
            (touch_after_s(timeouts), session.touched_at),
        )
        if limit
    ]
    return min(ends, default=inf)


def renew(session: Session, kind: Renewal, now: float) -> Session:
    """The session after `decide_renewal`: the sign-in's time is kept, always."""
    if kind == "renew":
        return replace(session, rolled_at=now, touched_at=now)
    return replace(session, touched_at=now) if kind == "touch" else session


def dump_session(session: Session) -> bytes:
    """The session as compact JSON, version 3."""
    return json.dumps(
        [
            3,
            session.id,
            # To the millisecond: an order to log out counts for sessions older than itself.
            round(session.created_at, 3),
            round(session.rolled_at),
            round(session.touched_at),
            session.subject,
            session.method,
            session.client,
            session.expires_at,
            session.access_token,
            session.id_token,
            session.refresh_token,
            session.sid,
            session.client_hash,
        ],
        separators=(",", ":"),
    ).encode()


def load_session(data: bytes) -> Session:
    """
    Read back what `dump_session` wrote, now or before there were `sid` and `client_hash`.

    Raises:
        SessionInvalid: Another version's format (after an upgrade or a rollback), or broken.
    """
    try:
        row: Any = json.loads(data)
        version, *values = row
        names: tuple[str, ...] = (
            "id", "created_at", "rolled_at", "touched_at", "subject", "method", "client",
            "expires_at", "access_token", "id_token", "refresh_token", "sid",
            "client_hash",
        )  # fmt: skip
        if version not in _VERSIONS:
            raise SessionInvalid("invalid session payload")
        names = names[: _VERSIONS[version]]
        values_by_name: Mapping[str, Any] = dict(zip(names, values, strict=True))
    except (ValueError, TypeError) as error:
        raise SessionInvalid("invalid session payload") from error
    session = Session(**values_by_name)
    if not _is_sound(session):
        raise SessionInvalid("invalid session payload")
    return session


def _is_sound(session: Session) -> bool:
    """Tell whether every value has its type: who sealed it may have been another version."""
    numbers = (session.created_at, session.rolled_at, session.touched_at)
    texts = (session.id, session.subject, session.method, session.access_token)
    optional = (
        session.id_token,
        session.refresh_token,
        session.sid,
        session.client_hash,
    )
    return (
        all(_is_number(value) for value in numbers)
        and all(isinstance(value, str) for value in texts)
        and all(value is None or isinstance(value, str) for value in optional)
        and (session.expires_at is None or _is_number(session.expires_at))
        and isinstance(session.client, int)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
