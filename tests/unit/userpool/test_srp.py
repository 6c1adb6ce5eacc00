"""Both sides of SRP agree, and with numbers found independently."""

from __future__ import annotations

import base64
import hashlib

import pytest

from ostiary.userpool import srp

POOL, USER = "ie577myCv", "3f1d2c4b-0000-7000-8000-00000000a11c"
SALT = 0x8F2E6A51C0FFEE00112233445566779B
A = int("11" * 128, 16)
B = int("22" * 32, 16)


def digest(number: int) -> str:
    return hashlib.sha256(f"{number:x}".encode()).hexdigest()


@pytest.mark.spec("RFC5054#2")
def test_the_numbers_are_those_of_the_vector() -> None:
    x = srp.derive_x(pool_name=POOL, username=USER, password="Passw0rd!x", salt=SALT)
    v = srp.derive_verifier(x)
    public_a = srp.derive_client_public(A)
    public_b = srp.derive_server_public(b=B, verifier=v)
    u = srp.derive_u(public_a, public_b)
    secret = srp.derive_server_secret(client_public=public_a, verifier=v, b=B, u=u)
    key = srp.derive_key(secret=secret, u=u)

    assert f"{srp.K:x}" == (
        "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6"
    )
    assert f"{x:x}" == (
        "f1cd8fcf5cf99cb6ec58ec9573a10170781507ead8d397150bc2202810d3426a"
    )
    assert f"{u:x}" == (
        "c41e6c0f3cce628123d01a496709ab8a37d78dec2b67d5576dfb920fd3ceb51a"
    )
    assert digest(v) == (
        "7066a6a5f07a36ffa9128d0d181723974968d019c270b34cb7cb3d68d9091e22"
    )
    assert digest(public_a) == (
        "91441e9967eb395f8ca333b101ec56f3eb23bea1baf5070844c425f5a0f03e93"
    )
    assert digest(public_b) == (
        "a9da4703c4016db7da6db7c4106ca8811c70bdf4c8d8cdc4e3f34968df12c86a"
    )
    assert digest(secret) == (
        "b3addbd80780e3a7203ce2d68d424ae6bb72f9cf0ac4fc6f0c19453fd504473c"
    )
    assert key.hex() == "2e83c2c2e5a11b8d29f56b1fca19e21f"
    assert (
        srp.sign_answer(
            key,
            pool_name=POOL,
            username=USER,
            secret_block=base64.b64decode("c2VjcmV0LWJsb2NrLWZvci10ZXN0"),
            timestamp="Sun Nov 22 19:45:05 UTC 2026",
        )
        == "BL6svg9hIC4gpWDqJAd40M7fulZNwzFzT8kSSk5qg2E="
    )


def test_the_client_finds_the_same_secret_and_another_password_does_not() -> None:
    x = srp.derive_x(pool_name=POOL, username=USER, password="right", salt=SALT)
    v = srp.derive_verifier(x)
    public_a = srp.derive_client_public(A)
    public_b = srp.derive_server_public(b=B, verifier=v)
    u = srp.derive_u(public_a, public_b)
    server = srp.derive_server_secret(client_public=public_a, verifier=v, b=B, u=u)

    def client(password: str) -> int:
        own = srp.derive_x(pool_name=POOL, username=USER, password=password, salt=SALT)
        return pow(public_b - srp.K * pow(srp.G, own, srp.N), A + u * own, srp.N)

    assert client("right") == server
    assert client("wrong") != server


@pytest.mark.parametrize(
    ("number", "padded"),
    [(0, "00"), (1, "01"), (0x7F, "7f"), (0x80, "0080"), (0x100, "0100")],
)
def test_padding_keeps_numbers_positive(number: int, padded: str) -> None:
    assert srp.pad(number).hex() == padded
