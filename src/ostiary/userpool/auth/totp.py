"""
Codes of authenticator apps: made by RFC 6238, used once each.

Spec: RFC 6238 §4, §5.2; cognito §3.7 (SHA-1, 30 s, six digits, one step to each side).
"""

from __future__ import annotations

import base64
import hmac
from typing import Final

import pyotp

SECRET_BYTES: Final = 32
STEP_S: Final = 30
_DIGITS: Final = 6


def encode_secret(raw: bytes) -> str:
    """A secret as apps take it: base32 without padding."""
    return base64.b32encode(raw).decode("ascii").rstrip("=")


def find_step(secret: str, code: str, *, now: float, last_step: int) -> int | None:
    """
    The time step that a code is of, if it is right; the caller judges whether it was used.

    Args:
        last_step: The newest step whose code was used; that one is still found.
    """
    digits = "".join(code.split())
    if len(digits) != _DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    app = pyotp.TOTP(secret, digits=_DIGITS, interval=STEP_S)
    step = int(now) // STEP_S
    found = None
    for candidate in (step - 1, step, step + 1):
        made = app.generate_otp(candidate)
        if hmac.compare_digest(made, digits) and candidate >= last_step:
            found = candidate
    return found


def build_uri(secret: str, *, account: str, issuer: str) -> str:
    """The `otpauth:` address that a QR code shows to an app."""
    return pyotp.TOTP(secret, digits=_DIGITS, interval=STEP_S).provisioning_uri(
        name=account, issuer_name=issuer
    )
