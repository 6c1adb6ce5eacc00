"""A story of the gateway is shown as the steps of a run, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.carrying import Carrier
from ostiary.debugger.diagram import draw
from ostiary.debugger.report import report
from ostiary.debugger.showing import build_replay
from ostiary.debugger.stories import MAX_ROWS, StoryInvalid, read_story
from ostiary.debugger.values import Run, Step
from ostiary.http.exchange import OutgoingRequest
from ostiary.http.path import parse_target
from ostiary.oidc.rp.checks import Check
from ostiary.ports.fetch import FetchFailed, FetchLimits
from ostiary.signin.trace import TRACE, TracedFetch, Tracer, add_checks
from ostiary.signin.values import Refused, SigninRequest
from tests.support.browser import FakeBody
from tests.support.ports import FakeClock, FakeEntropy
from tests.support.provider import ISSUER, FakeProvider
from tests.unit.debugger.debugger_kit import JSON, NOW, RING, objects


def story(**edits: object) -> dict[str, Any]:
    """A story as `signin.trace` writes it."""
    base = {
        "request_id": "r1",
        "at": NOW,
        "took_ms": 12.5,
        "method": "GET",
        "url": "https://app.example/orders",
        "issuer": ISSUER,
        "outcome": "allowed",
        "by": "session",
        "events": [],
        "checks": [],
    }
    return {**base, **edits}


def check(name: str, *, passed: bool = True, got: str = "this") -> dict[str, object]:
    return {"name": name, "passed": passed, "expected": "that", "got": got}


def asked(text: str, **more: object) -> dict[str, object]:
    return {"at_ms": 2.5, "kind": "provider", "text": text, "took_ms": 3.5, **more}


def outcome(run: Run) -> Step:
    return run.steps[-1]


def test_a_good_story_is_a_request_and_a_decision() -> None:
    run = read_story(story())

    assert run.setup.issuer == ISSUER
    assert [(s.kind, s.title, s.actor, s.is_good) for s in run.steps] == [
        ("story", "Request to the gateway", "browser", True),
        ("story", "The gateway's decision: allowed", "gateway", True),
    ]


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("GET https://idp.example/.well-known/openid-configuration", "discovery"),
        ("GET https://idp.example/pool/.well-known/jwks.json", "keys"),
        ("GET https://idp.example/realms/x/protocol/openid-connect/certs", "keys"),
        ("GET https://login.example/common/discovery/v2.0/keys", "keys"),
        ("POST https://idp.example/oauth2/token", "token"),
        ("POST https://idp.example/oauth2/token/introspect", "introspection"),
        ("POST https://idp.example/oauth2/revoke", "revocation"),
        ("GET https://idp.example/oauth2/userInfo", "userinfo"),
        ("GET https://idp.example/somewhere", "story"),
        ("GET http://[broken/token", "story"),
        ("", "story"),
    ],
)
def test_each_question_to_the_provider_is_a_step_of_its_kind(
    place: str, kind: str
) -> None:
    run = read_story(story(events=[asked(place, status=200)]))

    assert len(run.steps) == 3
    assert (run.steps[1].kind, run.steps[1].actor) == (kind, "gateway")
    assert run.steps[1].is_good


def test_a_provider_that_refused_or_was_away_makes_a_bad_step() -> None:
    events = [
        asked("POST https://idp.example/token", status=400),
        asked("POST https://idp.example/token", failed="no connection to idp.example"),
        {"kind": "log", "text": "a line", "level": "info", "at_ms": 1},
    ]
    _, refused, away, _ = read_story(story(events=events)).steps

    assert [c.code for c in refused.causes] == ["provider_refused"]
    assert (away.failure, away.got, away.is_good) == (
        *("no connection to idp.example", None, False),
    )


@pytest.mark.parametrize(
    ("checks", "code", "text"),
    [
        (
            [check("alg"), check("exp", passed=False, got="1 (-5 s)")],
            "token_expired",
            "The token has ended: exp is 1 (-5 s).",
        ),
        (
            [check("kid", passed=False, got="k9")],
            "key_unknown",
            "The token names the key k9, which the provider does not publish for its algorithm.",
        ),
        (
            [check("aud", passed=False, got="other")],
            "token_audience",
            "The token is for other, not for that.",
        ),
        (
            [check("unheard-of", passed=False)],
            "invalid_session",
            "The gateway refused: the session is over.",
        ),
        ([], "invalid_session", "The gateway refused: the session is over."),
    ],
)
def test_a_refusal_is_explained_by_the_rules_that_failed(
    checks: list[dict[str, object]], code: str, text: str
) -> None:
    told = story(
        outcome="refused",
        status=401,
        code="invalid_session",
        why="the session is over",
        checks=checks,
    )
    step = outcome(read_story(told))

    assert step.got is not None
    assert (step.got.status, len(step.checks)) == (401, len(checks))
    assert [(c.code, c.text) for c in step.causes] == [(code, text)]


def test_a_refusal_that_says_nothing_says_so() -> None:
    (cause,) = outcome(read_story(story(outcome="refused"))).causes

    assert (cause.code, cause.text) == (
        "refused",
        "The gateway refused: it does not say why.",
    )


@pytest.mark.parametrize(
    "word", ["allowed", "redirected", "answered", "asked whether to log out"]
)
def test_what_is_no_refusal_has_no_cause(word: str) -> None:
    assert outcome(read_story(story(outcome=word, status=302))).causes == ()


def test_a_redirect_shows_where_to() -> None:
    step = outcome(
        read_story(story(outcome="redirected", status=302, to="https://idp.example/a"))
    )

    assert step.got is not None
    assert (step.got.status, step.got.fields) == (
        302,
        (("location", "https://idp.example/a"),),
    )


async def test_a_story_that_the_gateway_told_is_read() -> None:
    """The writer and the reader agree on the words."""
    kept: list[Any] = []
    clock = FakeClock(NOW)
    tracer = Tracer(clock, kept.append)
    trace = tracer.begin()
    assert trace is not None
    token = TRACE.set(trace)
    provider = FakeProvider(clock)
    fetch = TracedFetch(provider, clock)
    request = OutgoingRequest(method="GET", url=f"{ISSUER}/jwks?secret=1")
    await fetch.send(request, FetchLimits())
    provider.down = True
    with pytest.raises(FetchFailed):
        await fetch.send(request, FetchLimits())
    add_checks([Check(name="iss", passed=False, expected="https://a", got="https://b")])
    TRACE.reset(token)
    asking = SigninRequest(
        method=b"GET",
        target=parse_target(b"/orders?secret=1"),
        fields=(),
        scheme="https",
        host="app.example",
        port=None,
        route_prefix=None,
        request_id="r1",
        client_ip="203.0.113.1",
        body=FakeBody(b""),
    )
    step = Refused(status=401, code="invalid_iss", message="x", detail="wrong issuer")
    tracer.end(trace, asking, ISSUER, step)
    run = read_story(json.loads(json.dumps(kept[0])))

    assert [s.kind for s in run.steps] == ["story", "keys", "keys", "story"]
    assert run.steps[2].failure
    assert [c.code for c in outcome(run).causes] == ["token_issuer"]
    assert "secret" not in repr(run)


# What is no story.


@pytest.mark.parametrize("value", [None, 7, "GET", [], [{"method": "GET"}]])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(StoryInvalid, match="a story is a JSON object") as refused:
        read_story(value)

    assert refused.value.code == "story_invalid"


@pytest.mark.parametrize("name", ["method", "url", "outcome", "at"])
def test_an_object_that_lacks_something_says_what(name: str) -> None:
    told = {k: v for k, v in story().items() if k != name}
    with pytest.raises(StoryInvalid, match=f"it has no {name}"):
        read_story(told)


@pytest.mark.parametrize(
    "strange",
    [
        {"at": 10**400},
        {"at": float("nan")},
        {"at": True, "took_ms": float("inf")},
        {"outcome": "refused", "status": 10**30},
        {"url": "\ud800"},
        {"events": [asked("GET http://[", status=-1), 7, None]},
        {"events": {"kind": "provider"}},
        {"checks": "all"},
        {"method": None, "url": 7.5, "outcome": False},
    ],
)
def test_a_strange_story_is_read_shown_and_carried(strange: dict[str, Any]) -> None:
    run = read_story(story(**strange))
    carrier = Carrier.of(RING, FakeEntropy())

    assert carrier.unpack(carrier.pack(run, "", now=NOW), "", now=NOW) == run
    assert draw(run, standalone=True).encode()
    assert report(run).encode()


def test_a_story_without_end_is_cut() -> None:
    events = [asked("GET https://idp.example/token", status=200)] * (MAX_ROWS + 9)
    checks = [check("iss")] * (MAX_ROWS + 9)
    run = read_story(story(events=events, checks=checks))

    assert len(run.steps) == MAX_ROWS + 2
    assert len(outcome(run).checks) == MAX_ROWS


MEMBERS = ("method", "url", "outcome", "at", "took_ms", "status", "issuer", "code", "why", "to", "events", "checks")  # fmt: skip


@given(
    JSON
    | objects(*MEMBERS)
    | st.builds(
        story,
        events=st.lists(
            objects("at_ms", "text", "status", "took_ms", "failed").map(
                lambda e: {"kind": "provider", **e}
            ),
            max_size=2,
        ),
        checks=st.lists(objects("name", "passed", "expected", "got"), max_size=2),
        outcome=JSON,
        at=JSON,
        status=JSON,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_is_a_story_or_refused_as_none(value: Any) -> None:
    try:
        run = read_story(value)
    except StoryInvalid:
        return
    carrier = Carrier.of(RING, FakeEntropy())

    assert carrier.unpack(carrier.pack(run, "", now=NOW), "", now=NOW) == run
    assert build_replay(run, value)["steps"]
