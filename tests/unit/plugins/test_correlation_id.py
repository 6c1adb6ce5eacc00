"""The `correlation-id` plugin."""

from __future__ import annotations

import re

import pytest

from tests.unit.plugins.plugin_kit import Gate, defaults, problems, values

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.mark.spec("Kong#correlation-id")
async def test_a_worker_numbers_its_requests() -> None:
    gate = Gate(("correlation-id", {}))
    first = (await gate.ask()).sent("kong-request-id")
    second = (await gate.ask()).sent("kong-request-id")

    assert re.fullmatch(UUID + "#1", first[0])
    assert second == [first[0].removesuffix("1") + "2"]


@pytest.mark.spec("Kong#correlation-id")
async def test_a_uuid_is_new_for_each_request() -> None:
    gate = Gate(("correlation-id", {"generator": "uuid", "header_name": "X-Id"}))
    found = [(await gate.ask()).sent("x-id")[0] for _ in range(2)]

    assert all(re.fullmatch(UUID, one) for one in found)
    assert found[0] != found[1]


@pytest.mark.spec("Kong#correlation-id")
async def test_what_the_client_sent_is_kept_and_echoed() -> None:
    gate = Gate(("correlation-id", {"echo_downstream": True}))
    asked = await gate.ask(fields=((b"kong-request-id", b"mine"),))

    assert asked.sent("kong-request-id") == ["mine"]
    assert values(asked.respond()[0].fields, "kong-request-id") == ["mine"]


async def test_the_id_is_echoed_only_if_wanted() -> None:
    quiet = await Gate(("correlation-id", {})).ask()
    loud = await Gate(("correlation-id", {"echo_downstream": True})).ask()
    head, _ = loud.respond(fields=((b"Kong-Request-ID", b"of the upstream"),))

    assert values(quiet.respond()[0].fields, "kong-request-id") == []
    assert values(head.fields, "kong-request-id") == loud.sent("kong-request-id")


async def test_an_own_answer_echoes_the_id() -> None:
    gate = Gate(
        ("correlation-id", {"echo_downstream": True}), ("request-termination", {})
    )
    asked = await gate.ask()

    assert re.fullmatch(UUID + "#1", asked.got("kong-request-id")[0])


@pytest.mark.spec("Kong#correlation-id")
def test_defaults_are_kongs_and_other_generators_are_refused() -> None:
    assert defaults("correlation-id") == {
        "header_name": "Kong-Request-ID",
        "generator": "uuid#counter",
        "echo_downstream": False,
    }
    assert problems("correlation-id", {"generator": "tracker"}) == (
        (("generator",), "not supported yet"),
    )
    assert problems("correlation-id", {"generator": "x"}) == (
        (("generator",), "expected one of: uuid, uuid#counter, tracker"),
    )
