"""Tokens: believed only when a known key made them, with an algorithm we chose."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.errors import (
    BadSignature,
    CriticalHeader,
    JoseError,
    KeyNotFound,
    MalformedToken,
    TokenTooLarge,
    UnsupportedAlgorithm,
)
from ostiary.jose.jwt import (
    MAX_TOKEN_LENGTH,
    is_compact_jws,
    parse_header,
    read_unverified_claims,
    sign_jwt,
    verify_jwt,
)
from ostiary.jose.keys import KeySet, PrivateKey
from tests.unit.jose.jose_kit import (
    ALL,
    EC,
    KEYS,
    RSA,
    good,
    only,
    part,
    sign_ed,
    sign_with,
)

FAST = settings(max_examples=200, deadline=None, derandomize=True)
ES = frozenset({"ES256"})


def refused(token: str, keys: KeySet = KEYS, algorithms: frozenset[str] = ALL) -> str:
    with pytest.raises(JoseError) as caught:
        verify_jwt(token, keys, algorithms=algorithms)
    return caught.value.code


@pytest.mark.spec("RFC7515#5.2")
@pytest.mark.parametrize("key", [RSA, EC])
def test_a_token_of_ours_is_believed(key: PrivateKey) -> None:
    token = sign_jwt({"sub": "ada", "n": 1}, key, typ="at+jwt")
    verified = verify_jwt(token, KEYS, algorithms=ALL)

    assert verified.claims == {"sub": "ada", "n": 1}
    assert (verified.header.alg, verified.header.kid) == (key.alg, key.kid)
    assert verified.header.typ == "at+jwt"
    assert verified.key_thumbprint in {k.thumbprint for k in KEYS.keys}


@pytest.mark.spec("RFC7515#5.2")
@pytest.mark.parametrize(
    "token",
    [
        sign_with(RSA, {"alg": "RS256", "kid": "rsa"}),
        sign_with(EC, {"alg": "ES256", "kid": "ec"}),
        sign_ed({"alg": "EdDSA", "kid": "ed"}),
    ],
)
def test_a_token_of_another_maker_is_believed(token: str) -> None:
    assert verify_jwt(token, KEYS, algorithms=ALL).claims == {"sub": "ada"}


@pytest.mark.spec("RFC7518#3.5")
def test_a_probabilistic_signature_is_believed() -> None:
    text = f"{part({'alg': 'PS256', 'kid': 'rsa'})}.{part({'sub': 'ada'})}"
    private = RSA.library_key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
    signature = private.sign(text.encode(), pss, SHA256())

    assert verify_jwt(
        f"{text}.{encode_base64url(signature)}", KEYS, algorithms=ALL
    ).claims == {"sub": "ada"}


def test_a_token_without_kid_is_tried_with_every_fitting_key() -> None:
    other = PrivateKey.generate_ec("other")
    keys = only(other.public_jwk(), EC.public_jwk())
    token = sign_with(EC, {"alg": "ES256"})

    assert verify_jwt(token, keys, algorithms=ES).claims == {"sub": "ada"}
    assert refused(token, only(other.public_jwk())) == "bad_signature"


@pytest.mark.spec("RFC7515#4")
def test_fields_of_the_header_we_do_not_know_are_ignored() -> None:
    header = {"alg": "ES256", "kid": "ec", "nonce": "n", "org": {"id": 1}}

    assert verify_jwt(sign_with(EC, header), KEYS, algorithms=ES).claims


@pytest.mark.spec("T-J4")
@pytest.mark.parametrize(
    "extra",
    [
        {"jwk": RSA.public_jwk()},
        {"jwk": "nonsense"},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/chain"},
        {"x5c": ["A" * 2000]},
        {"x5t": 5},
    ],
)
def test_keys_in_a_header_count_for_nothing(extra: dict[str, Any]) -> None:
    attacker = PrivateKey.generate_ec("ec")
    header = {"alg": "ES256", "kid": "ec", **extra}
    forged = {**header, "jwk": attacker.public_jwk()}

    assert verify_jwt(sign_with(EC, header), KEYS, algorithms=ES).claims
    assert refused(sign_with(attacker, forged)) == "bad_signature"


def _hs256(secret: bytes, alg: str = "HS256") -> str:
    text = f"{part({'alg': alg, 'kid': 'rsa'})}.{part({'sub': 'root'})}"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{encode_base64url(signature)}"


def _spellings_of_the_public_key() -> list[bytes]:
    private = RSA.library_key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    public = private.public_key()
    found = [
        public.public_bytes(encoding, form)
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    ]
    found.append(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    found.append(json.dumps(RSA.public_jwk()).encode())
    return [*found, *(text.strip() for text in found), b""]


@pytest.mark.spec("T-J1")
@pytest.mark.parametrize("secret", _spellings_of_the_public_key())
def test_a_public_key_is_no_secret(secret: bytes) -> None:
    token = _hs256(secret)

    assert refused(token) == "unsupported_algorithm"
    assert refused(token, algorithms=ALL | {"HS256"}) == "key_not_found"
    assert refused(_hs256(secret, "RS256")) == "bad_signature"


@pytest.mark.spec("T-J2")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", " none"])
@pytest.mark.parametrize("signature", ["AA", encode_base64url(b"x" * 64)])
def test_none_is_refused_in_every_spelling(alg: str, signature: str) -> None:
    token = f"{part({'alg': alg})}.{part({'sub': 'root'})}.{signature}"

    assert refused(token) == "unsupported_algorithm"
    assert refused(token, algorithms=ALL | {"none", "None", "NONE", "nOnE"}) in {
        "unsupported_algorithm",
        "key_not_found",
    }


@pytest.mark.spec("T-J2")
def test_a_token_without_signature_is_no_token() -> None:
    unsigned = f"{part({'alg': 'none'})}.{part({'sub': 'root'})}."

    assert refused(unsigned, algorithms=ALL | {"none"}) == "malformed_token"
    assert refused(good().rpartition(".")[0] + ".") == "malformed_token"


@pytest.mark.spec("RFC8725#3.1")
def test_only_configured_algorithms_count() -> None:
    assert refused(good(), algorithms=frozenset({"RS256"})) == "unsupported_algorithm"
    assert refused(good(), algorithms=frozenset()) == "unsupported_algorithm"


@pytest.mark.spec("RFC8725#3.1")
@pytest.mark.parametrize(
    ("key", "header", "code"),
    [
        (EC, {"alg": "RS256", "kid": "ec"}, "key_not_found"),
        (RSA, {"alg": "ES256", "kid": "rsa"}, "key_not_found"),
        (EC, {"alg": "EdDSA", "kid": "ec"}, "key_not_found"),
        (EC, {"alg": "RS256", "kid": "rsa"}, "bad_signature"),
        (RSA, {"alg": "PS256", "kid": "rsa"}, "bad_signature"),
    ],
)
def test_a_key_serves_its_own_algorithms_only(
    key: PrivateKey, header: dict[str, str], code: str
) -> None:
    assert refused(sign_with(key, header)) == code


@pytest.mark.spec("T-J3")
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["bork"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
        {"crit": None},
        {"crit": "exp"},
    ],
)
def test_extensions_that_must_be_understood_are_refused(extra: dict[str, Any]) -> None:
    token = sign_with(EC, {"alg": "ES256", "kid": "ec", **extra})
    with pytest.raises(CriticalHeader) as caught:
        verify_jwt(token, KEYS, algorithms=ES)

    assert caught.value.code == "critical_header"


@pytest.mark.spec("T-J5")
@pytest.mark.parametrize(
    "kid",
    [
        "../../../dev/null",
        "' OR 1=1 --",
        "|/bin/id",
        "ec\x00",
        "EC",
        " ec",
        "é\u202e",
        "",
        "k" * 256,
    ],
)
def test_a_kid_only_names_a_key_of_the_set(kid: str) -> None:
    token = sign_with(EC, {"alg": "ES256", "kid": kid})
    with pytest.raises(KeyNotFound):
        verify_jwt(token, KEYS, algorithms=ES)


@pytest.mark.spec("T-J5")
@pytest.mark.parametrize("kid", ["k" * 257, 1, ["ec"], {"a": 1}, True])
def test_a_kid_that_is_no_short_text_is_refused(kid: object) -> None:
    assert refused(sign_with(EC, {"alg": "ES256", "kid": kid})) == "malformed_token"


@pytest.mark.parametrize(
    "header",
    [{}, {"alg": None}, {"alg": 1}, {"alg": ["ES256"]}, {"alg": "ES256", "typ": 1}],
)
def test_a_header_needs_texts(header: dict[str, Any]) -> None:
    assert refused(sign_with(EC, header)) == "malformed_token"


@pytest.mark.spec("T-J19")
def test_a_name_given_twice_is_refused_in_header_and_claims() -> None:
    header = encode_base64url(b'{"alg":"none","kid":"ec","alg":"ES256"}')
    _, payload, signature = good().split(".")

    assert refused(f"{header}.{payload}.{signature}") == "malformed_token"
    doubled = sign_with(EC, {"alg": "ES256"}, b'{"sub":"ada","sub":"root"}')
    assert refused(doubled) == "malformed_token"


@pytest.mark.parametrize(
    "payload", [b"foo", b"[]", b'"a"', b"null", b"\xff", b'{"a":NaN}']
)
def test_claims_that_are_no_object_are_refused(payload: bytes) -> None:
    token = sign_with(EC, {"alg": "ES256", "kid": "ec"}, payload)

    assert refused(token) == "malformed_token"


@pytest.mark.spec("RFC7515#2")
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("change", ["=", "==", " ", "\n", "+", "AAAAA", "é"])
def test_a_second_spelling_of_a_token_is_refused(place: int, change: str) -> None:
    parts = good().split(".")
    parts[place] += change

    assert refused(".".join(parts)) in {"malformed_token", "bad_signature"}


@pytest.mark.spec("RFC4648#3.5")
def test_spare_bits_of_a_signature_are_not_spare() -> None:
    token = good()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = alphabet.index(token[-1])
    others = [token[:-1] + alphabet[at ^ bits] for bits in range(1, 16)]

    assert {refused(other) for other in others} == {"malformed_token"}


@pytest.mark.spec("T-J14")
def test_a_long_token_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(TokenTooLarge) as caught:
        parse_header("A" * (17 * 1024))

    assert caught.value.code == "token_too_large"
    assert refused("." * 1_000_000) == "token_too_large"


def test_a_token_with_many_groups_is_believed() -> None:
    token = sign_jwt({"groups": ["g" * 60] * 180}, EC)

    assert 14_000 < len(token) <= MAX_TOKEN_LENGTH
    assert verify_jwt(token, KEYS, algorithms=ES).claims


@pytest.mark.spec("T-J14")
@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c.d", "a..c", "." * 9000])
def test_a_token_has_three_segments(token: str) -> None:
    assert not is_compact_jws(token)
    assert refused(token) == "malformed_token"


@pytest.mark.spec("T-J14")
def test_deep_json_in_a_token_is_refused() -> None:
    deep = b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}"
    with pytest.raises(MalformedToken):
        verify_jwt(sign_with(EC, {"alg": "ES256"}, deep), KEYS, algorithms=ES)


@pytest.mark.spec("RFC7518#3.4")
@pytest.mark.parametrize(
    "signature",
    [b"\x00" * 64, b"\xff" * 64, b"\x00" * 63, b"\x00" * 65, b"\x01", b"0" * 200],
)
def test_odd_signatures_are_bad_and_nothing_else(signature: bytes) -> None:
    for alg, kid in (
        ("ES256", "ec"),
        ("RS256", "rsa"),
        ("EdDSA", "ed"),
        ("PS256", "rsa"),
    ):
        text = f"{part({'alg': alg, 'kid': kid})}.{part({})}"
        with pytest.raises(BadSignature):
            verify_jwt(f"{text}.{encode_base64url(signature)}", KEYS, algorithms=ALL)


@FAST
@given(st.data())
def test_a_changed_token_is_never_believed(data: st.DataObject) -> None:
    token = good()
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from("ABCabc019-_.="))
    changed = token[:at] + sign + token[at + 1 :]
    if changed != token:
        assert refused(changed)


@pytest.mark.spec("T-J15")
@FAST
@given(st.text(max_size=80) | st.text("abAB01-_.", max_size=80))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    assert refused(text)
    with pytest.raises(JoseError):
        read_unverified_claims(text)


def test_claims_can_be_shown_without_trust() -> None:
    forged = good().rpartition(".")[0] + ".AAAA"

    assert read_unverified_claims(forged) == {"sub": "ada"}
    assert refused(forged) == "bad_signature"


def test_a_refusal_does_not_repeat_the_token() -> None:
    with pytest.raises(UnsupportedAlgorithm) as caught:
        verify_jwt(sign_with(EC, {"alg": "X" * 300}), KEYS, algorithms=ES)

    assert len(caught.value.detail) < 80
    assert "ada" not in repr(verify_jwt(good(), KEYS, algorithms=ES))
