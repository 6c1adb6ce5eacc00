"""What key-auth, basic-auth and jwt have in common: who is admitted, and who is nobody."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from ostiary.http.head import Field, Fields
from ostiary.plugins.basic_auth.handler import hash_password
from tests.unit.plugins.plugin_kit import (
    ANNA,
    BERT,
    NOBODY,
    Asked,
    FakeConsumers,
    Gate,
    defaults,
    problems,
)

REST = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
IDENTITY = (
    "x-consumer-id", "x-consumer-username", "x-consumer-custom-id",
    "x-credential-identifier", "x-anonymous-consumer",
)  # fmt: skip
FORGED: Fields = tuple(
    (name.encode(), b"forged") for name in (*IDENTITY, "x-consumer-groups")
)


def basic(name: str, password: str, field: bytes = b"Authorization") -> Field:
    return field, b"Basic " + b64encode(f"{name}:{password}".encode())


class World:
    """Two consumers with credentials of each kind."""

    def __init__(self) -> None:
        self.consumers = FakeConsumers()
        self.key_id = self.consumers.give(ANNA, "keyauth_credentials", "k-anna")
        self.consumers.give(
            BERT, "keyauth_credentials", "k-old", expires_at=1_800_000_000
        )
        self.password_id = self.consumers.give(
            BERT, "basicauth_credentials", "bert", password=hash_password("pw", BERT.id)
        )

    def gate(self, *plugins: tuple[str, dict[str, Any]], **more: Any) -> Gate:
        return Gate(*plugins, consumers=self.consumers, **more)

    async def by_key(
        self, config: dict[str, Any], target: bytes = b"/", **more: Any
    ) -> Asked:
        return await self.gate(("key-auth", config)).ask(target, **more)

    async def by_password(self, config: dict[str, Any], *fields: Field) -> Asked:
        return await self.gate(("basic-auth", config)).ask(fields=fields)


@pytest.fixture
def world() -> World:
    return World()


def told(asked: Asked) -> list[list[str]]:
    return [asked.sent(name) for name in IDENTITY]


def message(asked: Asked) -> str:
    found: str = json.loads(asked.reply.body)["message"]
    return found


@pytest.mark.spec("Kong#key-auth")
async def test_a_key_in_a_field_admits_its_consumer(world: World) -> None:
    asked = await world.by_key({}, fields=((b"APIKey", b"k-anna"), *FORGED))

    assert told(asked) == [[ANNA.id], ["anna"], [], [world.key_id], []]
    assert asked.sent("x-consumer-groups") == []
    assert asked.sent("apikey") == ["k-anna"]


@pytest.mark.spec("Kong#key-auth")
@pytest.mark.parametrize(
    ("target", "fields", "said"),
    [
        (b"/", (), "No API key found in request"),
        (b"/", ((b"apikey", b""),), "No API key found in request"),
        (b"/", ((b"apikey", b"wrong"),), "Unauthorized"),
        (b"/", ((b"apikey", b"k-old"),), "Unauthorized"),
        (b"/", ((b"apikey", b"a"), (b"apikey", b"b")), "Duplicate API key found"),
        (b"/?apikey=a&apikey=b", (), "Duplicate API key found"),
    ],
)
async def test_without_a_good_key_there_is_a_challenge(
    world: World, target: bytes, fields: Fields, said: str
) -> None:
    asked = await world.by_key({}, target, fields=fields)

    assert asked.reply.status == 401
    assert message(asked) == said
    assert asked.got("www-authenticate") == ["Key"]


@pytest.mark.spec("RFC9110#5.5")
@pytest.mark.parametrize("sign", ["\r", "\n", "\0", "\r\nX-Consumer-ID: 1"])
async def test_a_name_that_no_field_can_hold_is_nobodys(
    world: World, sign: str
) -> None:
    for name in (f"carl{sign}", "carl", "carl\t", "çarl"):
        kept = hash_password("pw", BERT.id)
        world.consumers.give(BERT, "basicauth_credentials", name, password=kept)
        asked = await world.by_password({}, basic(name, "pw"))

        if sign in name:
            assert (asked.reply.status, message(asked)) == (401, "Unauthorized")
        else:
            assert asked.sent("x-consumer-id") == [BERT.id]


async def test_a_key_is_good_until_its_end(world: World) -> None:
    gate = world.gate(("key-auth", {}))
    gate.lender.clock.move(-1)

    assert (await gate.ask(fields=((b"apikey", b"k-old"),))).sent("x-consumer-id") == [
        BERT.id
    ]


@pytest.mark.spec("Kong#key-auth")
async def test_the_realm_is_told(world: World) -> None:
    asked = await world.by_key({"realm": "here"})

    assert asked.got("www-authenticate") == ['Key realm="here"']


@pytest.mark.spec("Kong#key-auth")
async def test_names_are_tried_in_order_and_places_as_configured(world: World) -> None:
    names = {"key_names": ["x-a", "x-b"]}
    key = b"k-anna"

    assert (await world.by_key(names, fields=((b"X-B", key),))).sent("x-consumer-id")
    assert (await world.by_key(names, b"/?x-a=k-anna")).sent("x-consumer-id")
    first = await world.by_key(names, fields=((b"X-B", key), (b"X-A", b"wrong")))
    assert first.reply.status == 401
    nowhere = {"key_in_header": False, "key_in_query": False}
    asked = await world.by_key(nowhere, b"/?apikey=k-anna", fields=((b"apikey", key),))
    assert asked.reply.status == 401


@pytest.mark.spec("Kong#key-auth")
@pytest.mark.parametrize(
    ("kind", "body", "rest"),
    [
        (
            b"application/x-www-form-urlencoded",
            b"a=1&apikey=k-anna&b=%20",
            b"a=1&b=%20",
        ),
        (b"application/json", b'{"apikey":"k-anna","a":[1]}', b'{"a":[1]}'),
        (
            b"multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="apikey"\r\n\r\nk-anna\r\n'
            + REST,
            REST,
        ),
    ],
)
async def test_a_key_in_a_body_admits_and_can_be_hidden(
    world: World, kind: bytes, body: bytes, rest: bytes
) -> None:
    fields = ((b"Content-Type", kind),)
    shown = await world.by_key({"key_in_body": True}, fields=fields, body=body)
    hidden = await world.by_key(
        {"key_in_body": True, "hide_credentials": True}, fields=fields, body=body
    )
    unread = await world.by_key({}, fields=fields, body=body)

    assert shown.sent("x-consumer-id") == [ANNA.id]
    assert shown.forward.body is None
    assert hidden.forward.body == rest
    assert unread.reply.status == 401


async def test_a_body_that_cannot_be_read_holds_no_key(world: World) -> None:
    for kind, body in (
        (b"application/json", b"[1]"),
        (b"application/json", b"{"),
        (b"text/plain", b"apikey=k-anna"),
        (b"application/x-www-form-urlencoded", b"apikey=k-anna&" + b"x" * 70000),
    ):
        fields = ((b"Content-Type", kind),)
        asked = await world.by_key({"key_in_body": True}, fields=fields, body=body)
        assert asked.reply.status == 401


@pytest.mark.spec("Kong#key-auth")
async def test_a_hidden_key_does_not_reach_the_upstream(world: World) -> None:
    config = {"hide_credentials": True}
    field = await world.by_key(config, b"/?a=1", fields=((b"apikey", b"k-anna"),))
    query = await world.by_key(config, b"/?a=1&apikey=k-anna")

    assert field.sent("apikey") == []
    assert query.forward.head.target == b"/?a=1"


@pytest.mark.spec("Kong#key-auth")
async def test_a_preflight_passes_only_if_so_configured(world: World) -> None:
    off = await world.by_key(
        {"run_on_preflight": False}, method=b"OPTIONS", fields=FORGED
    )
    on = await world.by_key({}, method=b"OPTIONS")

    assert told(off) == [[], [], [], [], []]
    assert on.reply.status == 401


@pytest.mark.spec("Kong#basic-auth")
async def test_a_name_and_password_admit_their_consumer(world: World) -> None:
    asked = await world.by_password({}, basic("bert", "pw"))

    assert told(asked) == [[BERT.id], ["bert"], ["b-42"], ["bert"], []]
    assert asked.sent("authorization") != []


@pytest.mark.spec("Kong#basic-auth")
@pytest.mark.parametrize(
    "field",
    [
        (b"X-Nothing", b"1"),
        (b"Authorization", b"Bearer x"),
        (b"Authorization", b"Basic ???"),
        basic("bert", "wrong"),
        basic("stranger", "pw"),
    ],
)
async def test_without_a_good_password_there_is_a_challenge(
    world: World, field: Field
) -> None:
    asked = await world.by_password({"realm": "here"}, field)

    assert asked.reply.status == 401
    assert message(asked) == "Unauthorized"
    assert asked.got("www-authenticate") == ['Basic realm="here"']


@pytest.mark.spec("Kong#basic-auth")
async def test_proxy_authorization_is_looked_at_first_and_both_can_be_hidden(
    world: World,
) -> None:
    both = (
        basic("bert", "pw", b"Proxy-Authorization"),
        basic("stranger", "x"),
    )
    other = (
        basic("stranger", "x", b"Proxy-Authorization"),
        basic("bert", "pw"),
    )
    asked = await world.by_password({"hide_credentials": True}, *both)

    assert asked.sent("x-consumer-id") == [BERT.id]
    assert asked.sent("authorization") == asked.sent("proxy-authorization") == []
    assert (await world.by_password({}, *other)).sent("x-consumer-id") == [BERT.id]


def test_a_password_is_hashed_as_kong_hashes_it() -> None:
    made = hash_password("kong", "c1a4ff02-0b5a-4a85-9c2d-0b7b0a7b1234")

    assert made == "042868901e75627c217d8d922c9e3d4a52e7053e"


@pytest.mark.spec("Kong#4.2")
async def test_who_fails_goes_on_as_the_anonymous_consumer(world: World) -> None:
    by_name = await world.by_key({"anonymous": "nobody"}, fields=FORGED)
    by_id = await world.by_password({"anonymous": NOBODY.id}, basic("bert", "wrong"))

    for asked in (by_name, by_id):
        assert told(asked) == [[NOBODY.id], ["nobody"], [], [], ["true"]]


@pytest.mark.spec("Kong#4.2")
async def test_an_anonymous_consumer_that_is_missing_is_an_error(world: World) -> None:
    asked = await world.by_key({"anonymous": "ghost"})

    assert asked.reply.status == 500
    assert message(asked) == (
        "anonymous consumer ghost is configured but doesn't exist"
    )


@pytest.mark.spec("Kong#4.2")
async def test_with_anonymous_one_of_several_ways_is_enough(world: World) -> None:
    config = {"anonymous": "nobody"}
    gate = world.gate(("key-auth", config), ("basic-auth", config))
    key, password = (b"apikey", b"k-anna"), basic("bert", "pw")

    assert (await gate.ask(fields=(key,))).sent("x-consumer-username") == ["anna"]
    second = await gate.ask(fields=(password,))
    assert told(second) == [[BERT.id], ["bert"], ["b-42"], ["bert"], []]
    both = await gate.ask(fields=(key, password))
    assert both.sent("x-consumer-username") == ["anna"]
    assert (await gate.ask()).sent("x-anonymous-consumer") == ["true"]


@pytest.mark.spec("Kong#4.2")
async def test_without_anonymous_every_way_is_needed_and_the_last_one_counts(
    world: World,
) -> None:
    gate = world.gate(("key-auth", {}), ("basic-auth", {}))
    key, password = (b"apikey", b"k-anna"), basic("bert", "pw")

    assert (await gate.ask(fields=(key,))).reply.status == 401
    assert (await gate.ask(fields=(password,))).reply.status == 401
    both = await gate.ask(fields=(key, password))
    assert told(both) == [[BERT.id], ["bert"], ["b-42"], ["bert"], []]


@pytest.mark.spec("Kong#4.2")
def test_defaults_of_authentication_are_kongs() -> None:
    assert defaults("key-auth") == {
        "key_names": ["apikey"],
        "key_in_header": True,
        "key_in_query": True,
        "key_in_body": False,
        "hide_credentials": False,
        "anonymous": None,
        "run_on_preflight": True,
        "realm": None,
    }
    assert defaults("basic-auth") == {
        "hide_credentials": False,
        "anonymous": None,
        "realm": "service",
    }
    assert problems("key-auth", {"key_names": ["a b"]})[0][0] == ("key_names", 0)
    assert problems("key-auth", {"key_names": []})[0][0] == ("key_names",)
