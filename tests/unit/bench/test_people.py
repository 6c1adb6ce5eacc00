"""Tokens and sessions of the size that the budget is for, and the bench's own provider."""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from bench.people import (
    COOKIE_BYTES,
    build_request,
    seal_cookies,
    sign_access,
    sign_tokens,
    spoil,
)
from bench.processes import CannotRun
from bench.provider import Provider
from bench.systems.envoy import clean

from ostiary.jose.errors import BadSignature
from ostiary.jose.jwt import verify_jwt
from ostiary.jose.keys import parse_jwks
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.signin.party import Party, compile_party
from ostiary.signin.schema import OpenidConnectConfig

RS256 = frozenset({"RS256"})


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


def compile_for(provider: Provider) -> Party:
    config = OpenidConnectConfig.model_validate(
        {"issuer": provider.issuer, "client_id": ["bench"]}, strict=False
    )
    return compile_party(config, str(uuid.uuid4()))


def ring() -> KeyRing:
    return KeyRing((RingKey(os.urandom(4), os.urandom(32)),))


def test_cookies_have_two_chunks_and_four_kilobytes(provider: Provider) -> None:
    people = [sign_tokens(provider.issuer, provider.key, n) for n in range(5)]

    found = seal_cookies(compile_for(provider), ring(), people, "https")

    assert len(set(found)) == 5
    assert all(
        len(cookie) > COOKIE_BYTES and cookie.count("; ") >= 1 for cookie in found
    )


def test_smaller_cookies_stop_the_run(provider: Provider) -> None:
    person = replace(sign_tokens(provider.issuer, provider.key, 1), refresh="short")

    with pytest.raises(CannotRun, match="the budget is for 4096 bytes"):
        seal_cookies(compile_for(provider), ring(), [person], "http")


def test_access_tokens_are_never_equal_and_forged_ones_do_not_verify(
    provider: Provider,
) -> None:
    keys = parse_jwks(provider.jwks())
    token, other = (sign_access(provider.issuer, provider.key, 1) for _ in range(2))

    assert token != other
    assert verify_jwt(token, keys, algorithms=RS256).claims["username"] == "user-1"
    with pytest.raises(BadSignature):
        verify_jwt(spoil(token), keys, algorithms=RS256)


def test_a_code_is_good_once_for_its_verifier_and_its_redirect(
    provider: Provider,
) -> None:
    hashed = hashlib.sha256(b"verifier").digest()
    asked = {
        "redirect_uri": "http://x/callback",
        "state": "s",
        "nonce": "n",
        "code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
    }

    def code() -> str:
        query = urlsplit(provider.authorize(asked)).query
        return parse_qs(query)["code"][0]

    form = {"redirect_uri": "http://x/callback", "code_verifier": "verifier"}
    good = {**form, "code": code()}

    assert provider.token(good)[0] == 200
    assert provider.token(good)[0] == 400
    assert provider.token({**form, "code": code(), "code_verifier": "other"})[0] == 400
    assert (
        provider.token({**form, "code": code(), "redirect_uri": "http://y"})[0] == 400
    )


def test_a_request_is_bytes_as_they_are_sent() -> None:
    assert build_request("/64", "A: b", host="x") == (
        b"GET /64 HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"
    )


def test_a_reason_names_no_address_and_no_path() -> None:
    line = "ERROR: cannot reach https://registry.example/simple from /home/me/x/pip"

    assert clean(line) == "cannot reach … from …pip"
