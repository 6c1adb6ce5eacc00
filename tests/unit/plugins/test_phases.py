"""Phases of plugins: who takes part, what they may edit, and who is chosen."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ostiary.gateway.decision import MAX_HELD_BYTES
from ostiary.gateway.phases import NO_HOOKS, BodyOverLimit, plan_hooks
from ostiary.gateway.variants import Variants
from ostiary.http.head import Reply
from ostiary.kit import (
    NEEDS_IO,
    AccessResult,
    Admitted,
    Exchange,
    Finished,
    Instant,
    OwnCookies,
    Response,
    admit,
)
from tests.unit.plugins.plugin_kit import ANNA, BERT, Asked, FakeConsumers, Gate, values


@dataclass(slots=True, eq=False)
class Doing(Instant):
    """Access that does what a test says."""

    act: Callable[[Exchange], AccessResult] = lambda _: None

    def access(self, exchange: Exchange) -> AccessResult:
        return self.act(exchange)


@dataclass(slots=True, eq=False)
class Heads:
    """Edits heads of responses."""

    mark: str
    own_cookies: OwnCookies = field(default_factory=OwnCookies)

    def on_response(self, exchange: Exchange, response: Response) -> None:
        response.add(b"X-Mark", self.mark.encode())
        response.remove(b"x-secret")
        if response.find(b"X-Status") is not None:
            response.status = 418


@dataclass(slots=True, eq=False)
class Bodies:
    """Turns bodies of one kind to upper case."""

    own_cookies: OwnCookies = field(default_factory=OwnCookies)

    def wants_body(self, exchange: Exchange, response: Response) -> bool:
        return response.find(b"content-type") == b"text/plain"

    def edit_body(self, exchange: Exchange, response: Response, body: bytes) -> bytes:
        response.set(b"X-Edited", b"1")
        return body.upper()


@dataclass(slots=True, eq=False)
class Ends:
    """Remembers how exchanges ended."""

    heard: list[Any] = field(default_factory=list)
    breaks: bool = False
    own_cookies: OwnCookies = field(default_factory=OwnCookies)

    def on_finish(self, exchange: Exchange, finished: Finished) -> None:
        self.heard.append(finished.document)
        if self.breaks:
            raise KeyError("planted-secret")


def variant(mark: str) -> Doing:
    def act(exchange: Exchange) -> AccessResult:
        exchange.set_upstream(b"X-Chosen", mark.encode())
        return None

    return Doing(act)


def signs_in(consumer: Any) -> Doing:
    def act(exchange: Exchange) -> AccessResult:
        admit(exchange, Admitted(consumer=consumer, credential="c", identifier="c"))
        return None

    return Doing(act)


@pytest.mark.spec("Kong#4.2")
async def test_heads_are_edited_in_order_for_responses_and_own_answers() -> None:
    answering = Doing(lambda _: Reply(status=401, fields=((b"X-Secret", b"1"),)))
    passing = await Gate(handlers=(Heads("a"), Heads("b"))).ask()
    refused = await Gate(handlers=(answering, Heads("a"))).ask()

    head, _ = passing.respond(200, ((b"X-Secret", b"1"), (b"X-Status", b"1")))
    assert values(head.fields, "x-mark") == ["a", "b"]
    assert values(head.fields, "x-secret") == []
    assert head.status == 418
    assert head.reason == b""
    assert refused.got("x-mark") == ["a"]
    assert refused.got("x-secret") == []


@pytest.mark.spec("Kong#4.2")
async def test_what_access_sends_down_reaches_own_answers_too() -> None:
    def set_cookie(exchange: Exchange) -> AccessResult:
        exchange.downstream_fields.append((b"Set-Cookie", b"s=1"))
        return None

    refusing = Doing(lambda _: Reply(status=403))
    asked = await Gate(handlers=(Doing(set_cookie), refusing)).ask()

    assert asked.got("set-cookie") == ["s=1"]


@pytest.mark.spec("Kong#3.5")
async def test_an_unrouted_request_is_heard_of_but_not_asked_for_access() -> None:
    asked_for: list[str] = []
    ends = Ends()
    gate = Gate(
        handlers=(Doing(lambda e: asked_for.append(e.host)), Heads("g"), ends),
        route={"paths": ["/only"]},
    )
    asked = await gate.ask(b"/elsewhere")
    asked.finish()

    assert asked.reply.status == 404
    assert asked.got("x-mark") == ["g"]
    assert asked_for == []
    assert ends.heard[0]["response"]["status"] == 404
    assert "route" not in ends.heard[0]


async def test_a_chain_without_hooks_is_planned_to_cost_nothing() -> None:
    hooks = plan_hooks((Heads("a"),))

    assert plan_hooks(()) is NO_HOOKS
    assert (hooks.access, hooks.body, hooks.finish) == ((), (), ())
    assert len(hooks.response) == 1
    asked = await Gate(handlers=(Doing(),)).ask()
    assert asked.forward.on_body is None
    assert asked.forward.on_finish is None


@pytest.mark.spec("Kong#4.2")
async def test_a_body_that_somebody_wants_is_edited_whole() -> None:
    asked = await Gate(handlers=(Bodies(),)).ask()

    head, body = asked.respond(200, ((b"Content-Type", b"text/plain"),), b"hello")
    assert body == b"HELLO"
    assert values(head.fields, "x-edited") == ["1"]
    _, other = asked.respond(200, ((b"Content-Type", b"image/png"),), b"hello")
    assert other == b"hello"


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        (b"gzip", gzip.compress),
        (b"GZIP", lambda data: gzip.compress(data[:2]) + gzip.compress(data[2:])),
        (b"deflate", zlib.compress),
        (b"deflate", lambda data: zlib.compress(data, wbits=-15)),
        (b"identity", bytes),
    ],
)
async def test_content_codings_are_taken_off_before_editing(
    coding: bytes, encode: Callable[[bytes], bytes]
) -> None:
    asked = await Gate(handlers=(Bodies(),)).ask()
    fields = ((b"Content-Type", b"text/plain"), (b"Content-Encoding", coding))

    head, body = asked.respond(200, fields, encode(b"hello"))
    assert body == b"HELLO"
    assert values(head.fields, "content-encoding") == []


async def test_an_unknown_content_coding_is_passed_on_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = await Gate(handlers=(Bodies(),)).ask()
    fields = ((b"Content-Type", b"text/plain"), (b"Content-Encoding", b"br"))

    with caplog.at_level(logging.WARNING):
        head, body = asked.respond(200, fields, b"\x0b\x02")
    assert body == b"\x0b\x02"
    assert values(head.fields, "content-encoding") == ["br"]
    assert "content coding is not known" in caplog.text


async def test_a_body_that_unpacks_beyond_the_limit_is_refused() -> None:
    asked = await Gate(handlers=(Bodies(),)).ask()
    fields = ((b"Content-Type", b"text/plain"), (b"Content-Encoding", b"gzip"))

    with pytest.raises(BodyOverLimit):
        asked.respond(200, fields, gzip.compress(bytes(MAX_HELD_BYTES + 1)))
    with pytest.raises(zlib.error):
        asked.respond(200, fields, gzip.compress(b"hello")[:-4])


async def test_one_listener_that_breaks_takes_nothing_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, sound = Ends(breaks=True), Ends()
    asked = await Gate(handlers=(broken, sound)).ask()
    asked.respond()
    asked.finish()

    assert len(sound.heard) == 1
    assert "on_finish failed: KeyError" in caplog.text
    assert "planted" not in caplog.text


@pytest.mark.spec("Kong#4.6")
async def test_the_record_of_an_exchange_has_kongs_shape_and_no_credentials() -> None:
    ends = Ends()
    gate = Gate(handlers=(signs_in(BERT), ends))
    asked = await gate.ask(
        b"/x?a=1&a=2&apikey=planted&flag",
        fields=(
            (b"Authorization", b"Bearer planted"),
            (b"Cookie", b"session=planted"),
            (b"X-Two", b"1"),
            (b"x-two", b"2"),
            (b"Content-Length", b"7"),
        ),
        method=b"POST",
    )
    asked.respond(201, ((b"Set-Cookie", b"planted"), (b"X-R", b"r")))
    asked.finish(status=201, upstream_status=201)
    found = ends.heard[0]

    assert "planted" not in str(found)
    assert found["request"]["method"] == "POST"
    assert found["request"]["querystring"] == {
        "a": ["1", "2"], "apikey": "***", "flag": True,
    }  # fmt: skip
    assert found["request"]["url"] == "https://gw.example" + found["request"]["uri"]
    assert found["request"]["headers"]["authorization"] == "REDACTED"
    assert found["request"]["headers"]["x-two"] == ["1", "2"]
    assert found["request"]["id"] == "id-1"
    assert found["response"]["status"] == 201
    assert found["response"]["headers"]["x-r"] == "r"
    assert found["response"]["size"] == 120
    assert found["latencies"] == {"kong": 7, "proxy": 5, "request": 12}
    assert found["authenticated_entity"] == {"id": "c", "consumer_id": BERT.id}
    assert found["consumer"] == {
        "id": BERT.id, "username": "bert", "custom_id": "b-42",
    }  # fmt: skip
    assert found["route"]["name"] == "r"
    assert found["route"]["service"] == {"id": found["service"]["id"]}
    assert found["upstream_status"] == "201"
    assert found["source"] == "upstream"
    assert found["started_at"] == 1_800_000_000_000 - 12


@pytest.mark.spec("Kong#4.6")
async def test_the_record_of_an_own_answer_says_that_we_answered() -> None:
    ends = Ends()
    refusing = Doing(lambda _: Reply(status=403))
    asked = await Gate(handlers=(refusing, ends)).ask()
    asked.finish()

    assert ends.heard[0]["source"] == "kong"
    assert ends.heard[0]["latencies"]["proxy"] == -1
    assert "upstream_status" not in ends.heard[0]


async def chosen(variants: Variants, consumer: Any, groups: Any = ()) -> list[str]:
    consumers = FakeConsumers()
    consumers.members[ANNA.id] = groups
    signing = () if consumer is None else (signs_in(consumer),)
    asked = await Gate(handlers=(*signing, variants), consumers=consumers).ask()
    return asked.sent("x-chosen")


@pytest.mark.spec("Kong#4.1")
async def test_the_narrowest_instance_that_fits_the_consumer_runs() -> None:
    variants = Variants(
        (7, variant("route and service")),
        {ANNA.id: (8, variant("anna")), BERT.id: (1, variant("bert here"))},
        {"g1": (2, variant("group here")), "g2": (2, variant("younger group"))},
    )

    assert await chosen(variants, None) == ["route and service"]
    assert await chosen(variants, ANNA) == ["route and service"]
    assert await chosen(variants, ANNA, ("g1", "g2")) == ["group here"]
    assert await chosen(variants, ANNA, ("other",)) == ["route and service"]
    assert await chosen(variants, BERT) == ["bert here"]


@pytest.mark.spec("Kong#4.1")
async def test_where_nothing_fits_nothing_happens() -> None:
    variants = Variants(None, {ANNA.id: (8, variant("anna"))}, {})

    assert await chosen(variants, BERT) == []
    assert await chosen(variants, None) == []
    assert await chosen(variants, ANNA) == ["anna"]


@pytest.mark.spec("Kong#4.1")
async def test_the_choice_of_access_serves_the_later_phases() -> None:
    variants = Variants((12, Heads("all")), {ANNA.id: (8, Heads("anna"))}, {})
    before = await Gate(handlers=(variants, signs_in(ANNA))).ask()
    after = await Gate(handlers=(signs_in(ANNA), variants)).ask()

    assert values(after.respond()[0].fields, "x-mark") == ["anna"]
    assert values(before.respond()[0].fields, "x-mark") == ["all"]
    early = Variants((12, variant("all")), {ANNA.id: (8, variant("anna"))}, {})
    asked = await Gate(handlers=(early, signs_in(ANNA))).ask()
    assert asked.sent("x-chosen") == ["all"]


async def test_variants_take_part_only_where_one_of_them_does() -> None:
    hooks = plan_hooks((Variants((12, Heads("a")), {}, {}),))

    assert (hooks.body, hooks.finish) == ((), ())
    assert len(hooks.response) == 1


async def test_variants_pass_on_every_phase() -> None:
    ends = Ends()

    async def slowly(exchange: Exchange) -> Reply | None:
        exchange.set_upstream(b"X-Slow", b"1")
        return None

    slow = Doing(lambda _: NEEDS_IO)
    slow_variants = Variants((12, slow), {}, {})
    asked_for = await Gate(
        handlers=(
            slow_variants_of(slowly),
            Variants((12, Bodies()), {}, {}),
            Variants((12, ends), {}, {}),
        )
    ).ask()

    assert slow_variants.members == (slow,)
    assert asked_for.sent("x-slow") == ["1"]
    _, body = asked_for.respond(200, ((b"Content-Type", b"text/plain"),), b"a")
    asked_for.finish()
    assert body == b"A"
    assert len(ends.heard) == 1


def slow_variants_of(act: Callable[[Exchange], Any]) -> Variants:
    class Slow:
        own_cookies = OwnCookies(names=frozenset({"mine"}))

        def access(self, exchange: Exchange) -> AccessResult:
            return NEEDS_IO

        async def access_io(self, exchange: Exchange) -> Reply | None:
            found: Reply | None = await act(exchange)
            return found

    variants = Variants((12, Slow()), {}, {})
    assert variants.own_cookies.names == {"mine"}
    return variants


async def test_a_plugin_may_change_method_host_path_and_query() -> None:
    def change(exchange: Exchange) -> AccessResult:
        exchange.new_method = b"PUT"
        exchange.new_host = b"other.example"
        exchange.new_path = "/changed"
        exchange.new_query = "x=1"
        exchange.new_body = b"new"
        return None

    asked: Asked = await Gate(handlers=(Doing(change),)).ask(b"/a?b=c")

    assert asked.forward.head.method == b"PUT"
    assert asked.forward.head.target == b"/changed?x=1"
    assert asked.sent("host") == ["other.example"]
    assert asked.forward.body == b"new"


async def test_the_query_that_is_sent_lacks_what_was_stripped() -> None:
    def strip(exchange: Exchange) -> AccessResult:
        exchange.stripped_query += ("key",)
        return None

    gate = Gate(handlers=(Doing(strip),))

    assert (await gate.ask(b"/?key=1")).forward.head.target == b"/"
    assert (await gate.ask(b"/?a=%20&key=1")).forward.head.target == b"/?a=%20"
    assert (await gate.ask(b"/?")).forward.head.target == b"/?"


async def test_captures_of_a_regex_path_are_named_and_numbered() -> None:
    found: list[Any] = []
    gate = Gate(
        handlers=(Doing(lambda e: found.append(dict(e.captures))),),
        route={"paths": ["/plain", r"~/u/(?P<user>\w+)/(\d+)"]},
    )
    await gate.ask(b"/u/anna/7")
    await gate.ask(b"/plain")

    assert found == [{"1": "anna", "2": "7", "user": "anna"}, {}]
