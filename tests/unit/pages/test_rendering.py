"""Pages are whole, escaped and sealed by a policy that fits them."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from ostiary.pages import render, render_error, security_headers
from ostiary.pages.rendering import _environment

LOGIN: dict[str, Any] = {
    "client_name": "shop",
    "notice": "",
    "error": "",
    "action": "/login?a=1&b=2",
    "csrf": "token",
    "username": "",
    "email_names": True,
    "forgot_url": "/forgotPassword",
    "signup_url": "/signup",
    "code_ways": (),
    "look": None,
    "languages": ({"tag": "en", "name": "English", "url": "?lang=en"},),
}


def test_values_are_escaped() -> None:
    page = render("login.html", **LOGIN | {"client_name": "<script>x</script>"})

    assert b"<script" not in page
    assert b"&lt;script&gt;" in page


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("login.html", **{k: v for k, v in LOGIN.items() if k != "client_name"})


@pytest.mark.parametrize("name", ["nothing.html", "../rendering.py", "a/b.html", ".x"])
def test_only_our_templates_are_read(name: str) -> None:
    with pytest.raises(TemplateNotFound):
        render(name)


def test_the_policy_allows_exactly_the_page_s_style() -> None:
    style = re.search(
        rb"<style>(.*?)</style>", render("login.html", **LOGIN), re.DOTALL
    )
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1)).digest()).decode()
    headers = dict(security_headers())

    assert f"style-src 'sha256-{digest}'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_a_form_may_end_at_named_origins_only() -> None:
    policy = dict(
        security_headers(form_action=["https://a.example", "https://a.example"])
    )

    assert "form-action 'self' https://a.example;" in policy["Content-Security-Policy"]
    assert "form-action 'self';" in dict(security_headers())["Content-Security-Policy"]


def test_an_error_page_says_what_and_what_next() -> None:
    page = render_error(
        status=502,
        title="No answer",
        message="The service behind this address did not answer.",
        action_url="/again",
        action_label="Try again",
        request_id="r-1",
    ).decode()

    for text in ("502", "No answer", 'href="/again"', "Try again", "r-1"):
        assert text in page


def test_an_error_page_without_a_way_out_shows_no_button() -> None:
    page = render_error(
        status=400,
        title="t",
        message="m",
        action_url=None,
        action_label=None,
        request_id="",
    ).decode()

    assert 'class="button"' not in page
    assert "<dl" not in page


# The page of swagger-ui: files of the package, and nothing written into the page (decision 0048).
WITH_SCRIPTS = "portal-explore.html"
OWN_SCRIPT = re.compile(
    r'<script src="\{\{ files_url \}\}/[a-z-]+\.js" defer></script>'
)


def test_templates_use_no_script_no_inline_style_and_fetch_nothing() -> None:
    folder = files("ostiary.pages").joinpath("templates")
    for template in folder.iterdir():
        if template.name.endswith(".html"):
            text = template.read_text(encoding="utf-8")

            if template.name == WITH_SCRIPTS:
                text = OWN_SCRIPT.sub("", text)
            assert "<script" not in text, template.name
            assert not re.search(r"\s(style|on\w+)=", text), template.name
            assert not re.search(r'(src|href)="(https?:)?//', text), template.name


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.spec("WCAG22#1.4.3")
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground", "least"),
    [
        ("ink", "paper", 4.5),
        ("ink", "card", 4.5),
        ("ink", "field", 4.5),
        ("muted", "paper", 4.5),
        ("muted", "card", 4.5),
        ("link", "card", 4.5),
        ("link", "paper", 4.5),
        ("accent-ink", "accent", 4.5),
        ("accent-ink", "accent-hover", 4.5),
        ("bad", "bad-bg", 4.5),
        ("bad", "card", 4.5),
        ("good", "good-bg", 4.5),
        ("note", "note-bg", 4.5),
        ("ink", "code", 4.5),
        ("field-line", "card", 3.0),
        ("focus", "card", 3.0),
        ("focus", "paper", 3.0),
    ],
)
def test_colours_can_be_told_apart(
    scheme: int, text: str, ground: str, least: float
) -> None:
    css = files("ostiary.pages").joinpath("design.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))

    assert _contrast(colours[text], colours[ground]) >= least


def test_files_of_the_page_s_own_are_allowed_where_it_has_any() -> None:
    plain = dict(security_headers())["Content-Security-Policy"]
    policy = dict(security_headers(has_own_files=True, styles=["a{}"]))[
        "Content-Security-Policy"
    ]

    assert "img-src data:;" in plain
    assert "img-src data: 'self';" in policy
    assert re.search(r"style-src 'sha256-[^']*' 'sha256-[^']*' 'self';", policy)
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["iso", "day", "date"])
@pytest.mark.parametrize("at", [10**15, 1_700_000_000_000, -(10**14), 10**30, 1e300, float("nan"), float("inf")])  # fmt: skip
def test_a_time_that_no_calendar_has_is_shown_as_a_number(name: str, at: float) -> None:
    assert _environment().filters[name](at) == str(at)


def test_times_are_shown_in_utc() -> None:
    said = [_environment().filters[name](0) for name in ("iso", "day", "date")]

    assert said == [
        "1970-01-01T00:00:00+00:00", "01 January 1970, 00:00 UTC", "01 Jan 1970",
    ]  # fmt: skip


def test_half_a_character_does_not_break_a_page() -> None:
    page = render("login.html", **LOGIN | {"client_name": "a\ud800b"})

    assert b"a?b" in page
