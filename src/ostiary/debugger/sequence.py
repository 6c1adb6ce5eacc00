"""
A run as a sequence: which arrows and remarks its diagram has.

Nothing is drawn or escaped here. A sign-in goes to the provider and comes back by the browser; all
else is between the provider and the debugger, or the gateway in its stories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from ostiary.debugger.values import Got, Run, Sent, Step

Party = Literal["browser", "debugger", "gateway", "provider"]
Look = Literal["d-good", "d-bad", "d-note"]
NAMES: Final[dict[Party, str]] = {
    "browser": "Browser",
    "debugger": "Debugger",
    "gateway": "Gateway",
    "provider": "Provider",
}
_LONG: Final = 24
_GRANTS: Final = {
    "authorization_code": "code",
    "refresh_token": "refresh token",
    "client_credentials": "client credentials",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A message from one to another."""

    source: Party
    target: Party
    text: str
    is_reply: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A line of text at somebody's lifeline."""

    party: Party
    text: str
    look: Look


Mark = Arrow | Remark


def plan_run(run: Run) -> tuple[tuple[Mark, ...], ...]:
    """What is drawn of each step: its arrows, how it went, and why it failed."""
    return tuple(_plan_step(step, _find_middle(run)) for step in run.steps)


def _plan_step(step: Step, middle: Party) -> tuple[Mark, ...]:
    arrows = tuple(_plan_arrows(step, middle))
    at: Party = next((a.source for a in arrows if not a.is_reply), step.actor)
    verdict = "✓ ok" if step.is_good else "✗ failed"
    found: list[Mark] = [
        *arrows,
        Remark(
            party=at,
            text=verdict if step.sent else f"{verdict}: {step.title}",
            look="d-good" if step.is_good else "d-bad",
        ),
    ]
    if reasons := find_reasons(step):
        found.append(Remark(party=at, text=reasons, look="d-note"))
    return tuple(found)


def _plan_arrows(step: Step, middle: Party) -> Iterator[Arrow]:
    if step.sent is None:
        if step.kind == "story" and step.got and step.actor == middle:
            # How the gateway answered what the browser asked some steps before.
            yield Arrow(
                source=middle,
                target="browser",
                text=_tell_reply(step.got),
                is_reply=True,
            )
        return
    source: Party = "browser" if step.kind == "authorization" else step.actor
    target: Party = "provider"
    if step.kind == "callback":
        source, target = "browser", middle
        said = "form" if step.sent.method == "POST" else "redirect"
        yield Arrow(source="provider", target="browser", text=said, is_reply=True)
    elif step.kind == "story" and source == "browser":
        target = middle
    yield Arrow(source=source, target=target, text=tell_request(step.sent))
    if step.got is not None:
        text = _tell_reply(step.got)
        yield Arrow(source=target, target=source, text=text, is_reply=True)


def _tell_reply(got: Got) -> str:
    return str(got.status) + ("" if got.took_ms is None else f" · {got.took_ms:.0f} ms")


def _find_middle(run: Run) -> Party:
    """Who takes what the browser brings back."""
    actors = (step.actor for step in run.steps)
    return next((actor for actor in actors if actor != "browser"), "debugger")


def tell_request(sent: Sent) -> str:
    """A request in a few words: its method, its path, and what it is about."""
    try:
        path = urlsplit(sent.url).path or "/"
    except ValueError:  # brackets that hold no address
        path = sent.url
    before, _, last = path.rstrip("/").rpartition("/")
    if before and len(path) > _LONG:
        # Its end says what it is; its beginning is the tenant's.
        path = f"…/{last}"
    hint = _hint(dict(sent.pairs))
    return f"{sent.method} {path} ({hint})" if hint else f"{sent.method} {path}"


def _hint(pairs: dict[str, str]) -> str:
    if "error" in pairs:
        return "error"
    grant = _GRANTS.get(pairs.get("grant_type", ""), "")
    return grant or ("code" if "code" in pairs else "")


def find_reasons(step: Step) -> str:
    """The codes of causes and the names of rules that failed; what was told if there is neither."""
    codes = [cause.code for cause in step.causes if cause.level == "error"]
    names = [check.name for check in step.checks if not check.passed]
    return ", ".join(dict.fromkeys([*codes, *names])) or step.failure
