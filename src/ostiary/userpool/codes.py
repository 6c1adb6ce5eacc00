"""
Mailed codes: opened, tried, used up. Six digits are few, so tries and mails are counted.

Only an authenticator of the code is kept. A new code replaces the old one.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from enum import Enum
from typing import Final

from ostiary.model.pool import CodeKind, MailedCode

LIFETIME_S: Final = {
    CodeKind.CONFIRM: 86400,
    CodeKind.RESET: 3600,
    CodeKind.EMAIL: 86400,
    CodeKind.PHONE: 86400,
}
TRIES_PER_HOUR: Final = 15
SENDS_PER_HOUR: Final = 5
_HOUR_S: Final = 3600


class Verdict(Enum):
    """What became of a try."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    TOO_MANY = "too many"


def open_code(
    code: MailedCode, mac: bytes, *, kind: CodeKind, now: float
) -> tuple[MailedCode, bool]:
    """The state with a new code in it, and whether one may be mailed at all this hour."""
    if now - code.sends_since >= _HOUR_S:
        code = replace(code, sends=0, sends_since=now)
    if code.sends >= SENDS_PER_HOUR:
        return code, False
    opened = replace(
        code, mac=mac, expires_at=now + LIFETIME_S[kind], sends=code.sends + 1
    )
    return opened, True


def try_code(code: MailedCode, mac: bytes, *, now: float) -> tuple[MailedCode, Verdict]:
    """The state after a try, and its verdict. A right code works once."""
    if now - code.tries_since >= _HOUR_S:
        code = replace(code, tries=0, tries_since=now)
    if code.tries >= TRIES_PER_HOUR:
        return code, Verdict.TOO_MANY
    code = replace(code, tries=code.tries + 1)
    if code.mac is None or now >= code.expires_at:
        return code, Verdict.EXPIRED
    if not hmac.compare_digest(code.mac, mac):
        return code, Verdict.WRONG
    return replace(code, mac=None), Verdict.RIGHT
