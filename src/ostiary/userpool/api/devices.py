"""
Operations on remembered devices.

Spec: cognito §3.4 (shape), §3.8 (verifier), §3.12.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ostiary.model.pool import Pool, RecordKind, User
from ostiary.userpool import messages, srp
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.paging import cut_page, read_page_token, with_token
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.tokens import load_caller
from ostiary.userpool.auth.devices import (
    Device,
    load_device,
    read_device,
    save_device,
)
from ostiary.userpool.lookup import load_named_user

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

Given = Mapping[str, Any]  # Any: what the model has checked
_USUAL_PAGE: Final = 60


def _shape(device: Device, *, for_admin: bool) -> Shape:
    attributes = {
        "device_status": "valid",
        "device_name": device.name,
        "last_ip_used": device.last_ip,
    }
    if for_admin and device.remembered is not None:
        word = "remembered" if device.remembered else "not_remembered"
        attributes["dev:device_remembered_status"] = word
    return {
        "DeviceKey": device.key,
        "DeviceAttributes": [
            {"Name": k, "Value": v} for k, v in attributes.items() if v
        ],
        "DeviceCreateDate": timestamp(device.created_at),
        "DeviceLastModifiedDate": timestamp(device.modified_at),
        "DeviceLastAuthenticatedDate": timestamp(device.authenticated_at),
    }


async def _load(call: Call, pool: Pool, user: User, key: str) -> Device:
    device = await load_device(call.services, pool, user.username, key)
    if device is None or not device.verifier:
        raise ApiError("ResourceNotFoundException", messages.DEVICE_MISSING)
    return device


async def confirm_device(call: Call, given: t.ConfirmDeviceRequestTypeDef) -> Shape:
    """ConfirmDevice: the verifier of the device that the last sign-in named."""
    caller = await load_caller(call, given["AccessToken"])
    pool, user, key = caller.pool, caller.user, given["DeviceKey"]
    configuration = pool.settings.DeviceConfiguration
    if configuration is None:
        raise ApiError(
            "InvalidUserPoolConfigurationException", messages.DEVICES_UNCONFIGURED
        )
    named = await load_device(call.services, pool, user.username, key)
    if named is None:
        raise ApiError("ResourceNotFoundException", messages.DEVICE_MISSING)
    if named.verifier:
        raise ApiError("DeviceKeyExistsException", messages.DEVICE_EXISTS)
    secret = given.get("DeviceSecretVerifierConfig", {})
    by_prompt = configuration.DeviceOnlyRememberedOnUserPrompt
    now = call.services.now()
    await save_device(
        call.services,
        pool,
        user.username,
        replace(
            named,
            name=given.get("DeviceName", ""),
            verifier=_verifier(secret.get("PasswordVerifier")),
            salt=_number(secret.get("Salt")),
            remembered=None if by_prompt else True,
            last_ip=call.address,
            modified_at=now,
            authenticated_at=now,
        ),
    )
    return {"UserConfirmationNecessary": by_prompt}


def _verifier(text: str | None) -> str:
    """A number below N: a multiple of it would let every device in."""
    number = _number(text)
    if not 1 < int(number, 16) < srp.N:
        raise invalid(messages.DEVICE_SECRET_WRONG)
    return number


def _number(text: str | None) -> str:
    """The number, in hex, of the base64 of its padded bytes."""
    try:
        raw = base64.b64decode(text or "", validate=True)
    except ValueError as error:
        raise invalid(messages.DEVICE_SECRET_WRONG) from error
    number = int.from_bytes(raw, "big")
    if not number:
        raise invalid(messages.DEVICE_SECRET_WRONG)
    return f"{number:x}"


async def get_device(call: Call, given: t.GetDeviceRequestTypeDef) -> Shape:
    """GetDevice."""
    caller = await load_caller(call, given.get("AccessToken", ""))
    device = await _load(call, caller.pool, caller.user, given["DeviceKey"])
    return {"Device": _shape(device, for_admin=False)}


async def admin_get_device(call: Call, given: t.AdminGetDeviceRequestTypeDef) -> Shape:
    """AdminGetDevice."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    device = await _load(call, pool, user, given["DeviceKey"])
    return {"Device": _shape(device, for_admin=True)}


async def _list(
    call: Call, pool: Pool, user: User, given: Given, *, for_admin: bool
) -> Shape:
    purpose = f"devices {pool.id} {user.username}"
    size = given.get("Limit") or _USUAL_PAGE
    found = await call.services.config.store.list_records(
        pool_id=pool.id,
        kind=RecordKind.DEVICE,
        owner=user.username,
        after=read_page_token(call, given.get("PaginationToken"), purpose=purpose),
        limit=size + 1,
    )
    page, token = cut_page(
        call, found, size, purpose=purpose, name_of=lambda record: record.name
    )
    devices = map(read_device, page)
    shown = [_shape(d, for_admin=for_admin) for d in devices if d.verifier]
    return with_token({"Devices": shown}, token, member="PaginationToken")


async def list_devices(call: Call, given: t.ListDevicesRequestTypeDef) -> Shape:
    """ListDevices."""
    caller = await load_caller(call, given["AccessToken"])
    return await _list(call, caller.pool, caller.user, given, for_admin=False)


async def admin_list_devices(
    call: Call, given: t.AdminListDevicesRequestTypeDef
) -> Shape:
    """AdminListDevices."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    return await _list(call, pool, user, given, for_admin=True)


async def _remember(call: Call, pool: Pool, user: User, given: Given) -> Shape:
    device = await _load(call, pool, user, given["DeviceKey"])
    status = given.get("DeviceRememberedStatus")
    changed = replace(
        device,
        remembered=device.remembered if status is None else status == "remembered",
        modified_at=call.services.now(),
    )
    await save_device(call.services, pool, user.username, changed)
    return {}


async def update_device_status(
    call: Call, given: t.UpdateDeviceStatusRequestTypeDef
) -> Shape:
    """UpdateDeviceStatus."""
    caller = await load_caller(call, given["AccessToken"])
    return await _remember(call, caller.pool, caller.user, given)


async def admin_update_device_status(
    call: Call, given: t.AdminUpdateDeviceStatusRequestTypeDef
) -> Shape:
    """AdminUpdateDeviceStatus."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    return await _remember(call, pool, user, given)


async def _forget(call: Call, pool: Pool, user: User, key: str) -> Shape:
    gone = await call.services.config.store.delete_record(
        pool_id=pool.id, kind=RecordKind.DEVICE, owner=user.username, name=key
    )
    if not gone:
        raise ApiError("ResourceNotFoundException", messages.DEVICE_MISSING)
    return {}


async def forget_device(call: Call, given: t.ForgetDeviceRequestTypeDef) -> Shape:
    """ForgetDevice."""
    caller = await load_caller(call, given.get("AccessToken", ""))
    return await _forget(call, caller.pool, caller.user, given["DeviceKey"])


async def admin_forget_device(
    call: Call, given: t.AdminForgetDeviceRequestTypeDef
) -> Shape:
    """AdminForgetDevice."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    return await _forget(call, pool, user, given["DeviceKey"])


OPERATIONS: Final[Operations] = {
    "ConfirmDevice": confirm_device,
    "GetDevice": get_device,
    "ListDevices": list_devices,
    "UpdateDeviceStatus": update_device_status,
    "ForgetDevice": forget_device,
    "AdminGetDevice": admin_get_device,
    "AdminListDevices": admin_list_devices,
    "AdminUpdateDeviceStatus": admin_update_device_status,
    "AdminForgetDevice": admin_forget_device,
}
