"""
People: signing up, being created, confirming.

Spec: cognito §3.5 (refusals), §3.9 (states), §3.10 (names), §3.13 (triggers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ostiary.model.pool import CodeKind, Pool, User, UserStatus
from ostiary.model.pool_settings import VERIFIED_ATTRIBUTES, PoolSettings
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import messages, passwords
from ostiary.userpool.attributes import (
    check_required,
    check_values,
    is_mail_address,
    is_phone_number,
    with_attributes,
)
from ostiary.userpool.decoy import write_in_vain
from ostiary.userpool.delivery import Destination, choose_verification
from ostiary.userpool.identifiers import new_sub
from ostiary.userpool.lookup import find_user
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services
from ostiary.userpool.signing_in import make_record
from ostiary.userpool.triggers import NO_CLIENT, Occasion, run_trigger, user_attributes
from ostiary.userpool.verification import try_code

_INVALID: Final = "InvalidParameterException"
_MAX_NAME: Final = 128
_NAMES_WRONG: Final = {
    "email": messages.USERNAME_NOT_EMAIL,
    "phone_number": messages.USERNAME_NOT_PHONE,
}
_TAKEN: Final = {"email": messages.EMAIL_EXISTS, "phone_number": messages.PHONE_EXISTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who is to become a user: the name they asked for, and what they said of themselves."""

    name: str = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    password: str | None = field(default=None, repr=False)
    client_id: str = NO_CLIENT
    validation: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)


def _name_attribute(settings: PoolSettings, name: str) -> str | None:
    """The attribute that a name is, where attributes are the names."""
    allowed = settings.UsernameAttributes or ()
    if "email" in allowed and is_mail_address(name.strip()):
        return "email"
    if "phone_number" in allowed and is_phone_number(name.strip()):
        return "phone_number"
    return None


def check_name(settings: PoolSettings, name: str) -> None:
    """
    Judge a sign-in name by the pool's kind of names.

    Raises:
        AccountError: InvalidParameterException about `username`.
    """
    refusal = None
    # Folding case can lengthen a name, and the folded one is kept too.
    is_long = max(len(name), len(settings.login_key(name))) > _MAX_NAME
    if settings.has_attribute_names:
        if not name or is_long or not _name_attribute(settings, name):
            refusal = _NAMES_WRONG.get(
                "".join(settings.UsernameAttributes or ()), messages.USERNAME_NOT_EITHER
            )
    elif not name or is_long or any(map(str.isspace, name)):
        refusal = messages.USERNAME_WRONG
    elif "email" in (settings.AliasAttributes or ()) and is_mail_address(name):
        refusal = messages.USERNAME_IS_EMAIL
    elif "phone_number" in (settings.AliasAttributes or ()) and is_phone_number(name):
        refusal = messages.USERNAME_IS_PHONE
    if refusal is not None:
        raise AccountError(_INVALID, refusal, field="username")


def check_password(pool: Pool, password: str) -> None:
    """
    Judge a new password by the pool's policy.

    Raises:
        AccountError: InvalidPasswordException with the first rule it breaks.
    """
    violation = passwords.find_policy_violation(
        password, pool.settings.Policies.PasswordPolicy
    )
    if violation is not None:
        raise AccountError("InvalidPasswordException", violation, field="password")


def check_sign_up(pool: Pool, newcomer: Newcomer) -> None:
    """
    Judge a sign-up before anything is stored.

    Raises:
        AccountError: The first thing that is wrong, with the field it is about.
    """
    settings = pool.settings
    if settings.AdminCreateUserConfig.AllowAdminCreateUserOnly:
        raise AccountError("NotAuthorizedException", messages.SIGN_UP_CLOSED)
    named = _name_attribute(settings, newcomer.name)
    known = {**newcomer.attributes, **({named: newcomer.name} if named else {})}
    if not settings.has_attribute_names or not known.get("email"):
        check_name(settings, newcomer.name)
    check_required(settings, known)
    check_values(settings, newcomer.attributes)
    check_name(settings, newcomer.name)
    if newcomer.password is not None:
        check_password(pool, newcomer.password)
    elif not _may_lack_password(pool):
        raise AccountError("InvalidPasswordException", messages.PASSWORD_SHORT)


def _may_lack_password(pool: Pool) -> bool:
    policy = pool.settings.Policies.SignInPolicy
    return policy is not None and set(policy.AllowedFirstAuthFactors) != {"PASSWORD"}


async def build_user(
    services: Services, pool: Pool, newcomer: Newcomer, status: UserStatus
) -> User:
    """
    A new user, not stored yet.

    Raises:
        AccountError: UsernameExistsException.
    """
    settings, now = pool.settings, services.now()
    named = _name_attribute(settings, newcomer.name)
    if await find_user(services, pool, newcomer.name) is not None:
        raise _taken(named)
    sub = new_sub(services.config.entropy)
    key = settings.login_key(newcomer.name)
    username = sub if settings.has_attribute_names else key
    given = dict(newcomer.attributes)
    if named is not None:
        given.setdefault(named, newcomer.name.strip())
    record = None
    if newcomer.password is not None:
        record = await make_record(
            services,
            pool_id=pool.id,
            username=username,
            password=newcomer.password,
        )
    bare = User(
        pool_id=pool.id,
        username=username,
        sub=sub,
        login_key=key,
        attributes={"sub": sub},
        status=status,
        password=record,
        created_at=now,
        modified_at=now,
        password_set_at=now,
    )
    built = with_attributes(pool, bare, given, now=now)
    if status is UserStatus.UNCONFIRMED:
        return built
    # Of who did not sign up, nothing is said that nobody has said.
    unsaid = VERIFIED_ATTRIBUTES - given.keys()
    shown = {k: v for k, v in built.attributes.items() if k not in unsaid}
    return replace(built, attributes=shown)


def _taken(attribute: str | None) -> AccountError:
    text = _TAKEN.get(attribute or "", messages.USER_EXISTS)
    return AccountError("UsernameExistsException", text)


async def ask_pre_sign_up(
    services: Services, pool: Pool, user: User, newcomer: Newcomer, *, source: str
) -> User:
    """
    The user as the PreSignUp trigger wants them: confirmed, or with proven addresses.

    Raises:
        AccountError: The trigger refused or failed.
    """
    answer: dict[str, Any] | None = await run_trigger(  # Any: JSON
        services,
        "PreSignUp",
        Occasion(
            pool=pool,
            source=f"PreSignUp_{source}",
            username=user.username,
            client_id=newcomer.client_id,
            attributes={k: v for k, v in user.attributes.items() if k != "sub"},
            request={
                "validationData": dict(newcomer.validation) or None,
                "clientMetadata": dict(newcomer.metadata) or None,
            },
            response={
                "autoConfirmUser": False,
                "autoVerifyEmail": False,
                "autoVerifyPhone": False,
            },
        ),
    )
    if answer is None:
        return user
    proven = {}
    if answer.get("autoVerifyEmail") and user.attributes.get("email"):
        proven["email_verified"] = "true"
    if answer.get("autoVerifyPhone") and user.attributes.get("phone_number"):
        proven["phone_number_verified"] = "true"
    changed = with_attributes(pool, user, proven, now=user.modified_at)
    if answer.get("autoConfirmUser") and user.status is UserStatus.UNCONFIRMED:
        return replace(changed, status=UserStatus.CONFIRMED)
    return changed


async def ask_post_confirmation(
    services: Services,
    pool: Pool,
    user: User,
    *,
    source: str,
    client_id: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """
    Tell the PostConfirmation trigger.

    Raises:
        AccountError: The trigger refused or failed.
    """
    await run_trigger(
        services,
        "PostConfirmation",
        Occasion(
            pool=pool,
            source=f"PostConfirmation_{source}",
            username=user.username,
            client_id=client_id,
            attributes=user_attributes(user),
            request={"clientMetadata": dict(metadata or {}) or None},
        ),
    )


async def sign_up(services: Services, pool: Pool, newcomer: Newcomer) -> User:
    """
    Store a new user, unconfirmed unless the PreSignUp trigger says otherwise.

    Raises:
        AccountError: Something is wrong, the name is taken, or the trigger refused.
    """
    check_sign_up(pool, newcomer)
    user = await build_user(services, pool, newcomer, UserStatus.UNCONFIRMED)
    user = await ask_pre_sign_up(services, pool, user, newcomer, source="SignUp")
    await add_user(services, pool, user, newcomer)
    if user.status is UserStatus.CONFIRMED:
        await ask_post_confirmation(
            services,
            pool,
            user,
            source="ConfirmSignUp",
            client_id=newcomer.client_id,
            metadata=newcomer.metadata,
        )
    return user


async def add_user(
    services: Services, pool: Pool, user: User, newcomer: Newcomer
) -> None:
    """
    Store a new user.

    Raises:
        AccountError: UsernameExistsException.
    """
    try:
        await services.config.store.add_user(user)
    except AlreadyExists as error:
        raise _taken(_name_attribute(pool.settings, newcomer.name)) from error


async def confirm(
    services: Services,
    pool: Pool,
    user: User | None,
    code: str,
    *,
    force_alias: bool = False,
    client_id: str = NO_CLIENT,
    metadata: Mapping[str, str] | None = None,
) -> User:
    """
    The user, confirmed by the code that was sent.

    Args:
        force_alias: Take an alias away from who has it, as ForceAliasCreation says.

    Raises:
        AccountError: Wrong, expired, too many tries, confirmed already, or the alias is
            another's. An unknown user looks like an expired code.
    """
    if user is None or user.status is not UserStatus.UNCONFIRMED:
        await write_in_vain(services, pool.id, "confirm")  # as a try is counted
    if user is None:
        raise AccountError("ExpiredCodeException", messages.CODE_EXPIRED)
    _check_unconfirmed(user)
    destination = choose_verification(pool, user.attributes)
    sent_to = destination.value if destination else ""
    await try_code(services, user, CodeKind.CONFIRM, code, value=sent_to)
    if force_alias and destination is not None:
        await _take_alias(services, pool, user, destination)
    now = services.now()

    def change(current: User) -> User:
        _check_unconfirmed(current)
        proven = {}
        if destination is not None:
            name = destination.attribute
            if current.attributes.get(name) == destination.value:
                proven[f"{name}_verified"] = "true"
        changed = with_attributes(pool, current, proven, now=now)
        return replace(changed, status=UserStatus.CONFIRMED)

    taken = say_taken(pool, {destination.attribute} if destination else ())
    confirmed = await change_user(services, user, change, taken=taken)
    await ask_post_confirmation(
        services,
        pool,
        confirmed,
        source="ConfirmSignUp",
        client_id=client_id,
        metadata=metadata,
    )
    return confirmed


def _check_unconfirmed(user: User) -> None:
    if user.status is not UserStatus.UNCONFIRMED:
        raise AccountError(
            "NotAuthorizedException", messages.STATUS_WRONG.format(user.status.value)
        )


async def _take_alias(
    services: Services, pool: Pool, user: User, taken: Destination
) -> None:
    """Let another user's address be unproven, so that it is this user's alias."""
    key, now = pool.settings.login_key(taken.value), services.now()
    other = await services.config.store.find_user(pool_id=pool.id, login_key=key)
    if other is None or other.username == user.username or other.login_key == key:
        return
    lost = {f"{taken.attribute}_verified": "false"}
    await change_user(
        services,
        other,
        lambda current: with_attributes(pool, current, lost, now=now),
    )


def say_taken(pool: Pool, attributes: Iterable[str]) -> str:
    """That an address or number among changed attributes is somebody's name already."""
    name = next((n for n in _TAKEN if n in attributes), None)
    if name is not None and pool.settings.has_attribute_names:
        return _TAKEN[name]
    return messages.ALIAS_EXISTS.format(name or "alias")


async def change_user(
    services: Services,
    user: User,
    change: Callable[[User], User],
    *,
    by_user: bool = False,
    taken: str | None = None,
) -> User:
    """
    The user as a change makes them, stored: what happened meanwhile stays as it is.

    Args:
        change: Makes the changed user of the present one; it may raise an AccountError.
        by_user: Refuse when the user was disabled meanwhile.
        taken: What to say when a new value is another user's name already.

    Raises:
        AccountError: UserNotFoundException, AliasExistsException, or what `change` raises.
    """

    def rule(current: User) -> tuple[User, User]:
        if current.sub != user.sub:  # another of the same name
            raise AccountError("UserNotFoundException", messages.USER_MISSING)
        if by_user and not current.enabled:
            raise AccountError("NotAuthorizedException", messages.USER_DISABLED)
        changed = change(current)
        return changed, changed

    try:
        changed = await services.config.store.change_user(
            pool_id=user.pool_id, username=user.username, rule=rule
        )
    except AlreadyExists as error:
        text = taken or messages.ALIAS_EXISTS.format("alias")
        raise AccountError("AliasExistsException", text) from error
    if changed is None:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    return changed
