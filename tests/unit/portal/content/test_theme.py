"""Themes and configuration: what is right counts, what is wrong is told and left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.pages import PORTAL_DESIGN, render, security_headers
from ostiary.portal.chrome import Chrome, MenuItem
from ostiary.portal.content.conf import read_conf
from ostiary.portal.content.theme import build_style_sheet, read_contrast, read_theme
from tests.unit.portal.content.site_kit import frame, site_of


def test_colours_fonts_and_pictures_become_variables() -> None:
    theme, told = read_theme(
        "base",
        "colors: {accent: {value: '#123456', description: x}, text_primary: 'rgb(1, 2, 3)'}\n"
        "dark_colors: {page: '#000'}\nfonts: {base: Inter}\nimages: {logo: assets/l.svg}\n",
    )
    sheet = build_style_sheet(theme)

    assert told == ()
    assert "--color-accent: #123456;" in sheet
    assert "--accent: #123456;" in sheet
    assert "--accent-ink: #ffffff;" in sheet
    assert "prefers-color-scheme: dark) { :root.light-only, :root { --paper: #000;" in sheet  # fmt: skip
    assert "body { font-family: Inter, system-ui, sans-serif; }" in sheet


def test_style_sheets_of_ones_own_follow_ours() -> None:
    site = site_of(
        {
            "themes/base/theme.conf.yaml": "colors: {accent: '#123456'}\nstyles: [assets/a.css, assets/no.css, ../x.css, 'https://e/x.css']",
            "themes/base/assets/a.css": "@font-face { src: url(assets/f.woff2) }",
        }
    )
    policy = dict(security_headers(has_own_files=True))["Content-Security-Policy"]

    assert site.style_sheet.endswith("@font-face { src: url(assets/f.woff2) }")
    assert [t.text for t in site.troubles] == [
        "styles must be paths of assets such as assets/site.css",
        "there is no assets/no.css",
    ]
    assert "font-src 'self'" in policy


def test_what_is_no_colour_gets_into_no_style_sheet() -> None:
    evil = "red; } body { background: url(//evil) } x {"
    theme, told = read_theme(
        "base",
        f"colors: {{accent: '{evil}', 'x}}y': '#fff', page: 'url(//e)'}}\nfonts: {{base: 'a}}b'}}\nimages: {{logo: '../../x'}}",
    )

    assert build_style_sheet(theme) == ""
    assert len(told) == 4


@pytest.mark.spec("portal#3.5")
@pytest.mark.parametrize(
    "path",
    ["//evil.example/l.svg", "/l.svg", "assets//l.svg", "../l.svg", "https://e/l.svg"],
)
def test_pictures_are_files_of_the_theme(path: str) -> None:
    theme, told = read_theme("base", f"images: {{logo: '{path}', favicon: assets/f.png}}")  # fmt: skip

    assert theme.images == {"favicon": "assets/f.png"}
    assert [t.text for t in told] == [f"the image logo is not one: {path!r}"]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["accent", "page", "hero", "x"]), st.text(max_size=30)))  # fmt: skip
def test_any_value_leaves_the_sheet_whole(colors: dict[str, str]) -> None:
    said = "\n".join(f"  {k}: {v!r}" for k, v in colors.items())
    theme, _ = read_theme("base", f"colors:\n{said}\n")
    sheet = build_style_sheet(theme)

    assert sheet.count("{") == sheet.count("}")
    assert not {"<", "\\", "@import", "url("} & {*sheet.split()}
    assert all(";" not in v and "}" not in v for v in theme.colors.values())


def test_colours_that_nobody_can_read_are_told() -> None:
    _, told = read_theme("base", "colors: {text_primary: '#999999', page: '#ffffff'}")

    assert "has a contrast of 2.8" in told[0].text
    assert read_contrast("#000", "#ffffff") == 21


def test_a_configuration_keeps_what_is_right() -> None:
    conf, told = read_conf(
        "name: Shop\ntheme: {name: blue}\nredirect: {login: /home/, other: x, logout: 7}\n"
        "menu:\n  - {title: A, url: a, sub_menu: [{title: B, url: b, sub_menu: [{title: C}]}]}\n  - {url: x}\n  - 7\n"
        "menu_no_auth: [{title: N, url: n}]\nfooter: {x: {title: F, url: f}}\n"
        "collections: {posts: {route: ':name/x'}, bad: 7}\n"
    )

    assert (conf.name, conf.theme) == ("Shop", "blue")
    assert conf.redirects["login"] == "home"
    assert conf.redirects["logout"] == ""
    assert "other" not in conf.redirects
    assert [(e.title, [c.title for c in e.children]) for e in conf.menu] == [("A", ["B"])]  # fmt: skip
    assert conf.menu[0].children[0].children == ()
    assert [e.title for e in conf.footer] == ["F"]
    assert conf.collections["posts"].route == "/:name/x"
    assert len(told) == 3


def test_a_configuration_that_does_not_read_is_told_and_the_site_is_there() -> None:
    site = site_of({"portal.conf.yaml": "a: [", "content/index.md": "x"})

    assert site.conf.name == "Developer Portal"
    assert "/" in site.routes
    assert site.troubles[0].path == "portal.conf.yaml"


def test_the_menu_is_another_where_nobody_signs_in() -> None:
    files = {"portal.conf.yaml": "menu: [{title: A, url: a}]\nmenu_no_auth: [{title: N, url: n}]"}  # fmt: skip

    assert [i.title for i in frame(site_of(files)).menu] == ["A"]
    assert [i.title for i in frame(site_of(files, has_auth=False)).menu] == ["N"]


def test_the_frame_shows_who_is_signed_in_and_how_to_get_out() -> None:
    chrome = Chrome(
        site_name="Shop",
        base="/team",
        developer_name="Ada <b>",
        sign_out_url="/team/logout",
        sign_in_url="/team/login",
        account_menu=(MenuItem(title="Settings", url="/team/settings"),),
        theme_url="/team/_theme.css",
        logo_url="/team/assets/l.svg",
    )
    signed = render("portal-base.html", chrome=chrome).decode()
    nobody = render(
        "portal-base.html", chrome=Chrome(site_name="Shop", base="", sign_in_url="/in", register_url="/up")
    ).decode()  # fmt: skip

    assert "Ada &lt;b&gt;" in signed
    assert 'id="portal-sign-out"' in signed
    assert 'id="portal-sign-in"' not in signed
    assert '<link rel="stylesheet" href="/team/_theme.css">' in signed
    assert 'id="portal-sign-in"' in nobody
    assert 'id="portal-register"' in nobody
    assert 'href="/"' in nobody
    assert f"<style>{PORTAL_DESIGN}</style>" in nobody
