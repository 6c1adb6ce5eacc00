"""Each reply is held against every rule of its step, and no reply is too strange for it."""

from __future__ import annotations

import json
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger import judging
from ostiary.debugger.judging import MAX_SKEW_S
from ostiary.debugger.values import ENDPOINTS
from ostiary.http.exchange import IncomingReply
from ostiary.http.forms import Pairs
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import KeySet
from ostiary.oidc.rp.checks import Check
from tests.support.ports import FakeClock
from tests.support.provider import CLIENT_ID, ISSUER, KEY, OTHER_KEY, FakeProvider, b64
from tests.unit.debugger.debugger_kit import FLOW, JSON, NOW, SETUP, objects, reply

PROVIDER = FakeProvider(FakeClock(NOW))
DOCUMENT = PROVIDER.metadata()
KEYS = judging.read_keys({"keys": [KEY.public_jwk()]})
RULES = judging.build_rules(SETUP, DOCUMENT)
ANSWER = {"state": FLOW.state, "code": "code-1"}


def failed(checks: tuple[Check, ...] | list[Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def named(checks: tuple[Check, ...] | list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def pairs(**changes: str | None) -> Pairs:
    return tuple((k, v) for k, v in {**ANSWER, **changes}.items() if v is not None)


# Clocks.


@pytest.mark.parametrize("ahead", [0, MAX_SKEW_S, -MAX_SKEW_S])
def test_a_clock_within_the_allowance_passes(ahead: int) -> None:
    date = formatdate(NOW + ahead, usegmt=True)
    (check,) = judging.check_clock(reply(date=date), NOW)

    assert (check.name, check.passed) == ("clock", True)


@pytest.mark.parametrize(("ahead", "said"), [(31, "+31 s"), (-3600, "-3600 s")])
def test_a_clock_beyond_it_fails_and_says_by_how_much(ahead: int, said: str) -> None:
    date = formatdate(NOW + ahead, usegmt=True)
    (check,) = judging.check_clock(reply(date=date), NOW)

    assert (check.passed, check.got) == (False, f"{said} (Date: {date})")


@pytest.mark.spec("RFC9111#5.1")
def test_a_reply_out_of_a_cache_is_as_old_as_its_age_says() -> None:
    """Google's discovery document comes with a Date of hours ago."""
    kept = reply(date=formatdate(NOW - 7200, usegmt=True), age="7200")
    odd = reply(date=formatdate(NOW, usegmt=True), age="about 3")

    assert judging.read_skew_s(kept, NOW) == 0
    assert judging.read_skew_s(odd, NOW) == 0


def test_a_date_without_a_zone_is_of_universal_time() -> None:
    date = formatdate(NOW, usegmt=True).replace("GMT", "-0000")

    assert judging.read_skew_s(reply(date=date), NOW) == 0


@pytest.mark.parametrize(
    "date",
    [
        *("", "yesterday", "Mon, 99 Jan 2024 00:00:00 GMT"),
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999999999",
    ],
)
def test_a_date_that_is_none_is_no_check(date: str) -> None:
    assert list(judging.check_clock(reply(date=date), NOW)) == []


@given(st.text(max_size=40), st.text(max_size=12))
@settings(max_examples=200, deadline=None)
def test_no_date_is_too_strange(date: str, age: str) -> None:
    skew = judging.read_skew_s(reply(date=date, age=age), NOW)

    assert skew is None or isinstance(skew, float)


# Discovery and keys.


def test_a_good_document_passes_every_rule() -> None:
    checks = judging.check_discovery(reply(200, DOCUMENT), SETUP, NOW)

    assert failed(checks) == []
    assert {check.name for check in checks} == {
        *("status", "document", "issuer"),
        *ENDPOINTS,
    }


@pytest.mark.spec("OIDCD#4.3")
@pytest.mark.parametrize(
    ("edits", "wrong", "got"),
    [
        ({"issuer": "https://other.example"}, "issuer", "https://other.example"),
        ({"issuer": None}, "issuer", "nothing"),
        ({"issuer": ["x"]}, "issuer", "nothing"),
        ({"token_endpoint": None}, "token_endpoint", "nothing"),
        ({"jwks_uri": "/jwks"}, "jwks_uri", "/jwks"),
        (
            {"token_endpoint": "http://idp.example/t"},
            "token_endpoint",
            "http://idp.example/t",
        ),
        ({"userinfo_endpoint": {"a": 1}}, "userinfo_endpoint", "{'a': 1}"),
        ({"end_session_endpoint": "http://["}, "end_session_endpoint", "http://["),
    ],
)
def test_a_document_fails_where_it_is_wrong(
    edits: dict[str, Any], wrong: str, got: str
) -> None:
    document = {k: v for k, v in {**DOCUMENT, **edits}.items() if v is not None}
    checks = judging.check_discovery(reply(200, document), SETUP, NOW)

    assert failed(checks) == [wrong]
    assert named(checks, wrong).got == got


def test_endpoints_that_nobody_needs_may_be_missing() -> None:
    needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    document = {name: DOCUMENT[name] for name in needed}
    checks = judging.check_discovery(reply(200, document), SETUP, NOW)

    assert failed(checks) == []


def test_an_issuer_of_plain_http_may_have_such_endpoints() -> None:
    document = {
        k: str(v).replace("https:", "http:") for k, v in PROVIDER.metadata().items()
    }
    setup = replace(SETUP, issuer=document["issuer"])

    assert failed(judging.check_discovery(reply(200, document), setup, NOW)) == []


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (reply(404, "<h1>Not found</h1>"), ["status", "document"]),
        (reply(200, "Welcome"), ["document"]),
        (reply(404, {"error": "none"}), ["status"]),
    ],
)
def test_what_is_no_document_is_judged_no_further(
    answer: IncomingReply, wrong: list[str]
) -> None:
    checks = judging.check_discovery(answer, SETUP, NOW)

    assert failed(checks) == wrong
    assert {check.name for check in checks} == {"status", "document"}


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (reply(200, {"keys": [KEY.public_jwk()]}), []),
        (reply(200, {"keys": []}), ["keys"]),
        (reply(200, {"keys": [{"kty": "unheard-of"}]}), ["keys"]),
        (reply(404, {}), ["status", "keys"]),
    ],
)
def test_a_key_set_needs_one_key_that_can_verify(
    answer: IncomingReply, wrong: list[str]
) -> None:
    assert failed(judging.check_keys(answer, NOW)) == wrong


# The answer at the redirect URI.


def test_an_answer_with_state_and_code_passes() -> None:
    checks = judging.check_answer(pairs(), SETUP, DOCUMENT, FLOW)

    assert [(c.name, c.passed) for c in checks] == [
        *(("state", True), ("error", True), ("code", True))
    ]


@pytest.mark.spec("RFC6749#4.1.2")
@pytest.mark.parametrize(
    ("changes", "wrong", "got"),
    [
        ({"state": "of-somebody-else"}, "state", "another one"),
        ({"state": None}, "state", "nothing"),
        ({"code": None}, "code", "nothing"),
        ({"code": ""}, "code", "nothing"),
        ({"code": None, "error": "access_denied"}, "error", "access_denied"),
        ({"code": None, "error": ""}, "error", "an empty one"),
    ],
)
def test_an_answer_fails_where_it_is_wrong(
    changes: dict[str, str | None], wrong: str, got: str
) -> None:
    checks = judging.check_answer(pairs(**changes), SETUP, DOCUMENT, FLOW)

    assert failed(checks) == [wrong]
    assert named(checks, wrong).got == got


@pytest.mark.spec("RFC9207#2.4")
@pytest.mark.parametrize(
    ("promised", "iss", "wrong"),
    [
        (False, None, []),
        (False, ISSUER, []),
        (False, "https://evil.example", ["iss"]),
        (True, ISSUER, []),
        (True, f"{ISSUER}/", []),
        (True, None, ["iss"]),
        (True, "https://evil.example", ["iss"]),
    ],
)
def test_the_issuer_of_an_answer_is_looked_at_where_it_is_there_or_promised(
    promised: bool, iss: str | None, wrong: list[str]
) -> None:
    name = "authorization_response_iss_parameter_supported"
    document = {**DOCUMENT, name: promised}
    checks = judging.check_answer(pairs(iss=iss), SETUP, document, FLOW)

    assert failed(checks) == wrong


@pytest.mark.spec("RFC6749#3.1")
@pytest.mark.parametrize("name", ["code", "state", "iss", "error_description"])
def test_an_argument_that_is_there_twice_fails(name: str) -> None:
    answer = (*pairs(iss=ISSUER, error_description="x"), (name, "again"))
    checks = judging.check_answer(answer, SETUP, DOCUMENT, FLOW)

    assert failed(checks) == ["once"]
    assert named(checks, "once").got == f"{name} twice"


# The token reply.

TOKENS = {"access_token": "opaque", "token_type": "Bearer"}


@pytest.mark.spec("RFC6749#5.1")
@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (reply(200, TOKENS), []),
        (reply(200, {**TOKENS, "token_type": "bearer"}), []),
        (reply(200, {**TOKENS, "token_type": "mac"}), ["token_type"]),
        (reply(200, {"token_type": "Bearer"}), ["access_token"]),
        (reply(200, {**TOKENS, "access_token": 7}), ["access_token"]),
        (reply(400, {"error": "invalid_grant"}), ["status", "error"]),
        (reply(200, {"error": "bad_verification_code"}), ["error"]),
        (reply(502, "Bad gateway"), ["status", "reply"]),
        (reply(200, "Please sign in"), ["reply"]),
        (reply(500, {}), ["status"]),
    ],
)
def test_a_token_reply_in_form(answer: IncomingReply, wrong: list[str]) -> None:
    assert failed(judging.check_token_reply(answer, NOW)) == wrong


@pytest.mark.spec("RFC7636#4.6")
@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        (reply(200, TOKENS), True),
        (
            reply(
                400,
                {
                    "error": "invalid_grant",
                    "error_description": "PKCE verification failed",
                },
            ),
            False,
        ),
        (
            reply(
                400,
                {"error": "invalid_grant", "error_description": "code_verifier wrong"},
            ),
            False,
        ),
    ],
)
def test_pkce_is_judged_by_what_the_provider_says(
    answer: IncomingReply, passed: bool
) -> None:
    (check,) = judging.check_pkce(SETUP, FLOW, answer)

    assert (check.name, check.passed) == ("pkce", passed)
    assert FLOW.verifier not in check.expected


@pytest.mark.parametrize(
    "answer",
    [reply(401, {"error": "invalid_client"}), reply(502, "away"), reply(500, {})],
)
def test_a_refusal_for_another_reason_says_nothing_of_pkce(
    answer: IncomingReply,
) -> None:
    assert list(judging.check_pkce(SETUP, FLOW, answer)) == []


def test_pkce_that_was_not_used_cannot_fail() -> None:
    setup = replace(SETUP, uses_pkce=False)
    (check,) = judging.check_pkce(setup, FLOW, reply(400, {}))

    assert (check.passed, check.got) == (True, "not used")


@pytest.mark.spec("RFC6749#3.3")
@pytest.mark.parametrize(
    ("asked", "given", "passed"),
    [
        ("openid email", "email openid", True),
        ("openid email", "openid", False),
        ("openid offline_access", "openid", True),
        # Google names them by their addresses, Entra shortens those of Graph.
        (
            "openid email profile",
            "https://www.googleapis.com/auth/userinfo.email openid https://www.googleapis.com/auth/userinfo.profile",
            True,
        ),
        ("https://graph.microsoft.com/User.Read", "User.Read openid", True),
        (
            "https://graph.microsoft.com/.default",
            "https://graph.microsoft.com/User.Read",
            True,
        ),
        ("openid orders.write", "openid orders.read", False),
    ],
)
def test_scopes_that_were_asked_for_must_have_been_given(
    asked: str, given: str, passed: bool
) -> None:
    (check,) = judging.check_scope(replace(SETUP, scope=asked), {"scope": given})

    assert check.passed is passed


@pytest.mark.parametrize("document", [{}, {"scope": ""}, {"scope": ["openid"]}])
def test_a_reply_that_names_no_scopes_gave_all(document: dict[str, Any]) -> None:
    assert list(judging.check_scope(SETUP, document)) == []


# Tokens.


def judge(
    document: dict[str, Any], keys: KeySet = KEYS, *, needs_id_token: bool = True
) -> list[Check]:
    return [
        *judging.check_tokens(
            document,
            SETUP,
            keys,
            RULES,
            nonce=FLOW.nonce,
            now=NOW,
            needs_id_token=needs_id_token,
        )
    ]


def id_token(**edits: object) -> str:
    claims = {
        "iss": ISSUER,
        "sub": "ada",
        "aud": CLIENT_ID,
        "nonce": FLOW.nonce,
        "iat": int(NOW),
        "exp": int(NOW) + 300,
        **edits,
    }
    return sign_jwt({k: v for k, v in claims.items() if v is not None}, KEY)


def test_a_good_id_token_passes_every_rule_and_an_opaque_access_token_has_none() -> (
    None
):
    checks = judge({"id_token": id_token(), "access_token": "opaque"})

    assert failed(checks) == []
    assert not [c for c in checks if c.name.startswith("access token")]


@pytest.mark.spec("OIDCC#3.1.3.7")
@pytest.mark.parametrize(
    ("edits", "wrong"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"aud": "somebody-else"}, "aud"),
        ({"exp": int(NOW) - 1}, "exp"),
        ({"iat": int(NOW) + 60}, "iat"),
        ({"nbf": int(NOW) + 60}, "nbf"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"azp": "somebody-else"}, "azp"),
        ({"token_use": "access"}, "token_use"),
        ({"at_hash": "of-another"}, "at_hash"),
    ],
)
def test_an_id_token_fails_where_it_is_wrong(edits: dict[str, Any], wrong: str) -> None:
    checks = judge({"id_token": id_token(**edits), "access_token": "opaque"})

    assert failed(checks) == [f"ID token: {wrong}"]


def test_a_signature_of_another_key_fails() -> None:
    other = judging.read_keys({"keys": [OTHER_KEY.public_jwk()]})

    assert failed(judge({"id_token": id_token()}, other)) == [
        *("ID token: kid", "ID token: signature")
    ]


def test_an_id_token_that_does_not_come_fails_only_where_it_was_asked_for() -> None:
    assert failed(judge({"access_token": "opaque"})) == ["id_token"]
    assert judge({"access_token": "opaque"}, needs_id_token=False) == []


@pytest.mark.parametrize("opaque", ["ya29.c.b0Aaekm1", "a.b.c", "..", "x.y"])
def test_an_access_token_with_dots_that_is_no_jwt_is_opaque(opaque: str) -> None:
    assert judge({"access_token": opaque}, needs_id_token=False) == []


def test_an_access_token_for_another_api_fails_its_own_rules() -> None:
    """Keycloak's are for `account`."""
    access = id_token(aud="account", nonce=None, client_id=CLIENT_ID, scope="openid")

    assert failed(judge({"access_token": access}, needs_id_token=False)) == [
        "access token: aud"
    ]


def test_a_trailing_slash_that_the_provider_has_is_its_issuer() -> None:
    document = {**DOCUMENT, "issuer": f"{ISSUER}/"}

    assert judging.build_rules(SETUP, document).issuers == (f"{ISSUER}/",)
    assert judging.build_rules(SETUP, {"issuer": "https://evil.example"}).issuers == (
        ISSUER,
    )


# Further steps.

HELD = id_token()


@pytest.mark.spec("OIDCC#5.3.2")
@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (reply(200, {"sub": "ada"}), []),
        (reply(200, {"sub": "eve"}), ["sub"]),
        (reply(200, {"email": "ada@example.com"}), ["sub"]),
        (reply(200, {"sub": ["ada"]}), ["sub"]),
        (reply(401, {}), ["status"]),
        (reply(200, "hello"), ["reply", "sub"]),
        (IncomingReply(status=200, fields={}, body=HELD.encode()), []),
    ],
)
def test_userinfo_is_about_the_person_of_the_id_token(
    answer: IncomingReply, wrong: list[str]
) -> None:
    assert failed(judging.check_userinfo(answer, HELD, KEYS, RULES, NOW)) == wrong


def test_without_an_id_token_nobody_knows_who_the_person_should_be() -> None:
    assert (
        failed(judging.check_userinfo(reply(200, {"sub": "eve"}), "", KEYS, RULES, NOW))
        == []
    )


@pytest.mark.parametrize("claims", [{}, {"sub": 7}])
def test_an_id_token_without_a_person_is_nobodys(claims: dict[str, Any]) -> None:
    (check,) = judging.check_same_person("sub", "", sign_jwt(claims, KEY))

    assert check.passed is False


@pytest.mark.spec("RFC7662#2.2")
@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (reply(200, {"active": True}), []),
        (reply(200, {"active": False}), ["active"]),
        (reply(200, {"active": "true"}), ["active"]),
        (reply(200, {}), ["active"]),
        (reply(401, {}), ["status"]),
    ],
)
def test_only_true_is_active(answer: IncomingReply, wrong: list[str]) -> None:
    assert failed(judging.check_introspection(answer, KEYS, RULES, NOW)) == wrong


# Whatever comes.

MEMBERS = (
    *("issuer", "error", "error_description", "keys", "active", "sub", "scope"),
    *("access_token", "id_token", "refresh_token", "token_type", *ENDPOINTS),
)


def all_checks(answer: IncomingReply, held: str) -> list[Check]:
    document = judging.read_object(answer) or {}
    keys = judging.read_keys(document)
    return [
        *judging.check_discovery(answer, SETUP, NOW),
        *judging.check_keys(answer, NOW),
        *judging.check_answer((), SETUP, document, FLOW),
        *judging.check_answer((("iss", "x"),), SETUP, document, FLOW),
        *judging.check_token_reply(answer, NOW),
        *judging.check_pkce(SETUP, FLOW, answer),
        *judging.check_scope(SETUP, document),
        *judging.check_tokens(
            document,
            SETUP,
            keys,
            judging.build_rules(SETUP, document),
            nonce="n",
            now=NOW,
            needs_id_token=True,
        ),
        *judging.check_same_person("sub", document.get("sub"), held),
        *judging.check_userinfo(answer, held, keys, RULES, NOW),
        *judging.check_introspection(answer, keys, RULES, NOW),
    ]


@given(objects(*MEMBERS), st.sampled_from([200, 302, 400, 500]))
@settings(max_examples=150, deadline=None)
def test_no_reply_is_too_strange_and_no_check_too_long(
    document: dict[str, Any], status: int
) -> None:
    answer = IncomingReply(
        status=status, fields={}, body=json.dumps(document).encode("utf-8", "replace")
    )
    for check in all_checks(answer, str(document.get("id_token", ""))):
        assert len(check.name) < 100
        assert len(check.expected) <= 2000
        assert len(check.got) <= 300


@given(JSON, JSON)
@settings(max_examples=100, deadline=None)
def test_no_token_is_too_strange(header: object, claims: object) -> None:
    text = ".".join(
        b64(json.dumps(part).encode("utf-8", "replace")) for part in (header, claims)
    )
    shown = judging.show_token("x", f"{text}.c2ln")
    found = judge({"id_token": f"{text}.c2ln", "access_token": f"{text}.c2ln"})

    assert shown.header is None or isinstance(shown.header, dict)
    assert all(len(check.got) <= 300 for check in found)


@given(st.text(max_size=30), st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_neither_a_text_nor_bytes_that_are_no_json_raise(
    text: str, body: bytes
) -> None:
    answer = IncomingReply(status=200, fields={"content-type": text}, body=body)

    assert all(len(check.got) <= 300 for check in all_checks(answer, text))
