"""
The pages' way into the engine that signs people in through the API: same steps, same triggers.

No client speaks here, so none has to prove itself, and the end is no tokens but a person who
has proven all there is to prove.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ostiary.model.pool import User
from ostiary.userpool import messages
from ostiary.userpool.auth import choice, steps
from ostiary.userpool.auth.completion import complete
from ostiary.userpool.auth.flows import is_flow_allowed
from ostiary.userpool.auth.outcome import Outcome, Request
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.lookup import find_user
from ostiary.userpool.migration import migrate
from ostiary.userpool.rates import read_address
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import prove_password
from ostiary.userpool.triggers import has_trigger

_BEFORE_PASSWORDS: Final = ("PreAuthentication", "UserMigration")
_CODES: Final = ("EMAIL_OTP", "SMS_OTP")


def build_request(visit: Visit, parameters: Mapping[str, str]) -> Request:
    """A call of the engine for a visit."""
    return Request(
        services=visit.services,
        pool=visit.site.pool,
        client=visit.client,
        parameters=parameters,
        hosted=True,
        address=read_address(visit.request),
    )


def find_code_ways(visit: Visit) -> tuple[str, ...]:
    """The codes that may stand for a password at this pool and client."""
    if not is_flow_allowed(visit.client.settings, "USER_AUTH"):
        return ()
    offered = choice.find_first_factors(visit.site.pool, None)
    return tuple(way for way in _CODES if way in offered)


async def prove(visit: Visit, request: Request, name: str, password: str) -> User:
    """
    The user whose password this is, as long as no trigger objects.

    Raises:
        AccountError: It is not, or one does.
    """
    # Not looked up for nothing: what a refusal costs must not tell who exists.
    if any(has_trigger(visit.site.pool, trigger) for trigger in _BEFORE_PASSWORDS):
        found = await find_user(visit.services, visit.site.pool, name) or await migrate(
            visit.services,
            visit.site.pool,
            name,
            password=password,
            client_id=visit.client.id,
        )
        await steps.ask_pre_authentication(request, found, name)
    return await prove_password(
        visit.services,
        visit.site.pool,
        name=name,
        password=password,
        hides_existence=visit.hides_existence,
    )


async def ask_code(visit: Visit, name: str, way: str) -> Outcome:
    """
    Begin with a code instead of the password.

    Raises:
        AccountError: There is nobody to send it to and that may be said, or a trigger objects.
    """
    request = build_request(visit, {})
    found = await find_user(visit.services, visit.site.pool, name)
    await steps.ask_pre_authentication(request, found, name)
    if way not in choice.find_offered(request, found):
        found = None
    if found is None and not visit.hides_existence:
        raise AccountError("UserNotFoundException", messages.NO_CODE_WAY)
    return await choice.ask(request, found, name, way)


async def finish_sign_up(visit: Visit, user: User) -> Outcome:
    """
    The end of a sign-up whose code was right; a second factor is not asked for yet.

    Spec: cognito §3.7 (MFA rules, the first sign-in after self sign-up).

    Raises:
        AccountError: A trigger objects.
    """
    request = build_request(visit, {})
    await steps.ask_pre_authentication(request, user, user.username)
    return await complete(request, user)
