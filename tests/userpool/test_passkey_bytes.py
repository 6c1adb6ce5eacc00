"""Whatever bytes say they are a passkey: they are one, or they are refused as the API refuses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from webauthn.helpers.structs import UserVerificationRequirement

from ostiary.userpool.auth.passkeys import (
    Passkey,
    RelyingParty,
    read_assertion,
    read_registration,
)
from ostiary.userpool.refusal import AccountError
from tests.userpool.test_passkeys import AT, RP, UP, UV, Authenticator, decode, encode

CHALLENGE = b"c" * 32
OPTIONS = {"challenge": encode(CHALLENGE)}
PARTY = RelyingParty(
    id=RP, name=RP, verification=UserVerificationRequirement("required")
)
NOT_SUPPORTED = "WebAuthnCredentialNotSupportedException"
REGISTERED = "registered"
REFUSALS = {NOT_SUPPORTED, "WebAuthnOriginNotAllowedException"}


def authenticator() -> Authenticator:
    """The same key in every run."""
    return Authenticator(key=ec.derive_private_key(4711, ec.SECP256R1()))


def register(credential: Any) -> Passkey:
    return read_registration(PARTY, credential, CHALLENGE, now=1.0)


def refuse(credential: Any) -> str:
    with pytest.raises(AccountError) as caught:
        register(credential)
    return caught.value.code


def attest(key: Any, **change: Any) -> dict[str, Any]:
    """A credential whose key, or other part of the attestation, is what a test wants."""
    made = authenticator().create(OPTIONS)
    head = hashlib.sha256(RP.encode()).digest() + bytes([UP | UV | AT]) + bytes(4 + 16)
    raw = key if isinstance(key, bytes) else cbor2.dumps(key)
    identifier = decode(made["id"])
    data = head + len(identifier).to_bytes(2, "big") + identifier + raw
    parts = {"fmt": "none", "attStmt": {}, "authData": data, **change}
    made["response"]["attestationObject"] = encode(cbor2.dumps(parts))
    return made


def point() -> dict[int, Any]:
    """A COSE key that is one."""
    numbers = authenticator().key.public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    return {1: 2, 3: -7, -1: 1, -2: x, -3: y}


def rsa_key(bits: int, e: bytes = b"\1\0\1") -> dict[int, Any]:
    return {1: 3, 3: -257, -1: (2**bits - 1).to_bytes(bits // 8, "big"), -2: e}


@pytest.mark.spec("WebAuthn#5.8.5")
@pytest.mark.parametrize("key", [point(), rsa_key(2048), rsa_key(4096)])
def test_keys_of_the_kinds_that_were_asked_for_are_registered(key: Any) -> None:
    """ES256 on P-256, and RS256 from 2048 bits."""
    assert decode(register(attest(key)).public_key) == cbor2.dumps(key)


@pytest.mark.spec("WebAuthn#5.8.5")
@pytest.mark.spec("RFC8812#2")
@pytest.mark.parametrize(
    "key",
    [
        4,  # the library takes it for a point of no length
        {},
        [0, 2, 0, -7, 1],
        cbor2.CBORTag(36, "Subject: a mail"),
        cbor2.CBORTag(52, [24, b"\x0a\0\0"]),
        {**point(), -3: b"\1" * 32},
        {**point(), -2: b"", -3: b""},
        {**point(), -1: 2},
        {**point(), -4: bytes(4096)},
        {**point(), 3: -257},
        {**point(), 3: -8},
        {**rsa_key(2048), 3: -7},
        rsa_key(1024),
        rsa_key(16_384),
        rsa_key(2048, e=b"\2"),
        {1: 1, 3: -8, -1: 6, -2: b"\1" * 32},
    ],
)
def test_other_keys_are_not_registered(key: Any) -> None:
    """No key at all, no point of the curve, another kind than its number says, too short, too long."""
    assert refuse(attest(key)) == NOT_SUPPORTED


def sign(data: bytes) -> bytes:
    """The same signature in every run."""
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return authenticator().key.sign(data, algorithm)


def sign_itself(made: dict[str, Any]) -> dict[str, Any]:
    """The same credential with a statement of its own key."""
    data = cbor2.loads(decode(made["response"]["attestationObject"]))["authData"]
    client_data = decode(made["response"]["clientDataJSON"])
    signature = sign(data + hashlib.sha256(client_data).digest())
    statement = {"alg": -7, "sig": signature}
    return attest(point(), fmt="packed", attStmt=statement)


def sign_in() -> tuple[dict[str, Any], bytes]:
    """An answer to the challenge, and what is signed of it."""
    answer = json.loads(authenticator().get(json.dumps(OPTIONS)))
    response = answer["response"]
    signed = (
        decode(response["authenticatorData"])
        + hashlib.sha256(decode(response["clientDataJSON"])).digest()
    )
    response["signature"] = encode(sign(signed))
    return answer, signed


@pytest.mark.spec("WebAuthn#5.1.3")
def test_a_key_may_vouch_for_itself() -> None:
    """A packed statement of the credential's own key is verified, and no maker's is read."""
    good = sign_itself(attest(point()))
    statement = cbor2.loads(decode(good["response"]["attestationObject"]))["attStmt"]
    forged = {**statement, "sig": sign(b"something else")}
    makers = {**statement, "x5c": [b"x"]}

    assert register(good).id == good["id"]
    assert refuse(attest(point(), fmt="packed", attStmt=forged)) == NOT_SUPPORTED
    assert refuse(attest(point(), fmt="packed", attStmt=makers)) == NOT_SUPPORTED
    for fmt in ("tpm", "android-key", "android-safetynet", "apple", "fido-u2f"):
        assert refuse(attest(point(), fmt=fmt, attStmt=makers)) == NOT_SUPPORTED


def test_an_rsa_key_signs_in() -> None:
    """RS256, as Windows Hello has it."""
    private = rsa.generate_private_key(65537, 2048)
    n = private.public_key().public_numbers().n
    key = register(attest({**rsa_key(2048), -1: n.to_bytes(256, "big")}))
    answer, signed = sign_in()
    response = answer["response"]
    response["signature"] = encode(
        private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    )
    right = read_assertion(PARTY, json.dumps(answer), (key,), CHALLENGE)
    response["signature"] = encode(b"\1" * 256)

    assert right == (key, 2)
    with pytest.raises(AccountError) as caught:
        read_assertion(PARTY, json.dumps(answer), (key,), CHALLENGE)
    assert caught.value.code == "NotAuthorizedException"


@pytest.mark.parametrize(
    "public",
    [b"", b"\x04", b"\xa0", b"\x80", b"\xd8\x24\x61x", cbor2.dumps({1: 2, 3: -7})],
)
def test_a_kept_key_that_is_none_signs_nobody_in(public: bytes) -> None:
    """Keys from before they were looked at at registration, and what a library makes of them."""
    answer, _ = sign_in()
    key = register(authenticator().create(OPTIONS))

    assert end_sign_in(answer, key) == (key, 2)

    junk = replace(key, public_key=encode(public))

    assert end_sign_in(answer, junk) == "NotAuthorizedException"


# Properties

# Times, big numbers, fractions, texts in MIME, expressions, addresses, networks, ...
TAGS = st.sampled_from([0, 1, 2, 3, 4, 5, 28, 29, 30, 35, 36, 37, 52, 54, 100, 258])
CBOR = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.binary(max_size=40)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.builds(cbor2.CBORTag, TAGS, inner)
        | st.dictionaries(
            st.sampled_from([1, 3, -1, -2, -3, "alg", "sig", "x5c", "ver"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "origin", "challenge", "tokenBinding"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
KEYS = st.dictionaries(
    st.sampled_from([1, 3, -1, -2, -3]),
    st.sampled_from([1, 2, 3, 6, 7, -7, -8, -257, -48]) | st.binary(max_size=300),
)
FORMATS = st.sampled_from(["none", "packed", "tpm", "android-key", "apple"])


@st.composite
def changed(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes with a piece replaced, or others altogether."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    start = draw(st.integers(0, len(raw)))
    end = draw(st.integers(start, min(start + 8, len(raw))))
    return raw[:start] + draw(st.binary(max_size=8)) + raw[end:]


def end_registration(credential: Any) -> str:
    """How a registration ends; with any other error the test fails."""
    try:
        register(credential)
    except AccountError as error:
        return error.code
    return REGISTERED


def end_sign_in(answer: Any, key: Passkey) -> object:
    """How an answer ends; with any other error the test fails."""
    try:
        return read_assertion(PARTY, json.dumps(answer), (key,), CHALLENGE)
    except AccountError as error:
        return error.code


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=st.data())
def test_changed_attestations_end_as_passkeys_or_refusals(data: st.DataObject) -> None:
    """Bytes of a good credential with a piece replaced raise nothing but an AccountError."""
    made = sign_itself(attest(point()))
    part = data.draw(st.sampled_from(["attestationObject", "clientDataJSON"]))
    raw = decode(made["response"][part])
    made["response"][part] = encode(data.draw(changed(raw)))

    assert end_registration(made) in {*REFUSALS, REGISTERED}


@settings(max_examples=400, deadline=None, derandomize=True)
@given(key=KEYS | CBOR, fmt=FORMATS | CBOR, statement=CBOR)
def test_made_up_attestations_end_as_passkeys_or_refusals(
    key: Any, fmt: Any, statement: Any
) -> None:
    """Any CBOR as key, format and statement raises nothing but an AccountError."""
    stated = attest(point(), fmt=fmt, attStmt=statement)

    assert end_registration(attest(key)) in {*REFUSALS, REGISTERED}
    assert end_registration(stated) in {*REFUSALS, REGISTERED}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_made_up_credentials_end_as_refusals(data: st.DataObject) -> None:
    """Any JSON in place of a credential or of a part of it raises nothing but an AccountError."""
    made = authenticator().create(OPTIONS)
    parts = st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON"])
    part = data.draw(parts)
    where = made["response"] if part in made["response"] else made
    where[part] = data.draw(JSON)

    assert end_registration(made) in REFUSALS
    assert end_registration(data.draw(JSON)) in REFUSALS


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=st.data())
def test_changed_answers_prove_a_passkey_or_nothing(data: st.DataObject) -> None:
    """Changed answers, made-up ones, and keys that are none: NotAuthorizedException, or the passkey."""
    key = register(authenticator().create(OPTIONS))
    answer: Any = sign_in()[0]
    parts = ["clientDataJSON", "authenticatorData", "signature", "id", "key", "all"]
    match data.draw(st.sampled_from(parts)):
        case "all":
            answer = data.draw(JSON)
        case "id":
            answer["id"] = answer["rawId"] = data.draw(JSON)
        case "key":
            public = data.draw(changed(decode(key.public_key)) | st.just(b""))
            key = replace(key, public_key=encode(public))
        case part:
            raw = decode(answer["response"][part])
            answer["response"][part] = encode(data.draw(changed(raw)))

    assert end_sign_in(answer, key) in {"NotAuthorizedException", (key, 2)}
