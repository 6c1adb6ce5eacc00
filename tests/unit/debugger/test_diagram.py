"""The picture of a run: who takes part, how each step went, and nothing hostile in it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.diagram import draw
from ostiary.debugger.sequence import Arrow, Mark, Remark, plan_run
from ostiary.debugger.values import Cause, Got, Run, Sent, Step
from ostiary.oidc.rp.checks import Check

SPACE = "{http://www.w3.org/2000/svg}"
AUTHORIZATION = Step(
    kind="authorization",
    title="Sign in",
    actor="browser",
    sent=Sent(method="GET", url="https://idp.example/authorize"),
)
CALLBACK = Step(
    kind="callback",
    title="Back again",
    sent=Sent(
        method="GET", url="https://app.example/callback", pairs=(("code", "$CODE"),)
    ),
)
TOKEN = Step(
    kind="token",
    title="Exchange the code",
    sent=Sent(
        method="POST",
        url="https://idp.example/token",
        pairs=(("grant_type", "authorization_code"), ("code", "$CODE")),
    ),
    got=Got(status=200, took_ms=41.6),
)
FAILED = Step(
    kind="token",
    title="Exchange the code",
    sent=TOKEN.sent,
    got=Got(status=400),
    checks=(
        Check(name="aud", passed=False, expected="a", got="b"),
        Check(name="iss", passed=True, expected="a", got="a"),
    ),
    causes=(
        Cause(code="redirect_uri_mismatch", text="…"),
        Cause(code="slow_clock", text="…", level="note"),
    ),
)
HOSTILE = (
    "<script>alert(1)</script>\"'&\x00\x1b[31m\u202egnp.\ufffe\ud800]]>\r\n\x85\u2028\t"
)


def plan_step(*steps: Step) -> tuple[Mark, ...]:
    """What is drawn of the first of some steps."""
    return plan_run(Run(steps=steps))[0]


def texts(svg: str) -> list[str]:
    return [found.text or "" for found in ET.fromstring(svg).iter("text")]


def test_an_empty_run_has_no_picture() -> None:
    assert draw(Run(), standalone=False) == ""
    assert draw(Run(), standalone=True) == ""


def test_sign_in_goes_through_the_browser_and_the_rest_does_not() -> None:
    svg = draw(Run(steps=(AUTHORIZATION, CALLBACK, TOKEN)), standalone=False)

    assert texts(svg) == [
        "Browser",
        "Debugger",
        "Provider",
        "GET /authorize",
        "✓ ok",
        "redirect",
        "GET /callback (code)",
        "✓ ok",
        "POST /token (code)",
        "200 · 42 ms",
        "✓ ok",
    ]
    assert plan_step(CALLBACK)[:2] == (
        Arrow(source="provider", target="browser", text="redirect", is_reply=True),
        Arrow(source="browser", target="debugger", text="GET /callback (code)"),
    )
    assert plan_step(TOKEN)[:2] == (
        Arrow(source="debugger", target="provider", text="POST /token (code)"),
        Arrow(source="provider", target="debugger", text="200 · 42 ms", is_reply=True),
    )


@pytest.mark.parametrize(
    ("pairs", "label"),
    [
        ((), "POST /token"),
        ((("grant_type", "refresh_token"),), "POST /token (refresh token)"),
        ((("grant_type", "client_credentials"),), "POST /token (client credentials)"),
        ((("error", "access_denied"), ("code", "x")), "POST /token (error)"),
    ],
)
def test_a_request_says_what_it_is_about(
    pairs: tuple[tuple[str, str], ...], label: str
) -> None:
    sent = Sent(method="POST", url="https://idp.example/token", pairs=pairs)

    assert label in texts(
        draw(Run(steps=(Step(kind="token", title="", sent=sent),)), standalone=False)
    )


def test_only_those_who_take_part_have_a_line() -> None:
    assert texts(draw(Run(steps=(TOKEN,)), standalone=False))[:3] == [
        "Debugger",
        "Provider",
        "POST /token (code)",
    ]


def test_a_run_of_the_gateway_is_the_gateways() -> None:
    exchange = Step(kind="token", title="", actor="gateway", sent=TOKEN.sent)
    asked = Step(
        kind="story",
        title="",
        actor="browser",
        sent=Sent(method="GET", url="https://app.example/orders"),
        got=Got(status=302),
    )
    svg = draw(Run(steps=(asked, CALLBACK, exchange)), standalone=False)

    assert "Gateway" in texts(svg)
    assert plan_step(asked, exchange)[0] == Arrow(
        source="browser", target="gateway", text="GET /orders"
    )


def test_the_gateways_decision_goes_back_to_the_browser() -> None:
    step = Step(
        kind="story",
        title="Decision: refused",
        actor="gateway",
        got=Got(status=401),
        causes=(Cause(code="token_expired", text="…"),),
    )

    assert plan_step(step) == (
        Arrow(source="gateway", target="browser", text="401", is_reply=True),
        Remark(party="gateway", text="✗ failed: Decision: refused", look="d-bad"),
        Remark(party="gateway", text="token_expired", look="d-note"),
    )


def test_a_form_is_told_from_a_redirect() -> None:
    sent = Sent(method="POST", url="https://app.example/callback")
    step = Step(kind="callback", title="", sent=sent)

    assert isinstance(first := plan_step(step)[0], Arrow)
    assert first.text == "form"


def test_a_failed_step_says_so_in_words_and_why() -> None:
    marks = plan_step(FAILED)

    assert marks[2:] == (
        Remark(party="debugger", text="✗ failed", look="d-bad"),
        Remark(party="debugger", text="redirect_uri_mismatch, aud", look="d-note"),
    )
    svg = draw(Run(steps=(FAILED,)), standalone=False)
    assert "✗ failed" in texts(svg)
    desc = ET.fromstring(svg).findtext("desc")
    assert desc == (
        "1. Exchange the code: POST /token (code), 400, failed "
        "(redirect_uri_mismatch, aud)."
    )


def test_without_a_reply_the_reason_is_there() -> None:
    step = Step(kind="token", title="x", sent=TOKEN.sent, failure="no such host")

    assert texts(draw(Run(steps=(step,)), standalone=False))[3:] == [
        "✗ failed",
        "no such host",
    ]


def test_a_step_without_an_exchange_is_named() -> None:
    svg = draw(Run(steps=(Step(kind="trial", title="Compare"),)), standalone=False)

    assert texts(svg) == ["Debugger", "✓ ok: Compare"]


def test_what_is_too_long_is_cut() -> None:
    sent = Sent(method="GET", url="https://idp.example/" + "a" * 500)
    wide = Sent(method="GET", url="https://idp.example/" + "漢" * 500)
    steps = tuple(Step(kind="keys", title="k", sent=one) for one in (sent, wide))
    narrow = (AUTHORIZATION, CALLBACK, *steps)
    found = [
        text for text in texts(draw(Run(steps=narrow), standalone=False)) if "…" in text
    ]

    assert [(text[:6], len(text) <= 39) for text in found] == [
        ("GET /a", True),
        ("GET /漢", True),
    ]
    assert len(found[1]) < 25


def test_within_a_page_there_is_no_style_and_it_can_be_read_aloud() -> None:
    svg = draw(Run(steps=(AUTHORIZATION, FAILED)), standalone=False)
    root = ET.fromstring(svg)

    assert "style" not in svg
    assert "xmlns" not in svg
    assert not svg.startswith("<?xml")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "run-diagram-title run-diagram-desc"
    assert [e.get("id") for e in root if e.tag in {"title", "desc"}] == [
        "run-diagram-title",
        "run-diagram-desc",
    ]
    used = {e.get("class") for e in root.iter()} - {None, "run-diagram"}
    assert used == {"d-line", "d-good", "d-bad", "d-note", "d-text", "d-muted"}
    colours = {e.get(a) for e in root.iter() for a in ("fill", "stroke")}
    assert colours == {None, "currentColor", "none"}


def test_a_file_of_its_own_has_colours_for_light_and_dark() -> None:
    svg = draw(Run(steps=(TOKEN,)), standalone=True)
    root = ET.fromstring(svg.encode())

    assert svg.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns=')
    assert root.tag == f"{SPACE}svg"
    style = root.findtext(f"{SPACE}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert root.find(f"{SPACE}rect") is not None
    assert "url(" not in style


def test_it_is_as_high_as_it_has_steps() -> None:
    low, high = (
        ET.fromstring(draw(Run(steps=(TOKEN,) * n), standalone=False)) for n in (1, 9)
    )

    assert low.get("width") == high.get("width") == "640"
    assert int(low.get("height", "")) * 5 < int(high.get("height", ""))
    assert high.get("viewBox") == f"0 0 640 {high.get('height')}"


def hostile_step(text: str, **more: Any) -> Step:
    return Step(
        kind="token",
        title=text,
        sent=Sent(
            method=text, url=f"https://idp.example/{text}", pairs=((text, text),)
        ),
        got=Got(status=400, body=text),
        checks=(Check(name=text, passed=False, expected=text, got=text),),
        causes=(Cause(code=text, text=text, remedy=text),),
        failure=text,
        **more,
    )


def check_harmless(svg: str) -> None:
    root = ET.fromstring(svg.encode())
    tags = {element.tag.removeprefix(SPACE) for element in root.iter()}

    assert tags <= {"svg", "title", "desc", "style", "rect", "line", "path", "text"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", svg)  # fmt: skip


@pytest.mark.parametrize("standalone", [False, True])
def test_hostile_texts_stay_texts(*, standalone: bool) -> None:
    steps = (hostile_step(HOSTILE), Step(kind="story", title=HOSTILE, failure=HOSTILE))
    odd = Step(kind="keys", title="", sent=Sent(method="GET", url="https://[x"))
    svg = draw(Run(steps=(*steps, odd)), standalone=standalone)

    check_harmless(svg)
    assert "<script" not in svg


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=st.text(st.characters()), standalone=st.booleans())
def test_whatever_a_stranger_wrote_it_is_xml(*, text: str, standalone: bool) -> None:
    check_harmless(draw(Run(steps=(hostile_step(text),)), standalone=standalone))
