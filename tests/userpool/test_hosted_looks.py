"""An operator's style sheet and logo on the hosted pages."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.userpool.pool_kit import Answer, Demo

CSS = ".submitButton-customizable{background-color:#b00020}"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 20).decode()


async def set_look(demo: Demo, **members: Any) -> None:
    await demo.site.call("SetUICustomization", UserPoolId=demo.pool_id, **members)


async def open_login(demo: Demo) -> Answer:
    return await demo.browser.get(f"/login?{demo.query()}")


def style_of(page: Answer) -> str | None:
    found = re.search(r'<link rel="stylesheet" href="([^"]*)">', page.text)
    return found.group(1) if found else None


def logo_of(page: Answer) -> str | None:
    found = re.search(r'class="logo-customizable" src="([^"]*)"', page.text)
    return found.group(1) if found else None


async def test_pages_without_a_look_load_nothing(demo: Demo) -> None:
    page = await open_login(demo)
    policy = page.header("content-security-policy")

    assert (style_of(page), logo_of(page)) == (None, None)
    assert "style-src 'sha256-" in policy
    assert "img-src data:;" in policy
    assert policy.count("'self'") == 1


async def test_a_style_sheet_and_a_logo_are_files_of_the_page_s_origin(
    demo: Demo,
) -> None:
    await set_look(demo, CSS=CSS, ImageFile=PNG)
    page = await open_login(demo)
    policy = page.header("content-security-policy")

    assert "img-src data: 'self';" in policy
    assert re.search(r"style-src ('sha256-[^']*' )+'self';", policy)
    assert "unsafe-inline" not in policy
    assert CSS not in page.text

    style = await demo.browser.get(style_of(page) or "")

    assert (style.status, style.text) == (200, CSS)
    assert style.header("content-type") == "text/css; charset=utf-8"
    assert style.header("x-content-type-options") == "nosniff"

    logo = await demo.browser.get(logo_of(page) or "")

    assert (logo.status, logo.header("content-type")) == (200, "image/png")
    assert logo.body == base64.b64decode(PNG)


async def test_the_client_s_look_comes_before_the_pool_s(demo: Demo) -> None:
    await set_look(demo, CSS=CSS)
    everyone = style_of(await open_login(demo))
    await set_look(demo, CSS=f"{CSS} ", ClientId=demo.client_id)
    own = style_of(await open_login(demo))

    assert everyone is not None
    assert "/ALL/" in everyone
    assert own is not None
    assert f"/{demo.client_id}/" in own


async def test_an_address_shows_only_what_it_was_made_for(demo: Demo) -> None:
    await set_look(demo, CSS=CSS)
    old = style_of(await open_login(demo)) or ""
    await set_look(demo, CSS=f"{CSS}{CSS}")
    new = style_of(await open_login(demo)) or ""

    assert (await demo.browser.get(old)).status == 404
    assert (await demo.browser.get(new)).status == 200
    assert (await demo.browser.get(new.replace(".css", ""))).status == 404
    assert (await demo.browser.get("/_look/nobody/ALL/0.css")).status == 404


async def test_a_look_that_is_taken_away_is_gone(demo: Demo) -> None:
    await set_look(demo, CSS=CSS)
    await set_look(demo, CSS="")

    assert style_of(await open_login(demo)) is None


async def test_every_class_that_may_be_styled_is_on_a_page(demo: Demo) -> None:
    await set_look(demo, ImageFile=PNG)
    login = (await open_login(demo)).text
    wrong = await demo.browser.submit(await open_login(demo), {"username": "x"})
    text = login + wrong.text
    for name in (
        "background",
        "banner",
        "errorMessage",
        "inputField",
        "label",
        "logo",
        "submitButton",
        "textDescription",
        "redirect",
    ):
        assert f"{name}-customizable" in text


@pytest.mark.parametrize("version", [1, 2])
async def test_both_versions_of_the_pages_are_shown(demo: Demo, version: int) -> None:
    await demo.site.call(
        "UpdateUserPoolDomain",
        Domain="demo",
        UserPoolId=demo.pool_id,
        ManagedLoginVersion=version,
    )

    assert (await open_login(demo)).status == 200


async def test_under_a_path_the_files_are_there_too(demo: Demo) -> None:
    await set_look(demo, CSS=CSS)
    browser = demo.site.browser(host="pool.localhost:9443")
    page = await browser.get(f"/_domain/demo/login?{demo.query()}")
    target = style_of(page) or ""

    assert target.startswith("/_domain/demo/_look/")
    assert (await browser.get(target)).text == CSS
