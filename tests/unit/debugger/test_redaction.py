"""No secret survives in what is shown of a request or a reply: not by its name, not by its value."""

from __future__ import annotations

import base64
import html
import json
import string
import time
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.redaction import (
    MAX_BODY,
    PLACEHOLDERS,
    Redactor,
    build_redactor,
    clean,
)
from ostiary.debugger.values import Flow, Held, Run, Setup
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from tests.unit.debugger.debugger_kit import JSON, SETUP, reply

NAMES = ("secret", "access", "id", "refresh", "used", "nonce", "code", "state", "verifier", "held_nonce")  # fmt: skip
PLANTED = {name: f"PLANTED-{name}/7+3&a" for name in NAMES}


def redactor_of(secrets: dict[str, str]) -> Redactor:
    flow = Flow(
        state=secrets["state"],
        nonce=secrets["nonce"],
        verifier=secrets["verifier"],
        begun_at=0,
    )
    held = Held(
        access_token=secrets["access"],
        id_token=secrets["id"],
        refresh_token=secrets["refresh"],
        nonce=secrets["held_nonce"],
    )
    setup = Setup(client_id="shop", client_secret=secrets["secret"])
    return build_redactor(
        Run(setup=setup, held=held, flow=flow),
        code=secrets["code"],
        used=secrets["used"],
    )


REDACTOR = redactor_of(PLANTED)


def spellings(secret: str) -> list[str]:
    return [
        secret,
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").replace("%2F", "%2f"),
        html.escape(secret),
        json.dumps(secret),
    ]


def shown(answer: IncomingReply, redactor: Redactor = REDACTOR) -> str:
    return repr(asdict(redactor.got(answer)))


def leaks(text: str) -> list[str]:
    return [secret for secret in PLANTED.values() if any(s in text for s in spellings(secret))]  # fmt: skip


# Requests.


def test_an_authorization_request_keeps_what_is_not_secret() -> None:
    query = urlencode(
        {
            "client_id": "shop",
            "scope": "openid email",
            "state": PLANTED["state"],
            "nonce": PLANTED["nonce"],
        }
    )
    sent = REDACTOR.sent(
        OutgoingRequest(method="GET", url=f"https://idp.example/a?{query}")
    )

    assert (sent.method, sent.url) == ("GET", "https://idp.example/a")
    assert sent.pairs == (
        ("client_id", "shop"),
        ("scope", "openid email"),
        ("state", "$STATE"),
        ("nonce", "$NONCE"),
    )


@pytest.mark.spec("RFC6749#2.3.1")
def test_a_token_request_shows_neither_form_nor_header_s_secrets() -> None:
    form = {
        "grant_type": "authorization_code",
        "code": PLANTED["code"],
        "code_verifier": PLANTED["verifier"],
        "client_secret": PLANTED["secret"],
        "client_assertion": "eyJhbGciOiJub25lIn0.e30.",
        "tenant": "blue",
    }
    request = OutgoingRequest(
        method="POST",
        url=f"https://idp.example/token?tenant=red&hint={quote(PLANTED['secret'], safe='')}",
        fields=(("Accept", "application/json"), ("Authorization", "Basic c2hvcDpzZWNyZXQ=")),
        body=urlencode(form).encode(),
    )  # fmt: skip
    sent = REDACTOR.sent(request)

    assert dict(sent.pairs) == {
        "grant_type": "authorization_code",
        "code": "$CODE",
        "code_verifier": "$CODE_VERIFIER",
        "client_secret": "$CLIENT_SECRET",
        "client_assertion": "$CLIENT_ASSERTION",
        "tenant": "blue",
    }
    assert sent.fields == (
        ("Accept", "application/json"),
        ("Authorization", "Basic $CLIENT_BASIC"),
    )
    assert "tenant=red" in sent.url
    assert leaks(repr(asdict(sent))) == []


@pytest.mark.spec("RFC6750#5.3")
def test_a_bearer_token_in_a_header_is_a_placeholder() -> None:
    fields = (
        ("Authorization", f"Bearer {PLANTED['access']}"),
        ("authorization", "DPoP x"),
    )
    sent = REDACTOR.sent(
        OutgoingRequest(method="GET", url="https://idp.example/me", fields=fields)
    )

    assert sent.fields == (
        ("Authorization", "Bearer $ACCESS_TOKEN"),
        ("authorization", "DPoP $ACCESS_TOKEN"),
    )


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_an_argument_is_known_by_its_name_whatever_its_value_and_case(
    name: str,
) -> None:
    assert REDACTOR.pair(name, "of-another-sign-in") == (name, PLACEHOLDERS[name])
    assert REDACTOR.pair(name.upper(), "x")[1] == PLACEHOLDERS[name]
    assert REDACTOR.pair(name, "") == (name, "")


def test_a_value_says_more_than_a_name() -> None:
    """A token to revoke is the refresh token, and the shell's variable is that one's."""
    assert REDACTOR.pair("token", PLANTED["refresh"]) == ("token", "$REFRESH_TOKEN")


def test_a_secret_that_is_a_name_is_none() -> None:
    assert leaks(repr(REDACTOR.pairs(f"{quote(PLANTED['access'])}&x=1"))) == []


# Replies.


def everywhere(secret: str) -> list[IncomingReply]:
    """Replies that repeat a secret where a provider can."""
    q = quote(secret, safe="")
    return [
        reply(302, "", location=f"https://app.example/cb?x={q}&y=1"),
        reply(302, "", location=f"https://app.example/cb#x={q}"),
        reply(302, "", location=f"https://app.example/{q}/cb"),
        reply(302, "", location=f"/cb?{q}"),
        reply(302, "", location=f"https://[broken?x={q}"),
        reply(401, {}, www_authenticate=f'Bearer error="x", token="{secret}"'),
        reply(200, {"deep": [{"er": {"x": f"<{secret}>"}}], secret: 1}),
        reply(200, [secret, [secret]]),
        reply(400, f"<p>{html.escape(secret)}</p><a href='/x?y={q}'>again</a>"),
        reply(400, f"{{ not json: {json.dumps(secret)}"),
        reply(400, f"<p>{quote(secret).lower()}</p>"),
        IncomingReply(status=400, fields={"content-type": secret}, body=b""),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_reply_shows_a_secret_that_is_known(name: str) -> None:
    for answer in everywhere(PLANTED[name]):
        assert leaks(shown(answer)) == []


def test_basic_credentials_that_are_repeated_are_a_placeholder() -> None:
    pair = f"shop:{quote_plus(PLANTED['secret'])}".encode()
    text = base64.b64encode(pair).decode()

    assert REDACTOR.text(f"you sent {text}") == "you sent $CLIENT_BASIC"


@pytest.mark.parametrize(
    "value",
    ["unheard-of", 12345678, ["unheard-of"]],
)
def test_a_reply_s_members_are_known_by_their_names(value: object) -> None:
    answer = reply(200, {"a": [dict.fromkeys(PLACEHOLDERS, value)], "Code": value})
    body: Any = json.loads(REDACTOR.got(answer).body)

    assert body == {"a": [PLACEHOLDERS], "Code": "$CODE"}


@pytest.mark.parametrize("value", ["", None, False, True, {"reason": "over"}])
def test_what_cannot_be_a_secret_stays(value: object) -> None:
    body: Any = json.loads(REDACTOR.got(reply(200, {"token": value})).body)

    assert body == {"token": value}


@pytest.mark.parametrize(
    "token",
    ["eyJhbGciOiJub25lIn0.e30.c2ln", "eyJhbGciOiJub25lIn0.e30.", "eyJlbmMi.a.b.c.d"],
)
def test_what_looks_like_a_token_is_shown_nowhere(token: str) -> None:
    assert REDACTOR.text(f"see {token}, or not") == "see $TOKEN, or not"


def test_cookies_are_left_out_and_what_helps_is_kept() -> None:
    answer = reply(200, {}, set_cookie="session=1", date="today", x_powered_by="y")

    assert REDACTOR.got(answer).fields == (
        ("content-type", "application/json"),
        ("date", "today"),
    )


def test_a_long_body_is_cut_after_it_was_redacted() -> None:
    body = "x" * (MAX_BODY - 10) + PLANTED["access"]
    got = REDACTOR.got(reply(200, body))

    assert got.body.endswith("… (cut)")
    assert "PLANTED" not in got.body


def test_values_that_are_too_short_to_be_known_are_left_in_texts() -> None:
    redactor = build_redactor(Run(setup=Setup(client_id="shop", client_secret="abc")))

    assert redactor.text("the abc of it") == "the abc of it"
    assert redactor.pair("client_secret", "abc") == ("client_secret", "$CLIENT_SECRET")


def test_a_secret_within_another_is_replaced_with_the_longer_one() -> None:
    held = Held(access_token="abcdef", refresh_token="abcdefghi")
    redactor = build_redactor(Run(setup=SETUP, held=held))

    assert redactor.text("abcdefghi abcdef") == "$REFRESH_TOKEN $ACCESS_TOKEN"


def test_signs_that_no_text_holds_are_replaced() -> None:
    assert clean("a\r\nb\x00\x1b[31m\ud800") == "a\nb��[31m�"


@pytest.mark.parametrize(
    "body",
    [
        b"eyJ-" * 100_000,
        b"-eyJ" * 100_000,
        b"eyJa.b" * 60_000,
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
    ],
)
def test_no_body_takes_long_or_raises(body: bytes) -> None:
    """A provider could otherwise hold everybody up."""
    begun = time.process_time()
    REDACTOR.got(IncomingReply(status=200, fields={}, body=body))

    assert time.process_time() - begun < 2


SECRETS = st.text(
    string.ascii_letters + string.digits + "-._~+/=!$&'\"\\<>% äß€", min_size=12, max_size=40
).map(lambda text: f"Zq{text}qZ")  # fmt: skip


@given(st.lists(SECRETS, min_size=len(NAMES), max_size=len(NAMES), unique=True))
@settings(max_examples=100, deadline=None)
def test_no_secret_of_any_kind_survives(values: list[str]) -> None:
    redactor = redactor_of(dict(zip(NAMES, values, strict=True)))
    for value in values:
        for answer in everywhere(value):
            got = redactor.got(answer)
            text = "\n".join((got.body, *(v for _, v in got.fields)))
            assert not any(spelled in text for spelled in spellings(value))
        form = urlencode({"x": value, "code": value})
        sent = redactor.sent(
            OutgoingRequest(
                method="POST",
                url=f"https://idp.example/t?{urlencode({'y': value})}",
                fields=(("X", value), ("Authorization", f"Bearer {value}")),
                body=form.encode(),
            )
        )
        assert not any(spelled in repr(asdict(sent)) for spelled in spellings(value))


@given(JSON, st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_reply_is_too_strange(value: object, location: str) -> None:
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    got = REDACTOR.got(
        IncomingReply(status=200, fields={"location": location}, body=body)
    )

    assert len(got.body) <= MAX_BODY + 20
    assert got.body.encode()
