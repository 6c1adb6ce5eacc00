"""The `acl` plugin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from ostiary.kit import Exchange, Instant
from ostiary.plugins import CATALOG
from tests.unit.plugins.plugin_kit import (
    ANNA,
    Asked,
    FakeConsumers,
    Gate,
    build_snapshot,
    check,
    defaults,
    problems,
)


@dataclass(slots=True, eq=False)
class SignsIn(Instant):
    """Does what openid-connect does with an identity."""

    consumer: Any = None
    credential: str | None = None
    groups: tuple[str, ...] | None = None

    def access(self, exchange: Exchange) -> None:
        exchange.consumer = self.consumer
        exchange.credential = self.credential
        exchange.groups = self.groups


async def ask(config: dict[str, Any], who: SignsIn, *groups: str) -> Asked:
    consumers = FakeConsumers()
    consumers.groups[ANNA.id] = groups
    gate = Gate(consumers=consumers)
    acl = CATALOG["acl"].build(check("acl", config), "row", gate.lender.services())
    gate.gateway.snapshot = build_snapshot((who, acl), consumers, {}, {})
    return await gate.ask(fields=((b"X-Consumer-Groups", b"forged"),))


def message(asked: Asked) -> tuple[int, str]:
    return asked.reply.status, json.loads(asked.reply.body)["message"]


NO = (403, "You cannot consume this service")


@pytest.mark.spec("Kong#acl")
async def test_a_consumer_passes_by_its_groups() -> None:
    anna = SignsIn(consumer=ANNA, credential="c")

    assert (await ask({"allow": ["a"]}, anna, "b", "a")).sent("x-consumer-groups") == [
        "b, a"
    ]
    assert message(await ask({"allow": ["a"]}, anna, "b")) == NO
    assert message(await ask({"allow": ["a"]}, anna)) == NO
    assert message(await ask({"deny": ["a"]}, anna, "a", "b")) == NO
    assert (await ask({"deny": ["a"]}, anna, "b")).sent("x-consumer-groups") == ["b"]
    assert (await ask({"deny": ["a"]}, anna)).sent("x-consumer-groups") == []


@pytest.mark.spec("Kong#acl")
async def test_groups_can_be_hidden_from_the_upstream() -> None:
    config = {"allow": ["a"], "hide_groups_header": True}
    asked = await ask(config, SignsIn(consumer=ANNA, credential="c"), "a")

    assert asked.sent("x-consumer-groups") == []


@pytest.mark.spec("Kong#acl")
async def test_groups_of_a_sign_in_count_where_there_is_no_consumer() -> None:
    asked = await ask({"allow": ["g"]}, SignsIn(credential="sub", groups=("g", "h")))

    assert asked.sent("x-authenticated-groups") == ["g, h"]
    assert asked.sent("x-consumer-groups") == []
    assert message(await ask({"deny": ["g"]}, SignsIn(groups=("g",)))) == NO


@pytest.mark.spec("Kong#acl")
async def test_groups_of_a_sign_in_can_come_before_the_consumers() -> None:
    who = SignsIn(consumer=ANNA, credential="c", groups=("g",))
    always = {"allow": ["g"], "always_use_authenticated_groups": True}

    assert message(await ask({"allow": ["g"]}, who, "other")) == NO
    assert (await ask(always, who, "other")).sent("x-authenticated-groups") == ["g"]
    own = SignsIn(consumer=ANNA, credential="c")
    assert (await ask(always, own, "g")).sent("x-consumer-groups") == ["g"]


@pytest.mark.spec("Kong#acl")
async def test_who_is_nobody_is_told_to_sign_in() -> None:
    assert message(await ask({"allow": ["a"]}, SignsIn())) == (401, "Unauthorized")
    assert message(await ask({"deny": ["a"]}, SignsIn())) == (401, "Unauthorized")
    assert message(await ask({"deny": ["a"]}, SignsIn(credential="c"))) == NO


@pytest.mark.spec("Kong#acl")
def test_exactly_one_list_is_needed() -> None:
    either = (
        "exactly one of these fields must be non-empty: 'config.allow', 'config.deny'"
    )
    some = (
        "at least one of these fields must be non-empty: 'config.allow', 'config.deny'"
    )

    assert defaults("acl", allow=["a"]) == {
        "allow": ["a"],
        "deny": None,
        "hide_groups_header": False,
        "always_use_authenticated_groups": False,
    }
    assert problems("acl", {"allow": ["a"], "deny": ["b"]}) == ((("@entity",), either),)
    assert problems("acl", {}) == ((("@entity",), either), (("@entity",), some))
