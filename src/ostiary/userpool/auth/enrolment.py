"""
Setting an authenticator app up in the middle of signing in: a secret, then a code of it.

The secret waits, sealed, in the challenge's session; the user has it once a code was right.

Spec: cognito §3.5 (texts), §3.7 (MFA_SETUP).
"""

from __future__ import annotations

from dataclasses import replace

from ostiary.model.pool import User
from ostiary.userpool import messages
from ostiary.userpool.auth import factors, totp
from ostiary.userpool.auth.guesses import count_guess
from ostiary.userpool.auth.sessions import State, count_try, reissue_session
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services


def new_secret(services: Services) -> str:
    """A secret that no app has yet."""
    return totp.encode_secret(services.config.entropy.bytes(totp.SECRET_BYTES))


def begin(services: Services, state: State) -> tuple[str, str]:
    """A new secret, and the session that holds it."""
    secret = new_secret(services)
    sealed = factors.seal_totp_secret(services.vault, secret)
    return secret, reissue_session(services, state, {"totp": sealed})


def find_secret(services: Services, state: State) -> str | None:
    """The secret that a session holds."""
    sealed = state.data.get("totp")
    if not isinstance(sealed, str):
        return None
    return factors.open_totp_secret(services.vault, sealed)


def find_step(services: Services, sealed: str, code: str) -> int:
    """
    The time step of a code.

    Raises:
        AccountError: EnableSoftwareTokenMFAException: the code is not the secret's.
    """
    secret = factors.open_totp_secret(services.vault, sealed)
    step = totp.find_step(secret, code, now=services.now(), last_step=0)
    if step is None:
        raise AccountError("EnableSoftwareTokenMFAException", messages.TOTP_MISMATCH)
    return step


async def finish(
    services: Services, state: State, user: User, code: str, *, name: str
) -> str:
    """
    Give the user the session's secret, and tell the session that goes on.

    Args:
        name: What the user calls the app.

    Raises:
        AccountError: The session holds no secret, or the code is not its.
    """
    sealed = state.data.get("totp")
    if not isinstance(sealed, str):
        raise AccountError(
            "SoftwareTokenMFANotFoundException", messages.TOTP_UNCONFIGURED
        )
    await count_try(services, state)
    await count_guess(services, user)
    step = find_step(services, sealed, code)

    def rule(current: User) -> tuple[User, User]:
        if factors.find_factors(current):  # another was set up meanwhile
            raise AccountError("NotAuthorizedException", messages.SESSION_WRONG)
        changed = replace(
            current.factors,
            sealed_totp=sealed,
            totp_verified=True,
            software_token=True,
            totp_name=name,
            last_totp_step=step,
            preferred=current.factors.preferred or factors.TOTP,
        )
        enrolled = replace(current, factors=changed)
        return enrolled, enrolled

    enrolled = await services.config.store.change_user(
        pool_id=state.pool_id, username=user.username, rule=rule
    )
    return reissue_session(services, state, {"verified": True}, user=enrolled)
