"""What UserInfo and introspection answer passes exactly where the gateway would believe it."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.debugger import judging
from ostiary.http.exchange import IncomingReply
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.oidc.errors import OidcError
from ostiary.oidc.rp.checks import Check
from ostiary.oidc.rp.claims_sources import read_introspection, read_userinfo
from tests.support.ports import FakeClock
from tests.support.provider import CLIENT_ID, ISSUER, KEY, OTHER_KEY, FakeProvider, b64
from tests.unit.debugger.debugger_kit import NOW, SETUP, reply

KEYS = judging.read_keys({"keys": [KEY.public_jwk()]})
RULES = judging.build_rules(SETUP, FakeProvider(FakeClock(NOW)).metadata())
HELD = sign_jwt({"sub": "ada"}, KEY)


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if not check.passed]


SIGNED = {"iss": ISSUER, "sub": "ada", "aud": CLIENT_ID, "active": True}


def as_jwt(claims: dict[str, Any], key: PrivateKey = KEY) -> IncomingReply:
    fields = {"content-type": "application/jwt"}
    return IncomingReply(status=200, fields=fields, body=sign_jwt(claims, key).encode())


_PARTS = (b'{"alg":"none"}', b'{"sub":"ada","active":true}', b"")
UNSIGNED = ".".join(map(b64, _PARTS))
REPLIES = (
    as_jwt(SIGNED),
    as_jwt({**SIGNED, "iss": "https://evil.example"}),
    as_jwt({**SIGNED, "aud": "somebody-else"}),
    as_jwt({**SIGNED, "exp": NOW - 60}),
    as_jwt({**SIGNED, "exp": NOW + 60, "nbf": NOW - 60}),
    as_jwt({**SIGNED, "nbf": NOW + 60}),
    as_jwt({k: v for k, v in SIGNED.items() if k != "iss"}),
    as_jwt({**SIGNED, "sub": "eve"}),
    as_jwt({**SIGNED, "active": False}),
    as_jwt({"iss": ISSUER, "aud": CLIENT_ID, "token_introspection": {"active": True, "sub": "ada"}}),
    as_jwt({"iss": ISSUER, "aud": "somebody-else", "token_introspection": {"active": True}}),
    as_jwt(SIGNED, OTHER_KEY),
    IncomingReply(status=200, fields={"content-type": "application/jwt"}, body=UNSIGNED.encode()),
    IncomingReply(status=200, fields={}, body=UNSIGNED.encode()),
    reply(200, {"sub": "ada", "active": True}),
    reply(200, {"sub": "ada", "active": True, "iss": "https://evil.example"}),
    reply(200, {"sub": "ada", "active": True, "aud": ["somebody-else"]}),
    reply(200, {"sub": "ada", "active": True, "exp": NOW - 60}),
    reply(200, {"sub": "ada", "active": True, "exp": NOW + 60, "iat": NOW - 60}),
    reply(200, {"active": True}),
    reply(200, "hello"),
)  # fmt: skip


@pytest.mark.spec("OIDCC#5.3.2")
@pytest.mark.parametrize("answer", REPLIES)
@pytest.mark.parametrize("held", [HELD, ""])
def test_userinfo_passes_where_the_gateway_would_believe_it(
    answer: IncomingReply, held: str
) -> None:
    subject = "ada" if held else None
    try:
        read_userinfo(answer, KEYS, RULES, subject=subject, now=NOW)
        believed = True
    except (OidcError, JoseError):
        believed = False

    assert (failed(judging.check_userinfo(answer, held, KEYS, RULES, NOW)) == []) == believed  # fmt: skip


@pytest.mark.spec("RFC9701#5")
@pytest.mark.parametrize("answer", REPLIES)
def test_introspection_passes_where_the_gateway_would_believe_it(
    answer: IncomingReply,
) -> None:
    try:
        read_introspection(answer, KEYS, RULES, now=NOW)
        believed = True
    except (OidcError, JoseError):
        believed = False

    assert (failed(judging.check_introspection(answer, KEYS, RULES, NOW)) == []) == believed  # fmt: skip
