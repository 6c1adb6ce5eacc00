"""In which language the hosted pages speak."""

from __future__ import annotations

import html
import re

import pytest

from tests.userpool.pool_kit import Answer, Demo


def language_of(page: Answer) -> str:
    found = re.search(r'<html lang="([^"]*)"', page.text)
    assert found is not None
    return found.group(1)


async def test_the_query_chooses_and_the_browser_remembers(demo: Demo) -> None:
    page = await demo.browser.get(f"/login?{demo.query(lang='de')}")

    assert language_of(page) == "de"
    assert "<h1>Anmelden</h1>" in page.text
    assert "Weiter zu <strong>kong-api</strong>." in page.text
    assert demo.browser.cookies["lang"] == "de"

    later = await demo.browser.get(f"/signup?{demo.query()}")

    assert language_of(later) == "de"
    assert "Vorname" in later.text

    again = await demo.browser.get(f"/signup?{demo.query(lang='en')}")

    assert (language_of(again), demo.browser.cookies["lang"]) == ("en", "en")


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("fr-CA, en;q=0.5", "fr"), ("nl", "en"), ("en-US,de;q=0.9", "en")],
)
async def test_otherwise_the_browser_s_own_language_counts(
    demo: Demo, accepted: str, expected: str
) -> None:
    page = await demo.browser.get(
        f"/login?{demo.query()}", **{"accept-language": accepted}
    )

    assert language_of(page) == expected
    assert "lang" not in demo.browser.cookies


@pytest.mark.parametrize("lang", ["nl", "../de", "<b>"])
async def test_a_language_that_there_is_not_is_english(demo: Demo, lang: str) -> None:
    page = await demo.browser.get(f"/login?{demo.query(lang=lang)}")

    assert language_of(page) == "en"
    assert "lang" not in demo.browser.cookies
    assert "<b>" not in page.text


async def test_what_was_wrong_is_told_in_the_page_s_language(demo: Demo) -> None:
    page = await demo.browser.get(f"/login?{demo.query(lang='de')}")
    wrong = await demo.browser.submit(page, {"username": "x", "password": "y"})

    assert "Benutzername oder Passwort ist falsch." in wrong.text


async def test_names_that_programs_read_are_the_same_everywhere(demo: Demo) -> None:
    page = await demo.browser.get(f"/login?{demo.query(lang='ja')}")

    assert re.search(r'id="signInFormUsername" name="username"', page.text)
    assert (
        '<input name="signInSubmitButton" type="submit" value="サインイン"' in page.text
    )


async def test_every_page_links_to_itself_in_each_language(demo: Demo) -> None:
    query = demo.query(lang="it", state="a b+c%2F")
    page = await demo.browser.get(f"/forgotPassword?{query}")
    links = re.findall(r'<a href="([^"]*)" lang="([^"]*)" hreflang', page.text)

    assert [tag for _, tag in links] == [
        "en",
        "de",
        "es",
        "fr",
        "id",
        "it",
        "ja",
        "ko",
        "pt-BR",
        "zh-CN",
        "zh-TW",
    ]
    kept = query.replace("lang=it&", "").replace("&lang=it", "")
    assert html.unescape(links[1][0]) == f"/forgotPassword?{kept}&lang=de"
    assert language_of(await demo.browser.get(html.unescape(links[7][0]))) == "ko"


async def test_a_page_that_answers_a_form_links_to_where_the_form_is(
    demo: Demo,
) -> None:
    page = await demo.sign_up()
    answer = await demo.browser.post(
        f"/resendcode?{demo.query()}", {"_csrf": demo.browser.cookies["XSRF-TOKEN"]}
    )

    assert page.status == answer.status == 200
    assert 'href="/confirm?' in answer.text
    assert 'href="/resendcode?' not in answer.text


async def test_the_error_page_speaks_it_too(demo: Demo) -> None:
    english = await demo.browser.get("/error?error=redirect_mismatch")
    german = await demo.browser.get("/error?error=redirect_mismatch&lang=de")

    assert "An error was encountered with the requested page." in english.text
    assert (language_of(german), german.status) == ("de", 400)
    assert "redirect_mismatch" in german.text
    assert "Bitte gehen Sie zurück" in german.text
