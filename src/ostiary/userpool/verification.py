"""
Codes that prove an address or a number: made, sent, tried.

A try is counted before the code is looked at. Only an authenticator of a code is kept, bound to
user, kind and the value that the code was sent to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ostiary.jose.seal import mac
from ostiary.model.pool import CodeKind, MailedCode, Pool, User
from ostiary.userpool import codes, messages
from ostiary.userpool.codes import Verdict
from ostiary.userpool.delivery import (
    Destination,
    Purpose,
    choose_verification,
    send_code,
)
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services, issue_code
from ostiary.userpool.triggers import NO_CLIENT

_PURPOSES: Final[Mapping[CodeKind, Purpose]] = {CodeKind.RESET: "reset"}
KIND_OF: Final = {"email": CodeKind.EMAIL, "phone_number": CodeKind.PHONE}


def _code_mac(
    services: Services, user: User, kind: CodeKind, code: str, value: str
) -> bytes:
    digits = "".join(code.split())
    bound = (value.encode(),) if value else ()
    return mac(
        services.vault.code_key,
        user.pool_id.encode(),
        user.username.encode(),
        kind.value.encode(),
        *bound,
        digits.encode(),
    )


async def send_new_code(
    services: Services,
    pool: Pool,
    user: User,
    kind: CodeKind,
    destination: Destination,
    *,
    source: str,
    client_id: str = NO_CLIENT,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """
    Send a new code, which ends the old one of this kind.

    Raises:
        AccountError: Too many this hour, it could not be sent, or the trigger failed.
    """
    now, code = services.now(), issue_code(services)
    made = _code_mac(services, user, kind, code, destination.value)
    opened = await services.config.store.update_code(
        pool_id=pool.id,
        username=user.username,
        kind=kind,
        rule=lambda state: codes.open_code(state, made, kind=kind, now=now),
    )
    if not opened:
        raise AccountError("LimitExceededException", messages.TRIES_EXCEEDED)
    await send_code(
        services,
        pool,
        user,
        destination,
        code,
        purpose=_PURPOSES.get(kind, "verify"),
        source=source,
        client_id=client_id,
        metadata=metadata,
    )


async def send_confirmation(
    services: Services,
    pool: Pool,
    user: User,
    *,
    source: str = "SignUp",
    client_id: str = NO_CLIENT,
    metadata: Mapping[str, str] | None = None,
) -> Destination | None:
    """
    Send the code that confirms a sign-up; None where the pool verifies nothing the user gave.

    Raises:
        AccountError: As `send_new_code`.
    """
    destination = choose_verification(pool, user.attributes)
    if destination is not None:
        await send_new_code(
            services,
            pool,
            user,
            CodeKind.CONFIRM,
            destination,
            source=source,
            client_id=client_id,
            metadata=metadata,
        )
    return destination


async def try_code(
    services: Services, user: User, kind: CodeKind, code: str, *, value: str = ""
) -> None:
    """
    Use a code up.

    Args:
        value: The address or number that the code was sent to: it proves no other.

    Raises:
        AccountError: CodeMismatchException, ExpiredCodeException or LimitExceededException.
    """
    now, made = services.now(), _code_mac(services, user, kind, code, value)

    def rule(state: MailedCode) -> tuple[MailedCode, Verdict]:
        return codes.try_code(state, made, now=now)

    match await services.config.store.update_code(
        pool_id=user.pool_id, username=user.username, kind=kind, rule=rule
    ):
        case Verdict.RIGHT:
            return
        case Verdict.WRONG:
            raise AccountError("CodeMismatchException", messages.CODE_WRONG)
        case Verdict.EXPIRED:
            raise AccountError("ExpiredCodeException", messages.CODE_EXPIRED)
        case Verdict.TOO_MANY:
            raise AccountError("LimitExceededException", messages.TRIES_EXCEEDED)
