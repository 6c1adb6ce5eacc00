"""Operations of an operator on users."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Pool, User, UserStatus
from ostiary.userpool import accounts, messages
from ostiary.userpool.accounts import Newcomer, change_user
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.pools import load_pool
from ostiary.userpool.api.user_shape import build_user_shape
from ostiary.userpool.attributes import (
    check_mutable,
    check_values,
    find_custom,
    read_list,
    with_attributes,
)
from ostiary.userpool.delivery import Attribute, Destination, send_code
from ostiary.userpool.identifiers import new_password
from ostiary.userpool.lookup import find_user, load_named_user
from ostiary.userpool.recovery import find_recovery, send_reset_code, set_password
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.triggers import NO_CLIENT
from ostiary.userpool.verification import KIND_OF, send_new_code

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_CODED: Final[tuple[Attribute, ...]] = ("email", "phone_number")


async def _load(call: Call, pool_id: str, name: str) -> tuple[Pool, User]:
    pool = await load_pool(call, pool_id)
    return pool, await load_named_user(call.services, pool, name)


async def admin_create_user(
    call: Call, given: t.AdminCreateUserRequestTypeDef
) -> Shape:
    """AdminCreateUser: a user with a temporary password, who is sent it."""
    pool = await load_pool(call, given["UserPoolId"])
    action = given.get("MessageAction")
    if action == "RESEND":
        return await _resend(call, pool, given)
    attributes = read_list(given.get("UserAttributes"))
    check_values(pool.settings, attributes)
    accounts.check_name(pool.settings, given["Username"])
    policy = pool.settings.Policies.PasswordPolicy
    password = given.get("TemporaryPassword") or new_password(
        call.services.config.entropy, policy.MinimumLength
    )
    if given.get("TemporaryPassword"):
        accounts.check_password(pool, password)
    newcomer = Newcomer(
        name=given["Username"],
        attributes=attributes,
        password=password,
        validation=read_list(given.get("ValidationData")),
        metadata=given.get("ClientMetadata", {}),
    )
    try:
        user = await accounts.build_user(
            call.services, pool, newcomer, UserStatus.FORCE_CHANGE_PASSWORD
        )
        user = await accounts.ask_pre_sign_up(
            call.services, pool, user, newcomer, source="AdminCreateUser"
        )
        await accounts.add_user(call.services, pool, user, newcomer)
    except AccountError as error:
        if error.message == messages.USER_EXISTS:
            raise ApiError(error.code, messages.USER_EXISTS_ADMIN) from error
        raise
    if action != "SUPPRESS":
        await _invite(call, pool, user, password, given)
    return {"User": build_user_shape(user)}


async def _resend(
    call: Call, pool: Pool, given: t.AdminCreateUserRequestTypeDef
) -> Shape:
    user = await find_user(call.services, pool, given["Username"])
    if user is None:
        raise ApiError("UserNotFoundException", messages.USER_MISSING)
    if user.status is not UserStatus.FORCE_CHANGE_PASSWORD:
        text = messages.RESEND_WRONG.format(given["Username"])
        raise ApiError("UnsupportedUserStateException", text)
    policy = pool.settings.Policies.PasswordPolicy
    password = given.get("TemporaryPassword") or new_password(
        call.services.config.entropy, policy.MinimumLength
    )
    user = await set_password(
        call.services, pool, user, password, status=UserStatus.FORCE_CHANGE_PASSWORD
    )
    await _invite(call, pool, user, password, given)
    return {"User": build_user_shape(user)}


async def _invite(
    call: Call,
    pool: Pool,
    user: User,
    password: str,
    given: t.AdminCreateUserRequestTypeDef,
) -> None:
    """Send the temporary password by the media that are wanted and there is an address for."""
    media = given.get("DesiredDeliveryMediums") or ["SMS"]
    for name in _CODED:
        value = user.attributes.get(name)
        destination = Destination(attribute=name, value=value or "")
        if value and destination.medium in media:
            await send_code(
                call.services,
                pool,
                user,
                destination,
                password,
                purpose="invite",
                source="AdminCreateUser",
                client_id=NO_CLIENT,
                metadata=given.get("ClientMetadata"),
            )


async def admin_update_user_attributes(
    call: Call, given: t.AdminUpdateUserAttributesRequestTypeDef
) -> Shape:
    """AdminUpdateUserAttributes: an empty value deletes."""
    pool, user = await _load(call, given["UserPoolId"], given["Username"])
    changes = read_list(given["UserAttributes"])
    check_mutable(pool.settings, changes)
    check_values(pool.settings, changes)
    now = call.services.now()
    changed = await change_user(
        call.services,
        user,
        lambda current: with_attributes(pool, current, changes, now=now),
        taken=accounts.say_taken(pool, changes),
    )
    auto = pool.settings.AutoVerifiedAttributes or ()
    for name in _CODED:
        new = changes.get(name)
        unproven = changed.attributes.get(f"{name}_verified") != "true"
        if new and new != user.attributes.get(name) and unproven and name in auto:
            await send_new_code(
                call.services,
                pool,
                changed,
                KIND_OF[name],
                Destination(attribute=name, value=new),
                source="UpdateUserAttribute",
                metadata=given.get("ClientMetadata"),
            )
    return {}


async def admin_delete_user_attributes(
    call: Call, given: t.AdminDeleteUserAttributesRequestTypeDef
) -> Shape:
    """AdminDeleteUserAttributes."""
    pool, user = await _load(call, given["UserPoolId"], given["Username"])
    gone = dict.fromkeys(given["UserAttributeNames"], "")
    known = find_custom(pool.settings)
    unknown = [n for n in gone if ":" in n and n not in known]
    if unknown:
        text = "".join(messages.ATTRIBUTE_MISSING.format(n) for n in unknown)
        raise invalid(messages.USER_ATTRIBUTES_WRONG.format(text))
    check_values(pool.settings, gone)
    now = call.services.now()
    await change_user(
        call.services,
        user,
        lambda current: with_attributes(pool, current, gone, now=now),
    )
    return {}


async def admin_delete_user(
    call: Call, given: t.AdminDeleteUserRequestTypeDef
) -> Shape:
    """AdminDeleteUser."""
    pool, user = await _load(call, given["UserPoolId"], given["Username"])
    await call.services.config.store.delete_user(
        pool_id=pool.id, username=user.username
    )
    return {}


async def _enable(call: Call, pool_id: str, name: str, *, enabled: bool) -> Shape:
    pool, user = await _load(call, pool_id, name)
    now, store = call.services.now(), call.services.config.store

    def rule(current: User) -> tuple[User, None]:
        return replace(current, enabled=enabled, modified_at=now), None

    await store.change_user(pool_id=pool.id, username=user.username, rule=rule)
    if not enabled:
        await store.revoke_grants(pool_id=pool.id, username=user.username)
    return {}


async def admin_enable_user(
    call: Call, given: t.AdminEnableUserRequestTypeDef
) -> Shape:
    """AdminEnableUser."""
    return await _enable(call, given["UserPoolId"], given["Username"], enabled=True)


async def admin_disable_user(
    call: Call, given: t.AdminDisableUserRequestTypeDef
) -> Shape:
    """AdminDisableUser: the user's tokens end too."""
    return await _enable(call, given["UserPoolId"], given["Username"], enabled=False)


async def admin_confirm_sign_up(
    call: Call, given: t.AdminConfirmSignUpRequestTypeDef
) -> Shape:
    """AdminConfirmSignUp: no address is proven by it."""
    pool, user = await _load(call, given["UserPoolId"], given["Username"])
    now = call.services.now()

    def rule(current: User) -> tuple[User, User | None]:
        if current.status is not UserStatus.UNCONFIRMED:
            return current, None
        changed = replace(current, status=UserStatus.CONFIRMED, modified_at=now)
        return changed, changed

    confirmed = await call.services.config.store.change_user(
        pool_id=pool.id, username=user.username, rule=rule
    )
    if confirmed is None:
        text = messages.STATUS_WRONG.format(user.status.value)
        raise ApiError("NotAuthorizedException", text)
    await accounts.ask_post_confirmation(
        call.services,
        pool,
        confirmed,
        source="ConfirmSignUp",
        client_id=NO_CLIENT,
        metadata=given.get("ClientMetadata"),
    )
    return {}


async def admin_set_user_password(
    call: Call, given: t.AdminSetUserPasswordRequestTypeDef
) -> Shape:
    """AdminSetUserPassword: for good, or until the user chooses another."""
    pool, user = await _load(call, given["UserPoolId"], given["Username"])
    status = (
        UserStatus.CONFIRMED
        if given.get("Permanent")
        else UserStatus.FORCE_CHANGE_PASSWORD
    )
    await set_password(call.services, pool, user, given["Password"], status=status)
    return {}


async def admin_reset_user_password(
    call: Call, given: t.AdminResetUserPasswordRequestTypeDef
) -> Shape:
    """AdminResetUserPassword: the password is no good any more, and a code is sent."""
    pool, user = await _load(call, given["UserPoolId"], given["Username"])
    if not user.enabled:
        raise ApiError("NotAuthorizedException", messages.DISABLED_SHORT)
    find_recovery(pool, user)
    now = call.services.now()

    def rule(current: User) -> tuple[User, User]:
        changed = replace(current, status=UserStatus.RESET_REQUIRED, modified_at=now)
        return changed, changed

    changed = await call.services.config.store.change_user(
        pool_id=pool.id, username=user.username, rule=rule
    )
    if changed is not None:
        metadata = given.get("ClientMetadata")
        await send_reset_code(call.services, pool, changed, metadata=metadata)
    return {}


OPERATIONS: Final[Operations] = {
    "AdminCreateUser": admin_create_user,
    "AdminUpdateUserAttributes": admin_update_user_attributes,
    "AdminDeleteUserAttributes": admin_delete_user_attributes,
    "AdminDeleteUser": admin_delete_user,
    "AdminEnableUser": admin_enable_user,
    "AdminDisableUser": admin_disable_user,
    "AdminConfirmSignUp": admin_confirm_sign_up,
    "AdminSetUserPassword": admin_set_user_password,
    "AdminResetUserPassword": admin_reset_user_password,
}
