"""
USER_AUTH: the person chooses the first factor.

Spec: cognito §3.7 (SELECT_CHALLENGE), §3.11.
"""

from __future__ import annotations

from typing import Final

from ostiary.jose.seal import mac
from ostiary.model.pool import Pool, User, UserStatus
from ostiary.userpool import messages
from ostiary.userpool.auth import factors
from ostiary.userpool.auth.outcome import Challenge, Outcome, Request
from ostiary.userpool.auth.password_verifier import ask_verifier
from ostiary.userpool.auth.sessions import issue_session
from ostiary.userpool.lookup import find_user
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import prove_password

SELECT: Final = "SELECT_CHALLENGE"
BY_PASSWORD: Final = "PASSWORD"  # noqa: S105 - a challenge's name
BY_SRP: Final = "PASSWORD_SRP"
_CODED: Final = {"EMAIL_OTP": "email", "SMS_OTP": "phone_number"}


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
        if name in allowed and (user is None or user.attributes.get(attribute))
    ]
    return tuple(found)


async def begin(request: Request, name: str) -> Outcome:
    """
    The preferred question, or the choice.

    Raises:
        AccountError: There is no such user and that may be said, or nothing to begin with.
    """
    user = await find_user(request.services, request.pool, name)
    if user is None and not request.hides_existence:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    available = find_first_factors(request.pool, user)
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
        return await ask_verifier(request, name, public)
    if wanted in {BY_PASSWORD, BY_SRP}:
        session = issue_session(request, name, wanted, {"name": name})
        return Challenge(name=wanted, session=session, available=(wanted,))
    if user is None:
        return _pretend(request, name, wanted)
    asked = await factors.ask_factor(request, user, wanted)
    return Challenge(
        name=asked.name,
        parameters=asked.parameters,
        session=asked.session,
        available=(wanted,),
    )


def _pretend(request: Request, name: str, wanted: str) -> Challenge:
    """The question to a stranger: nothing is sent, and no answer will be right."""
    seed = mac(request.services.vault.code_key, b"stranger", name.encode()).hex()
    letters = [chr(ord("a") + int(pair, 16) % 26) for pair in (seed[:2], seed[2:4])]
    digits = f"{int(seed[:8], 16) % 10_000:04d}"
    by_mail = wanted == "EMAIL_OTP"
    masked = f"{name[:1] if '@' in name else letters[0]}***@{letters[1]}***"
    return Challenge(
        name=wanted,
        parameters={
            "CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL" if by_mail else "SMS",
            "CODE_DELIVERY_DESTINATION": masked if by_mail else f"+*******{digits}",
        },
        session=issue_session(request, name, wanted, {"device_key": None}),
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
