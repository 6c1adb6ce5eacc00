"""`ostiary explain`: the story of one sign-in decision, as a person reads it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

TIMEOUT_S = 5


class CannotExplain(Exception):
    """There is no story to tell; the text says why and what to do."""

    code = "cannot_explain"


def fetch_story(admin: str, request_id: str) -> dict[str, Any]:
    """
    The story of a request, from the Admin API of a running node.

    Raises:
        CannotExplain: The node cannot be asked, or knows no such request.
    """
    url = f"{admin}/openid-connect/flows/{quote(request_id, safe='')}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:  # noqa: S310 - http of ours
            found: dict[str, Any] = json.load(reply)
            return found
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise CannotExplain(
                f"no sign-in decision of request {request_id} is known; the last 2000 are kept, and "
                "requests answered from memory have none"
            ) from error
        raise CannotExplain(
            f"the Admin API at {admin} answered {error.code}"
        ) from error
    except OSError as error:
        raise CannotExplain(
            f"the Admin API at {admin} cannot be reached: start the node, or name it with --admin"
        ) from error


def _details(event: Mapping[str, Any]) -> str:
    if event["kind"] != "provider":
        return str(event.get("level", ""))
    how = event.get("failed") or f"status {event.get('status')}"
    return f"{how}, {event.get('took_ms')} ms"


def tell(story: Mapping[str, Any]) -> Iterable[str]:
    """The lines of a story. What strangers wrote into it moves no cursor and ends no line."""
    for line in _lines(story):
        yield "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)


def _lines(story: Mapping[str, Any]) -> Iterable[str]:
    yield f"{story['method']} {story['url']}  (request {story['request_id']})"
    yield f"issuer {story['issuer']}, {story['took_ms']} ms"
    yield ""
    for event in story["events"]:
        text = f"{event['text']}  [{_details(event)}]"
        yield f"  {event['at_ms']:>8} ms  {event['kind']:<9} {text}"
    if story["checks"]:
        yield ""
    for check in story["checks"]:
        mark = "ok  " if check["passed"] else "FAIL"
        yield f"  {mark} {check['name']:<5} got {check['got']}"
        if not check["passed"]:
            yield f"             expected {check['expected']}"
    yield ""
    ended = f"{story['outcome']}"
    if "status" in story:
        ended += f" with {story['status']}"
    for name in ("by", "code", "why", "to"):
        if name in story:
            ended += f"; {name}: {story[name]}"
    yield ended
