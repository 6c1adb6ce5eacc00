"""The choice of a language, and tables that say all there is to say."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

from ostiary.pages.languages import (
    LANGUAGES,
    choose_language,
    find_language,
    load_words,
)
from ostiary.userpool import messages

ROOT = files("ostiary.pages")
OTHERS = [tag for tag in LANGUAGES if tag != "en"]
PAGES = (
    "hosted",
    "base",
    "macros",
    "login",
    "signup",
    "confirm",
    "forgot",
    "reset",
    "new-password",
    "code",
    "choose",
    "authenticator",
    "no-factor",
)
SAID_BY_CODE = {
    messages.SIGN_IN_WRONG,
    messages.SIGN_IN_LOCKED,
    messages.CODE_WRONG,
    messages.CODE_SENT,
    messages.FORM_STALE,
    messages.STEP_OVER,
    messages.APP_CODE_WRONG,
    messages.APP_CODE_USED,
    messages.WAY_MISSING,
    messages.NO_CODE_WAY,
    messages.PASSWORDS_DIFFER,
    messages.PASSWORD_CHANGED,
    messages.PASSWORD_SHORT,
    messages.PAGE_ERROR,
    "at least {count} characters",
    "Given name",
}


def said_by(page: str) -> set[str]:
    text = ROOT.joinpath("templates", f"{page}.html").read_text(encoding="utf-8")
    return set(re.findall(r'\bt\("([^"]*)"', text))


@pytest.mark.parametrize("tag", OTHERS)
def test_a_table_has_every_text_of_every_page(tag: str) -> None:
    wanted = SAID_BY_CODE.union(*map(said_by, PAGES))

    assert wanted - set(load_words(tag).table) == set()


@pytest.mark.parametrize("tag", OTHERS)
def test_tables_say_the_same_with_the_same_values(tag: str) -> None:
    table = load_words(tag).table

    assert list(table) == list(load_words("de").table)
    for text, said in table.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(
            re.findall(r"\{\w+\}", said)
        )
        assert said.strip() == said != ""


def test_there_is_a_table_for_each_language_and_no_other() -> None:
    there = {p.name for p in ROOT.joinpath("words").iterdir()}

    assert there == {f"{tag}.json" for tag in OTHERS}
    for name in there:
        json.loads(ROOT.joinpath("words", name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("zh", "zh-CN"),
        ("zh-Hans-CN", "zh-CN"),
        ("zh-HK", "zh-TW"),
        ("zh-Hant-TW", "zh-TW"),
        ("en-GB", "en"),
        ("nl", None),
        ("", None),
        (None, None),
        ("../de", None),
        ("*", None),
    ],
)
def test_a_tag_means_a_language_that_there_is(
    tag: str | None, found: str | None
) -> None:
    assert find_language(tag) == found


@pytest.mark.spec("RFC9110#12.5.4")
@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "chosen"),
    [
        ("fr", "de", "ja", "fr"),
        ("nl", "de", "ja", "de"),
        (None, "nl", "ja", "ja"),
        (None, None, "nl, it;q=0.5, ko;q=0.8", "ko"),
        (None, None, "es, fr", "es"),
        (None, None, "fr;q=0, id;q=0.1", "id"),
        (None, None, "fr;q=x", "en"),
        (None, None, "nl", "en"),
        (None, None, "", "en"),
        (None, None, "," * 10_000 + "de", "en"),
    ],
)
def test_the_request_s_word_counts_most(
    asked: str | None, kept: str | None, accepted: str, chosen: str
) -> None:
    assert choose_language(asked=asked, kept=kept, accepted=accepted) == chosen


def test_what_is_said_is_escaped_and_so_is_what_is_put_in() -> None:
    words = load_words("de")

    assert words.say("<b>") == "&lt;b&gt;"
    assert words.say("Continue to {client}.", client="<i>{x}</i>") == (
        "Weiter zu &lt;i&gt;{x}&lt;/i&gt;."
    )
    assert words.say("no such text {x}") == "no such text {x}"
