"""Public keys of developers: the key alone is kept, and only one that can be used."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary.model.developer_credentials import read_public_key

pytestmark = pytest.mark.spec("portal#1.7")


def pem_of(
    key: PublicKeyTypes, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo
) -> str:
    return key.public_bytes(Encoding.PEM, form).decode()


RSA = rsa.generate_private_key(65537, 2048).public_key()
SMALL = pem_of(rsa.generate_private_key(65537, 1024).public_key())
KEYS = {
    "RSA": pem_of(RSA),
    "Ed25519": pem_of(ed25519.Ed25519PrivateKey.generate().public_key()),
    **{
        curve.name: pem_of(ec.generate_private_key(curve).public_key())
        for curve in (
            ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), ec.SECP192R1(),
            ec.SECP224R1(), ec.SECP256K1(), ec.BrainpoolP256R1(),
        )
    },
}  # fmt: skip
FITS = {
    "RS256": "RSA",
    "PS512": "RSA",
    "ES256": "secp256r1",
    "ES384": "secp384r1",
    "ES512": "secp521r1",
    "EdDSA": "Ed25519",
}


@pytest.mark.spec("RFC8725#3.1")
@pytest.mark.parametrize("is_chosen", [False, True])
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("algorithm", FITS)
def test_a_key_goes_with_the_algorithms_that_it_verifies_and_no_other(
    algorithm: str, name: str, *, is_chosen: bool
) -> None:
    if FITS[algorithm] == name:
        assert read_public_key(KEYS[name], algorithm, is_chosen=is_chosen) == KEYS[name]
    else:
        with pytest.raises(ValueError, match=f"must be .* for {algorithm}"):
            read_public_key(KEYS[name], algorithm, is_chosen=is_chosen)


@pytest.mark.parametrize(
    "pem",
    [
        "x" * 9000 + "\n" + KEYS["RSA"],
        KEYS["RSA"] + "x" * 9000,
        f"{KEYS['RSA']}\n{KEYS['secp256r1']}",
        KEYS["RSA"].replace("\n", "\r\n"),
        pem_of(RSA, PublicFormat.PKCS1),
    ],
)
def test_what_is_around_a_key_is_not_kept(pem: str) -> None:
    assert read_public_key(pem, "RS256", is_chosen=True) == KEYS["RSA"]


def test_no_key_is_refused() -> None:
    for text in ("no key", "", "\x00", "-----BEGIN PUBLIC KEY-----"):
        with pytest.raises(ValueError, match="invalid key"):
            read_public_key(text, "RS256", is_chosen=False)


@pytest.mark.spec("RFC8725#3.5")
def test_a_small_key_is_nobodys_and_an_unusual_one_is_an_admins() -> None:
    large = pem_of(rsa.RSAPublicNumbers(65537, (1 << 8191) + 1).public_key())
    other = pem_of(ed448.Ed448PrivateKey.generate().public_key())

    for is_chosen in (False, True):
        with pytest.raises(ValueError, match="2048"):
            read_public_key(SMALL, "RS256", is_chosen=is_chosen)
    for pem, algorithm, text in ((large, "RS256", "4096"), (other, "EdDSA", "Ed25519")):
        assert read_public_key(pem, algorithm, is_chosen=False) == pem
        with pytest.raises(ValueError, match=text):
            read_public_key(pem, algorithm, is_chosen=True)
