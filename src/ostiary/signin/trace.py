"""
Why sign-in decided as it did: a short, redacted story of one request, for whoever must explain it.

A story holds what was logged, what the provider was asked (method, place, status, time), which
rules were looked at with what was expected and what came, and the outcome. No token, code, secret,
cookie or query ever enters it.

Spec: oidc-plugin §18.3; wants 18 and 21.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.oidc.rp.checks import Check
from ostiary.ports.clock import Clock
from ostiary.ports.fetch import Fetch, FetchFailed, FetchLimits
from ostiary.signin.values import (
    Allowed,
    ConfirmLogout,
    Refused,
    Respond,
    SendAway,
    SigninRequest,
    Step,
)

MAX_EVENTS = 60
PER_SECOND = 50.0
Keep = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True, kw_only=True)
class Trace:
    """The story of one request while it is being told."""

    clock: Clock
    started: float
    events: list[dict[str, Any]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def add(self, kind: str, text: str, **more: object) -> None:
        """Tell one thing; what is too much is left out."""
        if len(self.events) < MAX_EVENTS:
            at_ms = round((self.clock.now() - self.started) * 1000, 1)
            self.events.append(
                {"at_ms": at_ms, "kind": kind, "text": text[:500], **more}
            )


TRACE: ContextVar[Trace | None] = ContextVar("ostiary_trace", default=None)


def add_checks(checks: Iterable[Check]) -> None:
    """Tell which rules were looked at."""
    trace = TRACE.get()
    if trace is not None:
        trace.checks += checks


def is_traced() -> bool:
    """Tell whether anybody wants to know which rules were looked at."""
    return TRACE.get() is not None


def build_log(log: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """A log that tells its lines to the story too."""

    def write(level: str, line: str) -> None:
        log(level, line)
        trace = TRACE.get()
        if trace is not None:
            trace.add("log", line, level=level)

    return write


class TracedFetch:
    """A fetch that tells what the provider was asked: never with what, never the answer."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        trace = TRACE.get()
        if trace is None:
            return await self._fetch.send(request, limits)
        parts = urlsplit(request.url)
        place = f"{request.method} {parts.scheme}://{parts.hostname}{parts.path}"
        begun = self._clock.now()
        try:
            reply = await self._fetch.send(request, limits)
        except FetchFailed as error:
            took = round((self._clock.now() - begun) * 1000, 1)
            trace.add("provider", place, failed=error.reason, took_ms=took)
            raise
        took = round((self._clock.now() - begun) * 1000, 1)
        trace.add("provider", place, status=reply.status, took_ms=took)
        return reply


def describe_outcome(step: Step) -> dict[str, Any]:
    """How it ended, in a few words."""
    match step:
        case Allowed():
            return {"outcome": "allowed", "by": step.method}
        case SendAway():
            place = urlsplit(step.location)
            return {
                "outcome": "redirected",
                "status": step.status,
                "why": step.why,
                "to": f"{place.scheme}://{place.netloc}{place.path}",
            }
        case Refused():
            return {
                "outcome": "refused",
                "status": step.status,
                "code": step.code,
                "why": step.detail,
            }
        case Respond():
            return {"outcome": "answered", "status": 200}
        case ConfirmLogout():
            return {"outcome": "asked whether to log out", "status": 403}


class Tracer:
    """Begins and ends stories; at most so many a second, so that a flood costs nothing more."""

    def __init__(self, clock: Clock, keep: Keep | None) -> None:
        self._clock = clock
        self._keep = keep
        self._left = PER_SECOND
        self._at = clock.now()

    def begin(self) -> Trace | None:
        """A new story, or None when nobody listens or there are too many."""
        if self._keep is None:
            return None
        now = self._clock.now()
        self._left = min(PER_SECOND, self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1:
            return None
        self._left -= 1
        return Trace(clock=self._clock, started=now)

    def end(
        self, trace: Trace, request: SigninRequest, issuer: str, step: Step
    ) -> None:
        """Hand the story over."""
        assert self._keep is not None
        took = round((self._clock.now() - trace.started) * 1000, 1)
        self._keep(
            {
                "request_id": request.request_id,
                "at": trace.started,
                "took_ms": took,
                "method": request.method.decode("latin-1"),
                "url": request.origin + request.target.raw_path[:500],
                "issuer": issuer,
                **describe_outcome(step),
                "events": trace.events,
                "checks": [asdict(check) for check in trace.checks],
            }
        )
