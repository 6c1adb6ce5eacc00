"""Answers as pages show them."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.portal.tryit.answer import (
    HIDDEN,
    MAX_PRETTY_CHARS,
    show_answer,
    write_json,
)
from ostiary.ports.own_gateway import OwnReply


def reply(body: bytes = b"", kind: str = "application/json", **more: Any) -> OwnReply:
    fields = (("Content-Type", kind), *more.pop("fields", ()))
    return OwnReply(**{"status": 200, "took_ms": 3, **more}, fields=fields, body=body)


def test_json_is_set_apart_and_else_text_stays() -> None:
    """A page of HTML is text like any other."""
    assert show_answer(reply(b'{"a":[1]}')).text == '{\n  "a": [\n    1\n  ]\n}'
    html = show_answer(reply(b"<script>1</script>", "text/html; charset=utf-8"))

    assert (html.text, html.language) == ("<script>1</script>", "html")


@pytest.mark.parametrize(
    "text",
    ['{"a":1.10}', '{"a":1e999}', "[NaN]", "{no", "[" * 20_000, "9" * 5000, " " * (MAX_PRETTY_CHARS + 1)],
)  # fmt: skip
def test_what_could_not_be_written_back_stays_as_it_came(text: str) -> None:
    """Numbers that would change, depth, length, what is no JSON."""
    assert write_json(text) == text


@pytest.mark.parametrize(
    "made",
    [
        reply(b"\xff\xfe"), reply(b"a\x00b", "text/plain"),
        reply(b"\x1f\x8b", fields=(("Content-Encoding", "gzip"),)),
    ],
)  # fmt: skip
def test_what_is_no_text_is_not_shown(made: OwnReply) -> None:
    """Other bytes, control characters, what is compressed."""
    assert show_answer(made).text is None


def test_a_cut_inside_a_character_leaves_the_rest() -> None:
    """The beginning is shown, and that it is one."""
    shown = show_answer(reply("aä".encode()[:2], "text/plain", is_cut=True))

    assert shown.text == "a"
    assert "longer than 1 MB" in shown.notes[0]


def test_what_came_late_is_said() -> None:
    """What had come in time is shown."""
    shown = show_answer(reply(b"a", "text/plain", is_late=True))

    assert (shown.text, len(shown.notes)) == ("a", 1)


def test_cookies_are_masked_and_redirects_are_text() -> None:
    """The name and how it is kept are shown, the value is not; Location is as it came."""
    fields = (
        ("Set-Cookie", "sid=deadbeef; Path=/; HttpOnly"),
        ("set-cookie", "bare"),
        ("Location", "https://elsewhere.example/"),
    )
    shown = show_answer(reply(status=302, fields=fields))

    assert shown.fields[1:] == (
        ("Set-Cookie", f"sid={HIDDEN}; Path=/; HttpOnly"),
        ("set-cookie", f"bare={HIDDEN}"),
        ("Location", "https://elsewhere.example/"),
    )
    assert shown.mood == "note"
    assert "not followed" in shown.notes[0]


def test_secrets_that_come_back_are_hidden() -> None:
    """An API that echoes what it was sent; short ones would be found in any word."""
    body = b'{"auth":"Bearer s3cret/42","url":"/?k=s3cret%2F42","a":"ab"}'
    fields = (("X-Echo", "s3cret/42"),)
    shown = show_answer(reply(body, fields=fields), ("s3cret/42", "ab"))

    assert shown.text is not None
    assert "s3cret" not in shown.text
    assert '"ab"' in shown.text
    assert shown.fields[1] == ("X-Echo", HIDDEN)
    assert any("hidden" in note for note in shown.notes)


def test_deep_nesting_does_not_become_a_thousand_times_as_long() -> None:
    """Whoever answers, or echoes what it was sent, must not fill our memory."""
    text = ",".join("[" * 400 + "]" * 400 for _ in range(20))
    bomb = f"[{text}]"

    assert write_json(bomb) == bomb
    assert write_json('[1,{"a":[2]}]').count("\n") == 7
