"""Cookies and sessions: what is in the jar, who made it, and when it is odd."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace
from email.message import Message
from http.cookiejar import CookieJar
from typing import Any, cast
from urllib.request import Request

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ostiary.adapters.system import SystemEntropy
from ostiary.http.cookies import CookieAttributes, build_set_cookie, parse_cookies
from ostiary.http.head import Fields, find_all
from ostiary.jose.encoding import decode_base64url, encode_base64url
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.cookie import (
    CHUNK_LENGTH,
    MAX_CHUNKS,
    SessionTooLarge,
    build_chunks,
    find_candidates,
    open_session,
)
from ostiary.sessions.keys import Sealer
from ostiary.sessions.session import Session
from ostiary.signin.values import Allowed, Refused, SendAway, Step
from tests.spec.conformance.provider import (
    CALLBACK,
    Suite,
    assert_signs_in,
    session_cookies,
)
from tests.support.browser import (
    RING,
    Browser,
    allowed,
    build_party,
    refused,
)
from tests.support.parties import LASTING, LOGOUT, PAGE, XHR

SEALER = Sealer(RING, b"ostiary session")
PLAIN = Session(
    id="i",
    created_at=100,
    rolled_at=100,
    touched_at=100,
    subject="ada",
    method="authorization_code",
    client=0,
    access_token="a",
)


async def signed_in(world: Suite, party: Any) -> tuple[Browser, str, str]:
    """A signed-in browser, and its session cookie's name and value."""
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    (name,) = session_cookies(browser)
    return browser, name, browser.cookies[name]


def cookie(text: str) -> Fields:
    return ((b"Cookie", text.encode("latin-1")),)


# Crafted fields


def crafted(name: str, good: str) -> list[str]:
    later = f"{name}2"
    return [
        "a", "=", ";;;", name, f"{name}=", f"={good}", f"{name}=1", f"{name}=9",
        f"{name}=1000000000", f"{name}=-1{good[1:]}", f"{name}=2{good[1:]}",
        f"{name}=9{good[1:]}; {later}=x", f'{name}="{good}"', f"{name}={good}=",
        f"$Version=1; ${name}={good}", f"{name} ={good}", f"{name}= {good}",
        f"{name.upper()}={good}", f"\x0b{name}={good}", f"\xa0{name}={good}",
        f"{name}={good[:-1]}", f"{name}={good}A", f"{name}={good.swapcase()}",
        f"{name}=1{'A' * 4000}", f"{name}=1{'é' * 9}", f"{name}=\x00{good}",
        "; ".join(f"c{n}=1" for n in range(10_000)),
    ]  # fmt: skip


@pytest.mark.spec("T-K1")
@pytest.mark.spec("T-K3")
@pytest.mark.spec("T-K9")
@pytest.mark.parametrize("number", range(27))
async def test_a_crafted_cookie_is_no_session_and_breaks_nothing(number: int) -> None:
    world, party = Suite(), build_party()
    _, name, good = await signed_in(world, party)
    field = crafted(name, good)[number]
    browser = world.browser()
    step = await browser.visit(party, fields=cookie(field))
    refusal = refused(await browser.visit(party, fields=(*cookie(field), *XHR)))

    assert isinstance(step, SendAway)
    assert step.why == "login"
    assert refusal.status == 401
    assert len(crafted(name, good)) == 27
    allowed(await browser.visit(party, fields=cookie(f"{name}={good}")))


@pytest.mark.spec("T-K1")
@pytest.mark.spec("T-K3")
@given(st.text(st.characters(max_codepoint=255), max_size=60), st.integers(0, 9))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_cookie_that_we_did_not_make_lets_anybody_through(
    text: str, number: int
) -> None:
    party = build_party()
    world = Suite()
    name = party.secure.session_chunks[number - 1]
    for field in (text, f"{name}={text}", f"{name}={number}{text}; {text}"):
        request = world.browser().request(PAGE, fields=cookie(field))
        assert world.signin.decide(request, party) is None
        step = asyncio.run(world.signin.authenticate(request, party))
        assert isinstance(step, SendAway)


# The round trip


@pytest.mark.spec("T-K2")
@given(st.integers(0, 64 * 1024), st.binary(min_size=12, max_size=12))
@example(0, b"n" * 12)
@example(64 * 1024, b"n" * 12)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_session_of_any_length_comes_back_or_is_refused_when_it_is_written(
    length: int, nonce: bytes
) -> None:
    token = encode_base64url(hashlib.shake_128(nonce).digest(length))[:length]
    session = replace(PLAIN, access_token=token)
    try:
        chunks = build_chunks(
            session, name="s", sealer=SEALER, binding=b"b", nonce=nonce
        )
    except SessionTooLarge:
        assert length > 30_000
        return
    assert length <= MAX_CHUNKS * CHUNK_LENGTH
    attributes = CookieAttributes()
    lines = [build_set_cookie(name, value, attributes) for name, value in chunks]
    sent = b"; ".join(line.partition(b";")[0] for line in lines)
    candidates = find_candidates(parse_cookies([sent]), "s")

    assert max(len(line) for line in lines) <= 4096
    assert open_session(candidates, sealer=SEALER, binding=b"b") == session


# Where nothing can be known


class Away:
    """Shared state that cannot be reached."""

    def subscribe(self, channel: str, hear: Any) -> None:
        pass

    async def _away(self, *_: Any, **__: Any) -> Any:
        raise SharedUnavailable("away")

    get = set = add = delete = publish = _away


@pytest.mark.spec("T-K3")
@pytest.mark.parametrize("what", ["visit", "callback", "logout", "start"])
async def test_a_store_that_is_away_lets_nobody_through(what: str) -> None:
    world, party = Suite(), build_party(**LOGOUT)
    browser, name, _ = await signed_in(world, party)
    if what in {"callback", "start"}:
        del browser.cookies[name]
    query = world.provider.authorize(await world.browser().start(party))
    if what == "callback":
        query = world.provider.authorize(await browser.start(party))
    url = {"callback": f"{CALLBACK}?{query}", "logout": f"{PAGE}?logout=1"}.get(
        what, PAGE
    )
    before = dict(browser.cookies)
    there, world.shared = world.shared, cast("Any", Away())
    step = refused(await browser.ask(party, url, worker=world.worker()))

    assert (step.status, step.code) == (503, "store_unavailable")
    assert step.retry_after_s == 5
    assert browser.cookies == before
    world.shared = there
    after = await browser.ask(party, url, worker=world.worker())
    expected = {"visit": Allowed, "start": SendAway}.get(what, SendAway)
    assert isinstance(after, expected)


# Whose session


@pytest.mark.spec("T-K4")
@pytest.mark.parametrize(
    ("row_id", "changes"),
    [
        ("row-2", {}),
        ("row-1", {"client_id": ["client-2"]}),
        ("row-1", {"issuer": "https://other.example/pool"}),
        ("row-1", {"session_secret": "a secret of its own"}),
    ],
)
async def test_a_session_opens_nothing_of_another_party(
    row_id: str, changes: dict[str, Any]
) -> None:
    world, party = Suite(), build_party()
    browser, _, value = await signed_in(world, party)
    other = build_party(row_id, **changes)
    browser.cookies = {other.secure.session: value}
    step = await browser.visit(other, fields=XHR)

    assert refused(step).status == 401
    assert "invalid session message authentication code" in world.log.text
    browser.cookies = {party.secure.session: value}
    allowed(await browser.visit(party))


@pytest.mark.spec("T-K4")
@pytest.mark.parametrize(
    ("row_id", "changes", "ok"),
    [
        ("row-1", {}, True),
        ("row-2", {}, False),
        ("row-1", {"client_id": ["client-2"]}, False),
        ("row-1", {"issuer": "https://other.example/pool"}, False),
    ],
)
async def test_one_name_for_the_cookies_of_two_parties_makes_them_no_friends(
    row_id: str, changes: dict[str, Any], ok: bool
) -> None:
    world, name = Suite(), {"session_cookie_name": "our_session"}
    browser, _, _ = await signed_in(world, build_party(**name))
    step = await browser.visit(build_party(row_id, **name, **changes), fields=XHR)

    assert isinstance(step, Allowed) is ok


@pytest.mark.spec("T-K4")
async def test_two_parties_share_sessions_when_both_name_the_same_secret() -> None:
    world = Suite()
    shared = {"session_secret": "both know it", "session_cookie_name": "session"}
    party, other = build_party(**shared), build_party("row-2", **shared)
    browser, _, _ = await signed_in(world, party)

    allowed(await browser.visit(other))
    alone = build_party("row-2", **{**shared, "session_secret": "another"})
    assert isinstance(await browser.visit(alone), SendAway)


@pytest.mark.spec("T-K5")
@pytest.mark.spec("T-K6")
async def test_no_sealed_value_stands_in_for_another() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))
    state = query.partition("state=")[2]
    (flow,) = browser.cookies.values()
    _, name, value = await signed_in(world, party)

    for text in (state, f"1{state}", flow, f"1{flow}"):
        step = await world.browser().visit(
            party, fields=(*cookie(f"{name}={text}"), *XHR)
        )
        assert refused(step).status == 401
    for text in (value, value[1:]):
        step = await browser.ask(party, f"{CALLBACK}?code=code-1&state={text}")
        assert refused(step).detail == "the state is not one of ours"
    assert getattr(await browser.ask(party, f"{CALLBACK}?{query}"), "status", 0) == 303


@pytest.mark.spec("T-K6")
async def test_no_two_seals_share_a_nonce() -> None:
    world, party = Suite(), build_party()
    sealed = []
    for _ in range(20):
        browser = world.browser()
        location = await browser.start(party)
        query = world.provider.authorize(location)
        await browser.ask(party, f"{CALLBACK}?{query}")
        (name,) = session_cookies(browser)
        sealed += [query.partition("state=")[2], browser.cookies[name][1:]]
        world.clock.move(61)
        await browser.visit(party)
        sealed.append(browser.cookies[name][1:])
    nonces = {decode_base64url(text)[5:17] for text in sealed}

    assert len(sealed) == len(nonces) == 60


# A real jar


class Jar:
    """The standard library's cookie jar, with the rules for prefixes that it lacks."""

    def __init__(self) -> None:
        self.jar = CookieJar()

    def take(self, step: Step) -> None:
        fields = getattr(step, "fields", getattr(step, "downstream_fields", ()))
        message = Message()
        for value in find_all(fields, b"set-cookie"):
            text = value.decode()
            words = {w.strip().lower() for w in text.split(";")[1:]}
            if text.startswith("__Host-"):
                assert {"secure", "path=/"} <= words
                assert not any(word.startswith("domain") for word in words)
            message.add_header("Set-Cookie", text)

        class Response:
            def info(self) -> Message:
                return message

        self.jar.extract_cookies(cast("Any", Response()), Request(PAGE))

    def fields(self, url: str = PAGE) -> Fields:
        request = Request(url)
        self.jar.add_cookie_header(request)
        text = request.get_header("Cookie")
        return () if text is None else cookie(text)


@pytest.mark.spec("T-K7")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"session_cookie_same_site": "None", "authorization_cookie_same_site": "None"},
        {"session_cookie_name": "__Secure-s", "session_cookie_domain": "gw.example"},
        {"session_cookie_path": "/cognito", "authorization_cookie_path": "/cognito"},
    ],
)
async def test_logging_out_empties_a_real_jar(changes: dict[str, Any]) -> None:
    world = Suite()
    # Longer than one cookie: every chunk has to go.
    groups = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(120)]
    world.provider.access_edits = {"groups": groups}
    party, jar = build_party(**LOGOUT, **changes), Jar()

    async def ask(url: str) -> Step:
        request = world.browser().request(url, fields=jar.fields(url))
        step = await world.signin.authenticate(request, party)
        jar.take(step)
        return step

    begun = await ask(PAGE)
    assert isinstance(begun, SendAway)
    await ask(f"{CALLBACK}?{world.provider.authorize(begun.location)}")
    assert isinstance(await ask(PAGE), Allowed)
    assert len([c for c in jar.jar if c.name.startswith(party.secure.session)]) >= 2
    assert getattr(await ask(f"{PAGE}?logout=1"), "why", "") == "logout"

    assert [c.name for c in jar.jar] == []


# Planted cookies


@pytest.mark.spec("T-K8")
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("ours_first", [True, False])
async def test_planted_cookies_of_the_same_name_do_not_hide_ours(
    count: int, ours_first: bool
) -> None:
    world, party = Suite(), build_party()
    _, name, value = await signed_in(world, party)
    planted = [f"{name}=1AAAA{n}" for n in range(count)]
    texts = (
        [f"{name}={value}", *planted] if ours_first else [*planted, f"{name}={value}"]
    )

    allowed(await world.browser().visit(party, fields=cookie("; ".join(texts))))


@pytest.mark.spec("T-K8")
async def test_of_two_real_sessions_neither_counts() -> None:
    world, party = Suite(), build_party()
    _, name, attackers = await signed_in(world, party)
    _, _, victims = await signed_in(world, party)
    both = cookie(f"{name}={attackers}; {name}={victims}")
    step = await world.browser().visit(party, fields=(*both, *XHR))

    assert refused(step).status == 401
    assert "several sessions" in world.log.text
    for value in (attackers, victims):
        allowed(await world.browser().visit(party, fields=cookie(f"{name}={value}")))


# Claims that change


@pytest.mark.spec("T-K12")
@pytest.mark.parametrize(
    ("groups", "status"), [(["staff"], 200), ([], 403), (["guests"], 403), (None, 403)]
)
async def test_a_group_that_is_lost_at_a_refresh_is_lost_at_once(
    groups: list[str] | None, status: int
) -> None:
    world = Suite()
    world.provider.access_edits = {"groups": ["staff"]}
    party = build_party(**LASTING, groups_required=["staff"])
    browser, _, _ = await signed_in(world, party)
    world.clock.move(3600)
    world.provider.access_edits = {"groups": groups}
    step = await browser.visit(party)

    assert world.provider.refreshes == 1
    if status == 200:
        allowed(step)
        return
    assert (refused(step).status, refused(step).code) == (403, "forbidden")
    assert refused(step).detail == "required groups were not found"


# Chance


@pytest.mark.spec("T-K16")
async def test_the_name_of_a_session_has_256_bits_of_chance() -> None:
    world, party = Suite(), build_party()
    asked: list[int] = []
    inner = world.entropy.bytes

    def count(n: int) -> bytes:
        asked.append(n)
        return inner(n)

    world.entropy.bytes = count  # type: ignore[method-assign] # it also counts
    ids = set()
    for _ in range(20):
        browser, _, _ = await signed_in(world, party)
        session = allowed(await browser.visit(party)).session
        assert session is not None
        ids.add(session.id)

    assert len(ids) == 20
    assert {len(decode_base64url(text)) for text in ids} == {32}
    # 32 for a flow's secret and a session's id, 12 for each seal, 6 for a name.
    assert asked == [32, 6, 12, 32, 12] * 20


@pytest.mark.spec("T-K16")
def test_chance_comes_from_the_operating_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "urandom", lambda n: b"\x07" * n)

    assert SystemEntropy().bytes(32) == b"\x07" * 32


@pytest.mark.spec("T-K16")
async def test_who_knows_the_name_of_a_session_has_no_session() -> None:
    world, party = Suite(), build_party()
    browser, name, _ = await signed_in(world, party)
    session = allowed(await browser.visit(party)).session
    assert session is not None
    for text in (session.id, f"1{session.id}", f"1{encode_base64url(b'p[1]')}"):
        step = await world.browser().visit(
            party, fields=(*cookie(f"{name}={text}"), *XHR)
        )
        assert isinstance(step, Refused)
        assert step.status == 401
