"""What runs for triggers: Python functions, and endpoints that are posted the event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from ostiary.adapters.triggers import LocalTriggers, TriggerMissing, load_function
from ostiary.ports.triggers import Event, TriggerRefused, TriggerUnavailable

ARN = "arn:aws:lambda:eu-west-1:000000000000:function:greet"
EVENT: Event = {"triggerSource": "PreSignUp_SignUp", "request": {}, "response": {}}


def greet(event: Event) -> Event:
    return {**event, "response": {"autoConfirmUser": True}}


async def greet_later(event: Event) -> Event:
    await asyncio.sleep(0)
    return greet(event)


def refuse(_event: Event) -> Event:
    raise ValueError("Not allowed")


@asynccontextmanager
async def endpoint(*replies: tuple[int, Any]) -> AsyncIterator[tuple[str, list[Event]]]:
    """An endpoint that gives these answers one after the other, and what it was posted."""
    seen: list[Event] = []
    waiting = list(replies)

    async def answer(request: web.Request) -> web.Response:
        seen.append(await request.json())
        status, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_post("/greet", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/greet", seen
    await runner.cleanup()


@pytest.mark.parametrize("function", [greet, greet_later])
async def test_a_function_answers_the_event(function: Any) -> None:
    triggers = LocalTriggers({"greet": function})

    assert await triggers.invoke(ARN, EVENT) == greet(EVENT)


async def test_what_a_function_raises_is_its_refusal() -> None:
    with pytest.raises(TriggerRefused) as caught:
        await LocalTriggers({"greet": refuse}).invoke(ARN, EVENT)

    assert caught.value.message == "Not allowed"


async def test_an_endpoint_is_posted_the_event() -> None:
    async with endpoint((200, greet(EVENT))) as (url, seen):
        triggers = LocalTriggers({"greet": url})
        answer = await triggers.invoke(ARN, EVENT)
        await triggers.close()

    assert (answer, seen) == (greet(EVENT), [EVENT])


async def test_an_error_message_of_an_endpoint_is_its_refusal() -> None:
    body = {"errorMessage": "Not allowed", "errorType": "Error"}
    async with endpoint((200, body)) as (url, _):
        triggers = LocalTriggers({"greet": url})
        with pytest.raises(TriggerRefused) as caught:
            await triggers.invoke(ARN, EVENT)
        await triggers.close()

    assert caught.value.message == "Not allowed"


async def test_an_endpoint_that_fails_is_asked_three_times() -> None:
    async with endpoint((500, "no"), (502, "no"), (200, greet(EVENT))) as (url, seen):
        triggers = LocalTriggers({"greet": url})
        answer = await triggers.invoke(ARN, EVENT)
        await triggers.close()

    assert (answer, len(seen)) == (greet(EVENT), 3)


async def test_what_is_no_json_is_no_answer() -> None:
    async with endpoint((200, "<p>hello")) as (url, _):
        triggers = LocalTriggers({"greet": url})
        answer = await triggers.invoke(ARN, EVENT)
        await triggers.close()

    assert answer is None


async def test_nobody_there_and_nobody_named_are_unavailable() -> None:
    async with endpoint((200, EVENT)) as (url, _):
        gone = url
    for triggers in (LocalTriggers({"greet": gone}), LocalTriggers({})):
        with pytest.raises(TriggerUnavailable):
            await triggers.invoke(ARN, EVENT)
        await triggers.close()


async def test_a_trigger_that_takes_too_long_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ostiary.adapters.triggers._WITHIN_S", 0.05)

    async def hang(event: Event) -> Event:
        await asyncio.Event().wait()
        return event

    with pytest.raises(TriggerUnavailable, match="longer than 5 s"):
        await LocalTriggers({"greet": hang}).invoke(ARN, EVENT)


def test_a_function_is_found_by_its_name() -> None:
    assert load_function("json:dumps")({}) == "{}"


@pytest.mark.parametrize(
    "target", ["no.such.module:x", "json:nothing", "json:__name__"]
)
def test_a_function_that_is_not_there_is_named(target: str) -> None:
    with pytest.raises(TriggerMissing, match=target.partition(":")[0]):
        load_function(target)
