"""
A story of the gateway (`ostiary explain`) as a run: the same steps, the same view.

A story holds neither tokens nor bodies, so that its steps show what was asked, what was answered,
and which rules were looked at.

Spec: oidc-plugin §18.3; decision 0022.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from ostiary.debugger.causes import find_causes
from ostiary.debugger.redaction import clean
from ostiary.debugger.situation import Situation
from ostiary.debugger.values import Cause, Got, Kind, Run, Sent, Setup, Step
from ostiary.oidc.rp.checks import Check

MAX_TEXT: Final = 500
MAX_ROWS: Final = 100
_FAR_AWAY: Final = 1e12
Story = Mapping[str, Any]  # Any: JSON
_GOOD: Final = frozenset(
    {"allowed", "redirected", "answered", "asked whether to log out"}
)


class StoryInvalid(Exception):
    """What was given is no story; the text says what is missing."""

    code = "story_invalid"


def read_story(story: object) -> Run:
    """
    The run that a story tells of.

    Raises:
        StoryInvalid: It is none.
    """
    if not isinstance(story, Mapping):
        raise StoryInvalid("a story is a JSON object, as the Admin API's /openid-connect/flows/<request id> gives it")  # fmt: skip
    missing = [n for n in ("method", "url", "outcome", "at") if n not in story]
    if missing:
        raise StoryInvalid(f"this JSON is no story of a sign-in: it has no {', '.join(missing)}")  # fmt: skip
    asked = _text(story, "method") or "GET", _text(story, "url")
    steps = (
        Step(
            kind="story",
            title="Request to the gateway",
            actor="browser",
            at=_number(story, "at"),
            sent=Sent(method=asked[0], url=asked[1]),
        ),
        *_read_events(story),
        _read_outcome(story),
    )
    return Run(setup=Setup(issuer=_text(story, "issuer")), steps=steps)


def _text(value: Story, name: str) -> str:
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    try:
        return clean(str(found)[:MAX_TEXT])
    except ValueError:  # a number of more digits than Python writes
        return ""


def _number(value: Story, name: str) -> float:
    """A number that a time can be; 0 for anything else."""
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0.0
    return float(found) if -_FAR_AWAY <= found <= _FAR_AWAY else 0.0


def _status(value: Story) -> int | None:
    found = value.get("status")
    is_one = isinstance(found, int) and 100 <= found <= 599
    return found if is_one else None


def _objects(story: Story, name: str) -> list[Story]:
    found = story.get(name)
    return [e for e in found if isinstance(e, Mapping)][:MAX_ROWS] if isinstance(found, list) else []  # fmt: skip


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.lower()
    except ValueError:  # brackets that hold no address
        return ""


_PLACES: Final[tuple[tuple[str, Kind, str], ...]] = (
    ("openid-configuration", "discovery", "Discovery"),
    ("jwks", "keys", "Signing keys"),
    ("certs", "keys", "Signing keys"),
    ("keys", "keys", "Signing keys"),
    ("introspect", "introspection", "Introspection"),
    ("revo", "revocation", "Revocation"),
    ("userinfo", "userinfo", "UserInfo"),
    ("token", "token", "Token request"),
)


def _read_events(story: Story) -> Iterator[Step]:
    """One step for each time that the provider was asked."""
    for event in _objects(story, "events"):
        if event.get("kind") != "provider":
            continue
        method, _, url = _text(event, "text").partition(" ")
        path = _path(url)
        kind, title = next(((k, t) for part, k, t in _PLACES if part in path), ("story", "Request to the provider"))  # fmt: skip
        status = _status(event)
        got = None
        if status is not None:
            got = Got(status=status, took_ms=_number(event, "took_ms"))
        causes: tuple[Cause, ...] = ()
        if got is not None and got.status >= 400:
            causes = (Cause(code="provider_refused", text=f"The provider answered with status {status}.", remedy="The log lines of the story say what the gateway made of it."),)  # fmt: skip
        yield Step(
            kind=kind,
            title=title,
            actor="gateway",
            at=_number(story, "at") + _number(event, "at_ms") / 1000,
            sent=Sent(method=method, url=url),
            got=got,
            failure=_text(event, "failed"),
            causes=causes,
        )


def _read_checks(story: Story) -> tuple[Check, ...]:
    return tuple(
        Check(
            name=_text(check, "name"),
            passed=check.get("passed") is True,
            expected=_text(check, "expected"),
            got=_text(check, "got"),
        )
        for check in _objects(story, "checks")
    )


def _read_outcome(story: Story) -> Step:
    """How it ended, with the rules that were looked at and why."""
    outcome, code = _text(story, "outcome"), _text(story, "code")
    checks = _read_checks(story)
    causes: tuple[Cause, ...] = ()
    if outcome not in _GOOD:
        causes = (_explain(checks, code, _text(story, "why"), _number(story, "at")),)
    target = _text(story, "to")
    fields = (("location", target),) if target else ()
    return Step(
        kind="story",
        title=f"The gateway's decision: {outcome}",
        actor="gateway",
        at=_number(story, "at") + _number(story, "took_ms") / 1000,
        got=Got(
            status=_status(story) or 200,
            fields=fields,
            took_ms=_number(story, "took_ms"),
        ),
        checks=checks,
        causes=causes,
    )


def _explain(checks: tuple[Check, ...], code: str, why: str, at: float) -> Cause:
    """Why the gateway refused: as a step of our own would say it, where its checks tell."""
    named = tuple(replace(c, name=f"ID token: {c.name}") for c in checks)
    known = find_causes(Situation(kind="token", setup=Setup(), now=at, checks=named))
    if known and known[0].code != "check_failed":
        # A story does not tell which token its rules were about.
        return replace(known[0], text=known[0].text.replace("The ID token", "The token", 1))  # fmt: skip
    return Cause(code=code or "refused", text=f"The gateway refused: {why or code or 'it does not say why'}.")  # fmt: skip
