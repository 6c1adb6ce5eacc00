"""
Second factors: which one is asked for, how, and whether the answer is right.

Spec: cognito §3.7 (challenges, MFA rules).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ostiary.jose.seal import mac
from ostiary.model.pool import Pool, User
from ostiary.userpool import messages
from ostiary.userpool.auth import totp
from ostiary.userpool.auth.guesses import count_guess, count_send, forget_guesses
from ostiary.userpool.auth.outcome import Challenge, Request
from ostiary.userpool.auth.sessions import State, issue_session
from ostiary.userpool.delivery import Destination, send_code, send_later
from ostiary.userpool.keys import Vault
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import issue_code

SMS: Final = "SMS_MFA"
EMAIL: Final = "EMAIL_OTP"
TOTP: Final = "SOFTWARE_TOKEN_MFA"
SELECT: Final = "SELECT_MFA_TYPE"
SETUP: Final = "MFA_SETUP"
SMS_FIRST: Final = "SMS_OTP"
CODED: Final = frozenset({SMS, EMAIL, SMS_FIRST})
ANSWER_OF: Final = {
    SMS: "SMS_MFA_CODE",
    EMAIL: "EMAIL_OTP_CODE",
    SMS_FIRST: "SMS_OTP_CODE",
    TOTP: "SOFTWARE_TOKEN_MFA_CODE",
}
_DIGITS: Final = {SMS: 6, EMAIL: 8, SMS_FIRST: 8}
_TOTP_PURPOSE: Final = "authenticator secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask for this factor."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """Let the user choose among these."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """The user has none and needs one; these can be set up."""

    names: tuple[str, ...]


def find_factors(user: User) -> tuple[str, ...]:
    """The factors that a user has."""
    has = (
        (SMS, user.factors.sms and bool(user.attributes.get("phone_number"))),
        (TOTP, user.factors.software_token and user.factors.totp_verified),
        (EMAIL, user.factors.email and bool(user.attributes.get("email"))),
    )
    return tuple(name for name, there in has if there)


def decide_factor(pool: Pool, user: User) -> Ask | Choose | SetUp | None:
    """What is to be asked for after the password; None for nothing."""
    mode = pool.settings.MfaConfiguration
    if mode == "OFF":
        return None
    names = find_factors(user)
    if user.factors.preferred in names:
        return Ask(name=user.factors.preferred or "")
    if len(names) == 1:
        return Ask(name=names[0])
    if names:
        return Choose(names=names)
    if mode == "OPTIONAL":
        return None
    if pool.mfa.has_software_tokens:
        return SetUp(names=(TOTP,))
    if user.attributes.get("phone_number"):
        return Ask(name=SMS)
    return SetUp(names=(SMS,))


def open_totp_secret(vault: Vault, sealed: str) -> str:
    """An authenticator secret, opened."""
    return vault.unseal(bytes.fromhex(sealed), purpose=_TOTP_PURPOSE).decode()


def seal_totp_secret(vault: Vault, secret: str) -> str:
    """An authenticator secret as it is kept."""
    return vault.seal(secret.encode(), purpose=_TOTP_PURPOSE).hex()


def find_destination(user: User, name: str) -> Destination | None:
    """Where a coded factor's code goes."""
    value = user.attributes.get("email" if name == EMAIL else "phone_number")
    if not value:
        return None
    if name == EMAIL:
        return Destination(attribute="email", value=value)
    return Destination(attribute="phone_number", value=value)


def build_shown(
    request: Request, destination: Destination, *, first: bool
) -> dict[str, str]:
    """
    Where a code went, as the question says it.

    Args:
        first: It stands for the password; where existence is hidden, capitals that nobody
            typed would tell of a user.
    """
    if first and request.hides_existence:
        destination = replace(destination, value=destination.value.lower())
    return {
        "CODE_DELIVERY_DELIVERY_MEDIUM": destination.medium,
        "CODE_DELIVERY_DESTINATION": destination.masked,
    }


def _code_mac(request: Request, state_id: str, code: str) -> str:
    key = request.services.vault.code_key
    return mac(key, b"factor", state_id.encode(), code.encode()).hex()


async def ask_factor(
    request: Request,
    user: User,
    name: str,
    *,
    device_key: str | None = None,
    first: bool = False,
    more: Mapping[str, object] | None = None,
) -> Challenge:
    """
    The question for one factor; a coded one is sent its code.

    Args:
        first: It stands for the password, so more may be asked after it.
        more: What else the session is to remember.

    Raises:
        AccountError: There is nowhere to send the code, or sending failed.
    """
    data: dict[str, object] = {"device_key": device_key, **(more or {})}
    if first:
        data["first"] = True
    if name not in CODED:
        return Challenge(
            name=name,
            parameters={
                "FRIENDLY_DEVICE_NAME": user.factors.totp_name,
                "USER_ID_FOR_SRP": user.username,
            },
            session=issue_session(request, user, name, data),
        )
    destination = find_destination(user, name)
    if destination is None:
        text = (
            messages.EMAIL_UNCONFIGURED if name == EMAIL else messages.SMS_UNCONFIGURED
        )
        raise AccountError("InvalidParameterException", text)
    await count_send(request.services, user)
    code = issue_code(request.services, _DIGITS[name])
    salt = request.services.config.entropy.bytes(16).hex()
    data |= {"salt": salt, "mac": _code_mac(request, salt, code)}
    send = partial(
        send_code,
        request.services,
        request.pool,
        user,
        destination,
        code,
        purpose="authenticate",
        source="Authentication",
        client_id=request.client.id,
        metadata=request.metadata,
    )
    if first and request.hides_existence:
        send_later(request.services, send)
    else:
        await send()
    shown = build_shown(request, destination, first=first)
    data["shown"] = dict(shown)
    if name == SMS:
        shown["USER_ID_FOR_SRP"] = user.username
    return Challenge(
        name=name,
        parameters=shown,
        session=issue_session(request, user, name, data),
    )


def ask_choice(
    request: Request, user: User, names: tuple[str, ...], device_key: str | None
) -> Challenge:
    """The question which factor it shall be."""
    return Challenge(
        name=SELECT,
        parameters={
            "MFAS_CAN_CHOOSE": json.dumps(list(names)),
            "USER_ID_FOR_SRP": user.username,
        },
        session=issue_session(request, user, SELECT, {"device_key": device_key}),
    )


def ask_set_up(request: Request, user: User, names: tuple[str, ...]) -> Challenge:
    """The demand to set a factor up first."""
    return Challenge(
        name=SETUP,
        parameters={
            "MFAS_CAN_SETUP": json.dumps(list(names)),
            "USER_ID_FOR_SRP": user.username,
        },
        session=issue_session(request, user, SETUP),
    )


def is_code_right(request: Request, state: State, code: str) -> bool:
    """Tell whether a code is the one that was sent for this session."""
    digits = "".join(code.split())
    kept, salt = state.data.get("mac"), state.data.get("salt")
    if not isinstance(kept, str) or not isinstance(salt, str):
        return False
    return hmac.compare_digest(kept, _code_mac(request, salt, digits))


async def use_totp(request: Request, user: User, code: str) -> None:
    """
    Use a code of the user's authenticator app up.

    Raises:
        AccountError: CodeMismatchException: it is wrong. ExpiredCodeException: it was used.
    """
    now = request.services.now()
    await count_guess(request.services, user)

    def rule(current: User) -> tuple[User, bool | None]:
        if current.factors.sealed_totp is None:
            return current, None
        secret = open_totp_secret(request.services.vault, current.factors.sealed_totp)
        last = current.factors.last_totp_step
        step = totp.find_step(secret, code, now=now, last_step=last)
        if step is None:
            return current, None
        if step == last:
            return current, False
        factors = replace(current.factors, last_totp_step=step)
        return replace(current, factors=factors), True

    right = await request.services.config.store.change_user(
        pool_id=request.pool.id, username=user.username, rule=rule
    )
    if right is None:
        raise AccountError("CodeMismatchException", messages.TOTP_WRONG)
    if not right:
        raise AccountError("ExpiredCodeException", messages.TOTP_USED)
    await forget_guesses(request.services, user)
