"""
USER_SRP_AUTH: the password is proven and never sent.

What the server must remember between both calls lies sealed in the SECRET_BLOCK, which works
once. A name that nobody has gets numbers that are always the same for that name.

Spec: cognito §3.8, §3.11; RFC 5054 §2.5.3, §2.5.4 (A mod N is not 0).
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ostiary.jose.errors import JoseError
from ostiary.model.pool import ChallengeUse, User
from ostiary.userpool import messages, srp
from ostiary.userpool.auth.outcome import Challenge, Request
from ostiary.userpool.auth.sessions import encode_padded
from ostiary.userpool.hashing import run_apart
from ostiary.userpool.identifiers import hash_token, new_uuid
from ostiary.userpool.lookup import find_user
from ostiary.userpool.nobody import find_seed, find_stranger, invent_username
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import begin_attempt

NAME: Final = "PASSWORD_VERIFIER"
_PURPOSE: Final = "secret block"
_EXPONENT_BYTES: Final = 32
_MAX_PUBLIC_HEX: Final = 2 * len(srp.pad(srp.N))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What a SECRET_BLOCK says. `name` is what was typed; `username` is the user's, or invented."""

    id: str
    pool_id: str
    client_id: str
    name: str = field(repr=False)
    username: str
    public: str = field(repr=False)
    b: str = field(repr=False)
    u: str
    expires_at: float
    device_key: str | None
    flow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verifier:
    """The numbers that stand for a password, a user's or invented ones."""

    username: str
    salt: str = field(repr=False)
    verifier: int = field(repr=False)


def parse_public(text: str) -> int:
    """
    The client's public number A.

    Raises:
        AccountError: No hexadecimal number, or a multiple of N, which proves nothing.
    """
    refusal = AccountError("InvalidParameterException", messages.SRP_WRONG)
    if not 0 < len(text) <= _MAX_PUBLIC_HEX or not all(
        c in "0123456789abcdefABCDEF" for c in text
    ):
        raise refusal
    number = int(text, 16)
    if number % srp.N == 0:
        raise refusal
    return number


def _find_verifier(request: Request, name: str, user: User | None) -> _Verifier:
    if user is not None and user.password is not None and user.password.srp_verifier:
        return _Verifier(
            username=user.username,
            salt=user.password.srp_salt,
            verifier=int(user.password.srp_verifier, 16),
        )
    services, pool = request.services, request.pool
    # A user without a password is the same one by every name they have, as a stranger is.
    who = user.username if user else find_stranger(services, pool, name)
    seed = find_seed(services, pool, who, b"nobody").hex()
    return _Verifier(
        username=user.username if user else invent_username(services, pool, name),
        salt=f"{int(seed[32:64], 16) | 1 << 127:x}",
        # Any number will do: without its logarithm nobody can answer.
        verifier=int(seed * 12, 16) % srp.N,
    )


async def ask_verifier(
    request: Request,
    name: str,
    public: str,
    *,
    flow: str,
    device_key: str | None = None,
) -> Challenge:
    """
    The question that only the password's holder can answer.

    Args:
        flow: The flow that asks it; its answer is one of no other flow.

    Raises:
        AccountError: A is no number, or there is no such user and that may be said.
    """
    services = request.services
    a_public = parse_public(public)
    user = await find_user(services, request.pool, name)
    if user is None and not request.hides_existence:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    found = _find_verifier(request, name, user)
    b = int.from_bytes(services.config.entropy.bytes(_EXPONENT_BYTES), "big")
    b_public = await run_apart(
        partial(srp.derive_server_public, b=b, verifier=found.verifier)
    )
    block = {
        "id": new_uuid(services.config.entropy),
        "pool_id": request.pool.id,
        "client_id": request.client.id,
        "name": name,
        "username": found.username,
        "public": f"{a_public:x}",
        "b": f"{b:0{2 * _EXPONENT_BYTES}x}",
        "u": f"{srp.derive_u(a_public, b_public):064x}",
        "expires_at": services.now() + request.client.settings.AuthSessionValidity * 60,
        "device_key": device_key,
        "flow": flow,
    }
    sealed = services.vault.wrap(encode_padded(block), purpose=_PURPOSE)
    return Challenge(
        name=NAME,
        parameters={
            "SALT": found.salt,
            "SECRET_BLOCK": base64.b64encode(sealed).decode("ascii"),
            "SRP_B": f"{b_public:x}",
            "USERNAME": found.username,
            "USER_ID_FOR_SRP": found.username,
        },
    )


def _open_block(request: Request, raw: bytes) -> _Block:
    wrong = AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG)
    try:
        text = request.services.vault.unwrap(raw, purpose=_PURPOSE)
    except JoseError as error:
        raise wrong from error
    block = _Block(**json.loads(text))
    ours = (block.pool_id, block.client_id) == (request.pool.id, request.client.id)
    if not ours:
        raise wrong
    if request.services.now() >= block.expires_at:
        raise AccountError("NotAuthorizedException", messages.SESSION_EXPIRED)
    return block


async def _use_block(request: Request, block: _Block) -> bool:
    def rule(use: ChallengeUse) -> tuple[ChallengeUse, bool]:
        return ChallengeUse(spent=True), not use.spent

    return await request.services.config.store.use_challenge(
        hash_token(block.id), expires_at=block.expires_at, rule=rule
    )


async def _sign(request: Request, block: _Block, found: _Verifier, raw: bytes) -> str:
    """The signature that the right answer has."""
    u = int(block.u, 16)
    secret = await run_apart(
        partial(
            srp.derive_server_secret,
            client_public=int(block.public, 16),
            verifier=found.verifier,
            b=int(block.b, 16),
            u=u,
        )
    )
    return srp.sign_answer(
        srp.derive_key(secret=secret, u=u),
        pool_name=request.pool.id.partition("_")[2],
        username=found.username,
        secret_block=raw,
        timestamp=request.parameters["TIMESTAMP"],
    )


async def check_answer(
    request: Request, flows: frozenset[str]
) -> tuple[User, str | None]:
    """
    The user whose password the answer proves, and the device it was begun with.

    Args:
        flows: Those that this answer may be one of.

    Raises:
        AccountError: It proves nothing, came twice or too late, or the user is locked out.
    """
    given = request.parameters
    for name in (
        "USERNAME",
        "PASSWORD_CLAIM_SECRET_BLOCK",
        "PASSWORD_CLAIM_SIGNATURE",
        "TIMESTAMP",
    ):
        if not given.get(name):
            text = messages.PARAMETER_MISSING.format(name)
            raise AccountError("InvalidParameterException", text)
    try:
        raw = base64.b64decode(given["PASSWORD_CLAIM_SECRET_BLOCK"], validate=True)
    except ValueError as error:
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG) from error
    block = _open_block(request, raw)
    if block.flow not in flows:
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG)
    async with begin_attempt(
        request.services,
        request.pool,
        name=block.name,
        hides_existence=request.hides_existence,
    ) as attempt:
        fresh = await _use_block(request, block)
        found = _find_verifier(request, block.name, attempt.user)
        expected = await _sign(request, block, found, raw)
        attempt.right = hmac.compare_digest(
            expected.encode(), given["PASSWORD_CLAIM_SIGNATURE"].encode()
        ) and (fresh and found.username == block.username)
    return attempt.end(), block.device_key
