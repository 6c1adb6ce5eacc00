"""
People: signing up, confirming, signing in, resetting a password.

The order of steps matters: an attempt or a try is counted before the secret is looked at, and
attempts at one name take turns.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ostiary.jose.seal import mac
from ostiary.model.pool import (
    Attempts,
    CodeKind,
    MailedCode,
    PasswordRecord,
    Pool,
    User,
    UserStatus,
)
from ostiary.ports.mail import MailUnavailable, Message
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import codes, lockout, messages, passwords
from ostiary.userpool.codes import Verdict
from ostiary.userpool.identifiers import new_code, new_sub
from ostiary.userpool.services import Services
from ostiary.userpool.turns import LineTooLong

# RFC 5321 §4.1.2 without quoted strings, address literals and names without a dot: an
# address that two parsers could read as two different ones is nobody's.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(
    rf"(?=[^@]{{1,64}}@.{{1,253}}\Z)(?!.*=\?){_ATOM}(?:\.{_ATOM})*"
    rf"@(?:localhost|{_LABEL}(?:\.{_LABEL})+)"
)
_MAX_ATTRIBUTE: Final = 2048


class AccountError(Exception):
    """A person's request is refused; `code` is the API's exception, `message` its text."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


async def _make_record(
    services: Services, *, pool_id: str, username: str, password: str
) -> PasswordRecord:
    entropy = services.config.entropy
    async with services.hashing:
        return await asyncio.to_thread(
            passwords.make_record,
            pool_id=pool_id,
            username=username,
            password=password,
            argon2_salt=entropy.bytes(passwords.SALT_BYTES),
            srp_salt=entropy.bytes(passwords.SALT_BYTES),
        )


def is_mail_address(text: str) -> bool:
    """Tell whether mail may be sent to this address: plain, and read alike by everyone."""
    return _EMAIL.fullmatch(text) is not None


def check_sign_up(
    pool: Pool, *, name: str, password: str, attributes: Mapping[str, str]
) -> None:
    """
    Judge a sign-up before anything is stored.

    Raises:
        AccountError: The first thing that is wrong, with the field it is about.
    """
    settings = pool.settings
    if settings.AdminCreateUserConfig.AllowAdminCreateUserOnly:
        raise AccountError("NotAuthorizedException", messages.SIGN_UP_CLOSED)
    if not name or len(name) > 128:
        raise AccountError(
            "InvalidParameterException", messages.USERNAME_NOT_EMAIL, field="username"
        )
    missing = [n for n in settings.required_attributes if not attributes.get(n)]
    if missing:
        text = "".join(messages.ATTRIBUTE_REQUIRED.format(n) for n in missing)
        raise AccountError(
            "InvalidParameterException",
            messages.ATTRIBUTES_WRONG.format(text),
            field=missing[0],
        )
    email = attributes.get("email")
    if email is not None and not is_mail_address(email):
        raise AccountError(
            "InvalidParameterException", messages.EMAIL_WRONG, field="email"
        )
    for attribute, value in attributes.items():
        if len(value) > _MAX_ATTRIBUTE:
            raise AccountError(
                "InvalidParameterException",
                messages.STRING_TOO_LONG.format(attribute),
                field=attribute,
            )
    violation = passwords.find_policy_violation(
        password, settings.Policies.PasswordPolicy
    )
    if violation is not None:
        raise AccountError("InvalidPasswordException", violation, field="password")


async def sign_up(
    services: Services,
    pool: Pool,
    *,
    name: str,
    password: str,
    attributes: Mapping[str, str],
) -> User:
    """
    Store a new, unconfirmed user. In an email pool `name` is the address.

    Raises:
        AccountError: Something is wrong, or the name is taken.
    """
    check_sign_up(pool, name=name, password=password, attributes=attributes)
    config, now = services.config, services.now()
    key = pool.settings.login_key(name)
    taken = (
        messages.EMAIL_EXISTS if pool.settings.has_email_names else messages.USER_EXISTS
    )
    if await config.store.find_user(pool_id=pool.id, login_key=key) is not None:
        raise AccountError("UsernameExistsException", taken)
    sub = new_sub(config.entropy)
    username = sub if pool.settings.has_email_names else key
    user = User(
        pool_id=pool.id,
        username=username,
        sub=sub,
        login_key=key,
        attributes={"sub": sub, **attributes, "email_verified": "false"},
        status=UserStatus.UNCONFIRMED,
        password=await _make_record(
            services, pool_id=pool.id, username=username, password=password
        ),
        created_at=now,
        modified_at=now,
    )
    try:
        await config.store.add_user(user)
    except AlreadyExists as error:
        raise AccountError("UsernameExistsException", taken) from error
    return user


async def find_user(services: Services, pool: Pool, name: str) -> User | None:
    """The user with this sign-in name."""
    return await services.config.store.find_user(
        pool_id=pool.id, login_key=pool.settings.login_key(name)
    )


async def sign_in(
    services: Services,
    pool: Pool,
    *,
    name: str,
    password: str,
    hides_existence: bool,
) -> User:
    """
    The user whose name and password these are.

    Raises:
        AccountError: They are not, the user is locked out or disabled, or must reset.
    """
    # As of its arrival: an attempt that has waited for those before it is not judged later.
    now = services.now()
    try:
        async with services.turns.take((pool.id, pool.settings.login_key(name))):
            user = await _prove_password(
                services,
                pool,
                name=name,
                password=password,
                hides_existence=hides_existence,
                now=now,
            )
    except LineTooLong as error:
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_LOCKED) from error
    if not user.enabled:
        raise AccountError("NotAuthorizedException", messages.USER_DISABLED)
    if user.status in {UserStatus.RESET_REQUIRED, UserStatus.FORCE_CHANGE_PASSWORD}:
        raise AccountError("PasswordResetRequiredException", messages.RESET_REQUIRED)
    return user


async def _prove_password(
    services: Services,
    pool: Pool,
    *,
    name: str,
    password: str,
    hides_existence: bool,
    now: float,
) -> User:
    user, allowed = await find_user(services, pool, name), True
    update_attempts = services.config.store.update_attempts
    if user is not None:
        allowed = await update_attempts(
            pool_id=pool.id,
            username=user.username,
            rule=lambda attempts: lockout.begin_attempt(attempts, now=now),
        )
    elif hides_existence:
        key = pool.settings.login_key(name)
        allowed = services.strangers.begin_attempt(
            pool_id=pool.id, login_key=key, now=now
        )
        # For its time alone: a refusal that asks the store less would tell strangers from users.
        await update_attempts(
            pool_id=pool.id, username=key, rule=lambda attempts: (attempts, None)
        )
    if not allowed:
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_LOCKED)
    async with services.hashing:
        right = await asyncio.to_thread(
            passwords.is_right,
            password[: passwords.MAX_LENGTH + 1],
            user.password if user else None,
        )
    if user is None and not hides_existence:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    if user is None or not right:
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG)
    await update_attempts(
        pool_id=pool.id, username=user.username, rule=lambda _: (Attempts(), None)
    )
    return user


def _code_mac(services: Services, user: User, kind: CodeKind, code: str) -> bytes:
    digits = "".join(code.split())
    return mac(
        services.vault.code_key,
        user.pool_id.encode(),
        user.username.encode(),
        kind.value.encode(),
        digits.encode(),
    )


def _code_mail(pool: Pool, user: User, kind: CodeKind, code: str) -> Message | None:
    address = user.attributes.get("email")
    if address is None:
        return None
    template = pool.settings.VerificationMessageTemplate
    text = (
        messages.RESET_MAIL_TEXT
        if kind is CodeKind.RESET
        else template.EmailMessage
        or pool.settings.EmailVerificationMessage
        or messages.MAIL_TEXT
    )
    subject = template.EmailSubject or pool.settings.EmailVerificationSubject
    return Message(
        recipient=address,
        subject=subject or messages.MAIL_SUBJECT,
        text=text.replace("{####}", code).replace("{username}", user.username),
    )


async def mail_code(services: Services, pool: Pool, user: User, kind: CodeKind) -> None:
    """
    Mail a new code, which ends the old one.

    Raises:
        AccountError: Too many mails this hour, or the mail could not be sent.
    """
    now, code = services.now(), new_code(services.config.entropy)
    made = _code_mac(services, user, kind, code)
    message = _code_mail(pool, user, kind, code)
    if message is None:
        return
    opened = await services.config.store.update_code(
        pool_id=pool.id,
        username=user.username,
        kind=kind,
        rule=lambda state: codes.open_code(state, made, kind=kind, now=now),
    )
    if not opened:
        raise AccountError("LimitExceededException", messages.TRIES_EXCEEDED)
    try:
        await services.config.mailer.send(message)
    except MailUnavailable as error:
        raise AccountError(
            "CodeDeliveryFailureException", messages.MAIL_FAILED
        ) from error


async def _try_code(services: Services, user: User, kind: CodeKind, code: str) -> None:
    now, made = services.now(), _code_mac(services, user, kind, code)

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


async def confirm(services: Services, user: User | None, code: str) -> User:
    """
    The user, confirmed by the code from the mail.

    Raises:
        AccountError: Wrong, expired, too many tries, or confirmed already. An unknown user
            looks like an expired code.
    """
    if user is None:
        raise AccountError("ExpiredCodeException", messages.CODE_EXPIRED)
    if user.status is not UserStatus.UNCONFIRMED:
        raise AccountError("NotAuthorizedException", messages.ALREADY_CONFIRMED)
    await _try_code(services, user, CodeKind.CONFIRM, code)
    confirmed = replace(
        user,
        status=UserStatus.CONFIRMED,
        attributes={**user.attributes, "email_verified": "true"},
        modified_at=services.now(),
    )
    await services.config.store.save_user(confirmed)
    return confirmed


def can_reset(user: User) -> bool:
    """Tell whether a code for a new password may be mailed: the address must be proven."""
    return (
        user.enabled
        and user.status in {UserStatus.CONFIRMED, UserStatus.RESET_REQUIRED}
        and user.attributes.get("email_verified") == "true"
    )


async def reset_password(
    services: Services, pool: Pool, user: User | None, *, code: str, password: str
) -> None:
    """
    Set a new password with the code from the mail. An unknown user looks like a wrong code.

    Raises:
        AccountError: The password breaks a rule, or the code is not right.
    """
    violation = passwords.find_policy_violation(
        password, pool.settings.Policies.PasswordPolicy
    )
    if violation is not None:
        raise AccountError("InvalidPasswordException", violation, field="password")
    if user is None or not can_reset(user):
        raise AccountError("CodeMismatchException", messages.CODE_WRONG)
    await _try_code(services, user, CodeKind.RESET, code)
    record = await _make_record(
        services, pool_id=pool.id, username=user.username, password=password
    )
    await services.config.store.save_user(
        replace(
            user,
            password=record,
            status=UserStatus.CONFIRMED,
            modified_at=services.now(),
        )
    )
    await services.config.store.update_attempts(
        pool_id=pool.id, username=user.username, rule=lambda _: (Attempts(), None)
    )
