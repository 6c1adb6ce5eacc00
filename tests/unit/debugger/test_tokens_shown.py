"""Tokens are shown decoded and without trust, and refusals in the words that providers use."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.debugger import judging
from ostiary.http.exchange import IncomingReply
from ostiary.jose.jwt import sign_jwt
from tests.support.provider import KEY, b64
from tests.unit.debugger.debugger_kit import reply

HELD = sign_jwt({"sub": "ada"}, KEY)


def test_a_token_is_shown_decoded_and_an_opaque_one_as_it_is() -> None:
    shown = judging.show_tokens({"id_token": HELD, "access_token": "opaque"})

    assert [token.name for token in shown] == ["ID token", "Access token"]
    assert shown[0].claims is not None
    assert shown[0].claims["sub"] == "ada"
    assert (shown[1].text, shown[1].header, shown[1].claims) == ("opaque", None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff\xfe",
        b"[]",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        b"7" * 5000,
    ],
)
def test_claims_that_could_not_be_carried_are_not_shown(payload: bytes) -> None:
    shown = judging.show_token("x", f"{b64(b'{}')}.{b64(payload)}.c")

    assert shown.claims is None


def test_a_userinfo_reply_that_is_a_jwt_is_decoded() -> None:
    answer = IncomingReply(status=200, fields={}, body=HELD.encode())

    assert [token.name for token in judging.decode_claims(answer, "UserInfo")] == [
        "UserInfo"
    ]
    assert judging.decode_claims(reply(200, {"sub": "ada"}), "UserInfo") == ()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"error": "a", "error_description": "b"}, ("a", "b")),
        (
            {
                "errorCode": "invalid_client",
                "errorSummary": "Invalid value for 'client_id'",
            },
            ("invalid_client", "Invalid value for 'client_id'"),
        ),
        (
            {
                "error": {
                    "code": "InvalidAuthenticationToken",
                    "message": "Access token is empty",
                }
            },
            ("InvalidAuthenticationToken", "Access token is empty"),
        ),
        ({"error": ["a"]}, ("", "")),
        (None, ("", "")),
    ],
)
def test_the_words_of_a_refusal_are_found_as_providers_write_them(
    document: dict[str, Any] | None, words: tuple[str, str]
) -> None:
    assert judging.read_words(document) == words
