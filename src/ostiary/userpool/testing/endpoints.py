"""
The endpoints for tests: `/_outbox`, `/_clock`, `/_codes`, `/_faults`, `/_keys`, `/_snapshot`, `/_reset`.

They answer programs on this machine, never web pages.

Spec: interop 3 (`/_aws/ses`, the shape that other emulators have); cognito §7.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.ports.pool_store import NotADump
from ostiary.userpool.api.caller import check_host, refuse_web_pages
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.keys import issue_keys
from ostiary.userpool.services import Services
from ostiary.userpool.testing.tools import Sent, TestingTools
from ostiary.web.body import BodyTooLarge, read_body
from ostiary.web.replies import json_reply

Json = dict[str, Any]  # Any: JSON
Handler = Callable[[Services, TestingTools, Request], Awaitable[Response]]
_LIMIT: Final = 64 * 1024 * 1024
_LONGEST_WAIT_S: Final = 30.0
_CODE: Final = re.compile(r"(?<!\d)(?:\d{8}|\d{6})(?!\d)")


class _Refused(Exception):
    """A request to these endpoints that makes no sense; the text says what would."""


def _code(text: str) -> str | None:
    found = set(_CODE.findall(text))
    return found.pop() if len(found) == 1 else None


def _shape(item: Sent) -> Json:
    message = item.message
    return {
        "id": item.id,
        "medium": message.medium,
        "to": message.recipient,
        "subject": message.subject,
        "text": message.text,
        "code": _code(message.text),
        "sent_at": item.sent_at,
    }


def _number(request: Request, name: str, usual: float) -> float:
    try:
        return float(request.query_params.get(name, usual))
    except ValueError as error:
        raise _Refused(f"{name} must be a number") from error


async def _read(request: Request) -> Json:
    try:
        data = json.loads(await read_body(request, _LIMIT) or b"{}")
    except (ValueError, BodyTooLarge) as error:
        raise _Refused("the body must be a JSON object of at most 64 MB") from error
    if not isinstance(data, dict):
        raise _Refused("the body must be a JSON object")
    return data


async def outbox(
    _services: Services, tools: TestingTools, request: Request
) -> Response:
    """GET: messages, those `to` somebody, `after` an id, within `wait` seconds. DELETE: forget."""
    if request.method == "DELETE":
        tools.outbox.sent.clear()
        return json_reply({})
    to, after = request.query_params.get("to"), int(_number(request, "after", 0))
    wait_s = min(_number(request, "wait", 0.0), _LONGEST_WAIT_S)
    found = tools.outbox.find(to=to, after=after)
    if not found and wait_s > 0:
        found = await tools.outbox.wait(to=to, after=after, within_s=wait_s)
    return json_reply({"messages": [_shape(item) for item in found]})


async def ses(_services: Services, tools: TestingTools, request: Request) -> Response:
    """The outbox in the shape that tests written for other emulators read."""
    found = tools.outbox.find(to=request.query_params.get("email"))
    return json_reply(
        {
            "messages": [
                {
                    "Id": str(item.id),
                    "Destination": {"ToAddresses": [item.message.recipient]},
                    "Subject": item.message.subject,
                    "Body": {"text_part": item.message.text, "html_part": None},
                }
                for item in found
            ]
        }
    )


async def clock(_services: Services, tools: TestingTools, request: Request) -> Response:
    """GET: the time. POST `now` or `advance_s`: move it. DELETE: the real time again."""
    if request.method == "DELETE":
        tools.clock.offset_s = 0.0
    if request.method == "POST":
        data = await _read(request)
        match data:
            case {"now": int() | float() as at}:
                tools.clock.put(float(at))
            case {"advance_s": int() | float() as seconds}:
                tools.clock.offset_s += float(seconds)
            case _:
                raise _Refused("give now or advance_s, in seconds")
    return json_reply({"now": tools.clock.now()})


async def codes(_services: Services, tools: TestingTools, request: Request) -> Response:
    """POST `next`: the codes that are sent next. DELETE: chance again."""
    tools.codes.clear()
    if request.method == "POST":
        wanted = (await _read(request)).get("next")
        if not isinstance(wanted, list) or not all(
            isinstance(c, str) and re.fullmatch(r"\d{6}|\d{8}", c) for c in wanted
        ):
            raise _Refused("next must be a list of codes of six or eight digits")
        tools.codes.extend(wanted)
    return json_reply({"next": list(tools.codes)})


async def faults(
    _services: Services, tools: TestingTools, request: Request
) -> Response:
    """POST `throttle` (calls), `latency_ms`, `mail_fails`: let it go wrong. DELETE: no more."""
    data = await _read(request) if request.method == "POST" else {}
    throttle, latency = data.get("throttle", 0), data.get("latency_ms", 0)
    if (
        not isinstance(throttle, int)
        or not isinstance(latency, int)
        or not 0 <= latency <= 60_000
    ):
        raise _Refused("throttle and latency_ms must be whole numbers")
    tools.faults.throttled = throttle
    tools.faults.latency_s = latency / 1000
    tools.faults.mail_fails = data.get("mail_fails") is True
    return json_reply({})


async def keys(services: Services, _tools: TestingTools, request: Request) -> Response:
    """POST: new signing keys for a pool; what the old ones signed is no good any more."""
    pool_id, store = request.path_params["pool_id"], services.config.store
    if await store.load_pool(pool_id) is None:
        raise _Refused(f"there is no pool {pool_id}")
    fresh = await issue_keys(
        pool_id,
        vault=services.vault,
        entropy=services.config.entropy,
        make_key=services.config.make_key,
    )
    await store.replace_keys(pool_id, fresh)
    services.key_ring.forget(pool_id)
    return json_reply({})


async def snapshot(
    services: Services, _tools: TestingTools, request: Request
) -> Response:
    """GET: all there is. POST: let it be as it was when that was said."""
    if request.method == "GET":
        return json_reply(await services.config.store.dump())
    await services.config.store.restore(await _read(request))
    services.key_ring.forget(None)
    return json_reply({})


async def reset(services: Services, tools: TestingTools, _request: Request) -> Response:
    """POST: no pools, no mail, the real time, nothing broken."""
    await services.errands.wait()
    await services.config.store.restore({})
    services.key_ring.forget(None)
    tools.outbox.sent.clear()
    tools.codes.clear()
    tools.clock.offset_s = 0.0
    tools.faults.throttled, tools.faults.latency_s = 0, 0.0
    tools.faults.mail_fails = False
    return json_reply({"status": "ok"})


_ENDPOINTS: Final[tuple[tuple[str, tuple[str, ...], Handler], ...]] = (
    ("/_outbox", ("GET", "DELETE"), outbox),
    ("/_aws/ses", ("GET",), ses),
    ("/_clock", ("GET", "POST", "DELETE"), clock),
    ("/_codes", ("POST", "DELETE"), codes),
    ("/_faults", ("POST", "DELETE"), faults),
    ("/_keys/{pool_id}/rotate", ("POST",), keys),
    ("/_snapshot", ("GET", "POST"), snapshot),
    ("/_reset", ("POST",), reset),
    ("/moto-api/reset", ("POST",), reset),
)


def _bind(
    services: Services, tools: TestingTools, handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            check_host(services.config, request.headers.get("host", ""))
            refuse_web_pages(request.headers)
            return await handler(services, tools, request)
        except ApiError as error:
            return json_reply({"message": error.message}, status=error.status)
        except (_Refused, NotADump) as error:
            return json_reply({"message": str(error)}, status=400)

    return endpoint


def build_testing_routes(services: Services, tools: TestingTools) -> list[Route]:
    """The endpoints for tests."""
    return [
        Route(path, _bind(services, tools, handler), methods=list(methods))
        for path, methods, handler in _ENDPOINTS
    ]
