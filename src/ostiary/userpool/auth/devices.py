"""
Remembered devices: named at sign-in, confirmed with a verifier of their own, proven by SRP.

Spec: cognito §3.8 (device SRP), §3.12.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from ostiary.model.pool import Pool, Record, RecordKind, User
from ostiary.userpool import messages, srp
from ostiary.userpool.auth.outcome import Challenge, Request
from ostiary.userpool.auth.password_verifier import parse_public
from ostiary.userpool.auth.sessions import State, issue_session
from ostiary.userpool.hashing import run_apart
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

ASK: Final = "DEVICE_SRP_AUTH"
VERIFY: Final = "DEVICE_PASSWORD_VERIFIER"
_EXPONENT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that a user's sign-in has confirmed. Verifier and salt are numbers in hex."""

    key: str
    group_key: str
    name: str
    verifier: str = field(repr=False)
    salt: str = field(repr=False)
    remembered: bool | None
    last_ip: str
    created_at: float
    modified_at: float
    authenticated_at: float


def read_device(record: Record) -> Device:
    """A device of a record."""
    value: Mapping[str, Any] = record.value  # Any: JSON
    return Device(
        key=record.name,
        created_at=record.created_at,
        modified_at=record.modified_at,
        **value,
    )


async def save_device(
    services: Services, pool: Pool, username: str, device: Device
) -> None:
    """Keep a device."""
    value = {
        name: getattr(device, name)
        for name in (
            "group_key",
            "name",
            "verifier",
            "salt",
            "remembered",
            "last_ip",
            "authenticated_at",
        )
    }
    await services.config.store.save_record(
        Record(
            pool_id=pool.id,
            kind=RecordKind.DEVICE,
            owner=username,
            name=device.key,
            value=value,
            created_at=device.created_at,
            modified_at=device.modified_at,
        )
    )


async def load_device(
    services: Services, pool: Pool, username: str, key: str
) -> Device | None:
    """A user's device."""
    record = await services.config.store.load_record(
        pool_id=pool.id, kind=RecordKind.DEVICE, owner=username, name=key
    )
    return read_device(record) if record else None


async def find_remembered(
    request: Request, user: User, device_key: str | None
) -> Device | None:
    """The device that a sign-in names, if it is the user's and is remembered."""
    if device_key is None or request.pool.settings.DeviceConfiguration is None:
        return None
    found = await load_device(request.services, request.pool, user.username, device_key)
    return found if found is not None and found.remembered else None


def replaces_factor(request: Request) -> bool:
    """Tell whether a remembered device stands for the second factor."""
    configuration = request.pool.settings.DeviceConfiguration
    return configuration is not None and configuration.ChallengeRequiredOnNewDevice


def ask_device(request: Request, user: User, device: Device) -> Challenge:
    """The demand that the device begins to prove itself."""
    return Challenge(
        name=ASK,
        session=issue_session(request, user, ASK, {"device_key": device.key}),
    )


async def _device_of(request: Request, user: User, state: State) -> Device:
    key = str(state.data.get("device_key"))
    device = await load_device(request.services, request.pool, user.username, key)
    if device is None or request.parameters.get("DEVICE_KEY") != key:
        raise AccountError("ResourceNotFoundException", messages.DEVICE_MISSING)
    return device


async def ask_device_verifier(request: Request, user: User, state: State) -> Challenge:
    """
    The question that only the device can answer.

    Raises:
        AccountError: The device is another, or A is no number.
    """
    device = await _device_of(request, user, state)
    public = parse_public(request.parameters.get("SRP_A", ""))
    entropy = request.services.config.entropy
    b = int.from_bytes(entropy.bytes(_EXPONENT_BYTES), "big")
    b_public = await run_apart(
        partial(srp.derive_server_public, b=b, verifier=int(device.verifier, 16))
    )
    block = base64.b64encode(entropy.bytes(64)).decode("ascii")
    data = {
        "device_key": device.key,
        "public": f"{public:x}",
        "b": f"{b:x}",
        "block": block,
    }
    return Challenge(
        name=VERIFY,
        parameters={
            "SALT": device.salt,
            "SECRET_BLOCK": block,
            "SRP_B": f"{b_public:x}",
            "DEVICE_KEY": device.key,
            "USERNAME": user.username,
        },
        session=issue_session(request, user, VERIFY, data),
    )


async def check_device_answer(request: Request, user: User, state: State) -> str:
    """
    The key of the device that the answer proves.

    Raises:
        AccountError: NotAuthorizedException: it proves nothing.
    """
    device = await _device_of(request, user, state)
    given = request.parameters
    block = str(state.data["block"])
    expected = await _sign_device(device, state, given.get("TIMESTAMP", ""))
    same_block = hmac.compare_digest(
        block.encode(), given.get("PASSWORD_CLAIM_SECRET_BLOCK", "").encode()
    )
    signature = given.get("PASSWORD_CLAIM_SIGNATURE", "")
    if not same_block or not hmac.compare_digest(expected.encode(), signature.encode()):
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG)
    now = request.services.now()
    await save_device(
        request.services,
        request.pool,
        user.username,
        replace(device, authenticated_at=now),
    )
    return device.key


async def _sign_device(device: Device, state: State, timestamp: str) -> str:
    verifier = int(device.verifier, 16)
    a_public, b = int(str(state.data["public"]), 16), int(str(state.data["b"]), 16)
    b_public = await run_apart(
        partial(srp.derive_server_public, b=b, verifier=verifier)
    )
    u = srp.derive_u(a_public, b_public)
    secret = await run_apart(
        partial(
            srp.derive_server_secret,
            client_public=a_public,
            verifier=verifier,
            b=b,
            u=u,
        )
    )
    return srp.sign_answer(
        srp.derive_key(secret=secret, u=u),
        pool_name=device.group_key,
        username=device.key,
        secret_block=base64.b64decode(str(state.data["block"])),
        timestamp=timestamp,
    )
