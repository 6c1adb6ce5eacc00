"""Calling the hooks of a decision. Their bugs cost one request, never the loop."""

from __future__ import annotations

from collections.abc import Callable

from ostiary.gateway.decision import Decider, EditBody, Forward, Outcome
from ostiary.http.head import Reply, ResponseHead
from ostiary.proxy.plane import log

TEXTS = {
    500: "An unexpected error occurred",
    502: "An invalid response was received from the upstream server",
    503: "The upstream server is currently unavailable",
    504: "The upstream server is timing out",
}


def report(on_finish: Callable[[Outcome], None], outcome: Outcome) -> None:
    """Tell the log hook how an exchange ended."""
    try:
        on_finish(outcome)
    except Exception as error:  # noqa: BLE001 - the hook is foreign code
        log.error("on_finish failed: %s", type(error).__name__)


def edit_response(
    forward: Forward, head: ResponseHead, upstream_ms: float
) -> ResponseHead | None:
    """The head after the response hook, or None when the hook failed."""
    if forward.on_response is None:
        return head
    try:
        return forward.on_response(head, upstream_ms)
    except Exception as error:  # noqa: BLE001 - the hook is foreign code
        log.error("on_response failed: %s", type(error).__name__)
        return None


def find_edit(on_body: Callable[[], EditBody | None]) -> EditBody | None:
    """How a body is edited, if it is. A hook that fails edits by failing: nothing leaks."""
    try:
        return on_body()
    except Exception as error:  # noqa: BLE001 - the hook is foreign code
        log.error("on_body failed: %s", type(error).__name__)
        return _fail


def _fail(_: bytes) -> tuple[ResponseHead, bytes]:
    raise RuntimeError("on_body failed")


def error_reply(forward: Forward, decider: Decider, status: int, reason: str) -> Reply:
    """What the client hears when an upstream let it down."""
    if forward.on_error is not None:
        try:
            return forward.on_error(status, reason)
        except Exception as error:  # noqa: BLE001 - the hook is foreign code
            log.error("on_error failed: %s", type(error).__name__)
            status = 500
    return decider.on_bad_request(status, TEXTS.get(status, reason))
