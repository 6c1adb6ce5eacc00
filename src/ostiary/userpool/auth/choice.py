"""
USER_AUTH: the person chooses the first factor.

Spec: cognito §3.7 (SELECT_CHALLENGE), §3.11.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from ostiary.model.pool import Pool, User, UserStatus
from ostiary.userpool import messages
from ostiary.userpool.auth import factors, passkeys
from ostiary.userpool.auth.outcome import Challenge, Outcome, Request
from ostiary.userpool.auth.passkey_store import load_passkeys, save_passkey
from ostiary.userpool.auth.password_verifier import ask_verifier
from ostiary.userpool.auth.sessions import State, issue_session
from ostiary.userpool.decoy import write_in_vain
from ostiary.userpool.delivery import Attribute, show_destination
from ostiary.userpool.lookup import find_user
from ostiary.userpool.nobody import invent_user
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import prove_password

SELECT: Final = "SELECT_CHALLENGE"
BY_PASSWORD: Final = "PASSWORD"  # noqa: S105 - a challenge's name
BY_SRP: Final = "PASSWORD_SRP"
_CODED: Final[dict[str, Attribute]] = {
    "EMAIL_OTP": "email",
    "SMS_OTP": "phone_number",
}
_log: Final = logging.getLogger(__name__)


def find_first_factors(pool: Pool, user: User | None) -> tuple[str, ...]:
    """What a person may begin with; a stranger looks like somebody with everything."""
    policy = pool.settings.Policies.SignInPolicy
    allowed = policy.AllowedFirstAuthFactors if policy else ("PASSWORD",)
    found: list[str] = []
    if "PASSWORD" in allowed and (user is None or user.password is not None):
        found += [BY_SRP, BY_PASSWORD]
    if pool.settings.MfaConfiguration == "ON":
        return tuple(found)  # a code alone would be one factor
    if user is not None and user.status is UserStatus.FORCE_CHANGE_PASSWORD and found:
        return tuple(found)
    found += [
        name
        for name, attribute in _CODED.items()
        if name in allowed and (user is None or _is_verified(user, attribute))
    ]
    if passkeys.NAME in allowed and (user is None or user.factors.passkeys):
        found.append(passkeys.NAME)
    return tuple(found)


def _is_verified(user: User, attribute: Attribute) -> bool:
    """Whether an address is proven: a mistyped one would let its owner in."""
    return user.attributes.get(f"{attribute}_verified") == "true" and bool(
        user.attributes.get(attribute)
    )


def find_offered(request: Request, user: User | None) -> tuple[str, ...]:
    """
    What somebody is offered; where existence is hidden, all that the pool allows, whoever it is.

    A user's own factors would tell them from strangers, and one without an address from both.
    """
    return find_first_factors(request.pool, None if request.hides_existence else user)


async def begin(request: Request, name: str) -> Outcome:
    """
    The preferred question, or the choice.

    Raises:
        AccountError: There is no such user and that may be said, or nothing to begin with.
    """
    user = await find_user(request.services, request.pool, name)
    if user is None and not request.hides_existence:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    available = find_offered(request, user)
    if not available:
        raise AccountError("InvalidParameterException", messages.FLOW_DISABLED_OTHER)
    preferred = request.parameters.get("PREFERRED_CHALLENGE")
    if preferred in available:
        return await ask(request, user, name, preferred or "")
    session = issue_session(request, name, SELECT, {"name": name})
    return Challenge(name=SELECT, session=session, available=available)


async def ask(request: Request, user: User | None, name: str, wanted: str) -> Outcome:
    """
    The question of one first factor; one whose answer came along is judged by the caller.

    Raises:
        AccountError: The code could not be sent, or A is no number.
    """
    public = request.parameters.get("SRP_A")
    if wanted == BY_SRP and public:
        return await ask_verifier(request, name, public, flow="USER_AUTH")
    if wanted in {BY_PASSWORD, BY_SRP}:
        session = issue_session(request, name, wanted, {"name": name})
        return Challenge(name=wanted, session=session, available=(wanted,))
    if user is None or not _may_be_asked(request, user, wanted):
        return await _pretend(request, user, name, wanted)
    if wanted == passkeys.NAME:
        known = await load_passkeys(request.services, request.pool, user.username)
        return ask_passkey(request, user, known)
    try:
        asked = await factors.ask_factor(request, user, wanted, first=True)
    except AccountError as error:
        if not request.hides_existence:
            raise
        # Nobody is sent to in a stranger's case, so nothing fails there.
        _log.warning("code not sent: %s", error.code)
        return await _pretend(request, user, name, wanted)
    return Challenge(
        name=asked.name,
        parameters=asked.parameters,
        session=asked.session,
        available=(wanted,),
    )


def ask_passkey(
    request: Request, user: User, known: tuple[passkeys.Passkey, ...]
) -> Challenge:
    """
    The question that only one of the user's passkeys can answer.

    Where existence is hidden none is named: number and lengths would tell. Every passkey of ours
    is one that its authenticator finds by itself.

    Raises:
        AccountError: The pool does not say whom passkeys are for.
    """
    services = request.services
    party = passkeys.find_relying_party(services.config, request.pool)
    raw = services.config.entropy.bytes(passkeys.CHALLENGE_BYTES)
    return Challenge(
        name=passkeys.NAME,
        parameters={
            "CREDENTIAL_REQUEST_OPTIONS": passkeys.build_request_options(
                party, () if request.hides_existence else known, raw
            )
        },
        session=issue_session(request, user, passkeys.NAME, {"bytes": raw.hex()}),
        available=(passkeys.NAME,),
    )


async def check_passkey(request: Request, user: User, state: State) -> bool:
    """
    Judge the answer of a passkey, keep its counter, and tell whether it is two factors in one.

    Raises:
        AccountError: NotAuthorizedException: it proves nothing.
    """
    text = request.parameters.get(passkeys.ANSWER)
    if not text:
        raise AccountError(
            "InvalidParameterException",
            messages.PARAMETER_MISSING.format(passkeys.ANSWER),
        )
    services = request.services
    party = passkeys.find_relying_party(services.config, request.pool)
    known = await load_passkeys(services, request.pool, user.username)
    raw = bytes.fromhex(str(state.data["bytes"]))
    found, count = passkeys.read_assertion(party, text, known, raw)
    await save_passkey(services, request.pool, user, replace(found, sign_count=count))
    return party.is_second_factor


def _may_be_asked(request: Request, user: User, wanted: str) -> bool:
    """Whether a user is really asked; where existence is hidden, the others are as strangers."""
    if not request.hides_existence:
        return True
    return (
        user.enabled
        and user.status is not UserStatus.RESET_REQUIRED
        and wanted in find_first_factors(request.pool, user)
    )


async def _pretend(
    request: Request, user: User | None, name: str, wanted: str
) -> Challenge:
    """The question to who can answer none: no answer will be right."""
    services = request.services
    nobody = invent_user(services, request.pool, name)
    if wanted == passkeys.NAME:
        # Looked for in vain, for the time that it takes.
        await load_passkeys(services, request.pool, nobody.username)
        return ask_passkey(request, nobody, ())
    # In place of the count of codes sent.
    await write_in_vain(services, nobody.pool_id, nobody.username)
    shown = factors.build_shown(
        request,
        show_destination(services, request.pool, user, name, _CODED[wanted]),
        first=True,
    )
    # All that a user's session holds, so that the lengths are the same.
    data = {
        "device_key": None,
        "first": True,
        "salt": services.config.entropy.bytes(16).hex(),
        "mac": services.config.entropy.bytes(32).hex(),
        "shown": shown,
    }
    return Challenge(
        name=wanted,
        parameters=shown,
        session=issue_session(request, nobody, wanted, data),
        available=(wanted,),
    )


async def prove(request: Request, name: str) -> User:
    """
    The user whose password came with the choice.

    Raises:
        AccountError: It is missing, or wrong.
    """
    password = request.parameters.get("PASSWORD")
    if password is None:
        text = messages.PARAMETER_MISSING.format("PASSWORD")
        raise AccountError("InvalidParameterException", text)
    return await prove_password(
        request.services,
        request.pool,
        name=name,
        password=password,
        hides_existence=request.hides_existence,
    )
