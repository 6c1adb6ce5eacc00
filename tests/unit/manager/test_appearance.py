"""The portal's appearance: the theme's file as a form, and nothing of it lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.admin.developers import PortalDesk
from ostiary.manager.appearance import change_theme, read_values
from ostiary.manager.forms import Form
from ostiary.model.safe_yaml import parse_yaml
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.manager.manager_kit import Browser, Site, manager_site

pytestmark = pytest.mark.spec("portal#3.9")
PAGE = "/default/portal/appearance"
FILE = "themes/base/theme.conf.yaml"
THEME = """\
# ours
colors:
  accent: {value: "#112233", description: Ours}
  own_colour: "#ffffff"
styles: [assets/site.css]
"""


def test_what_the_form_does_not_know_stays() -> None:
    said: Any = parse_yaml(THEME)
    typed = {**read_values(said), "colors.accent": ("#445566",), "fonts.base": ("Inter",)}  # fmt: skip
    changed = change_theme(said, Form(typed))

    assert changed == {
        "colors": {
            "accent": {"value": "#445566", "description": "Ours"},
            "own_colour": "#ffffff",
        },
        "styles": ["assets/site.css"],
        "fonts": {"base": "Inter"},
    }


def test_nothing_typed_changes_nothing() -> None:
    said: Any = parse_yaml(THEME)

    assert change_theme(said, Form(read_values(said))) == said
    assert change_theme({}, Form(read_values({}))) == {}
    assert change_theme({"colors": "x"}, Form(read_values({"colors": "x"}))) is not None


def test_an_empty_field_is_left_out() -> None:
    said = {"colors": {"accent": "#112233"}}

    assert change_theme(said, Form({})) == {"colors": {}}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    desk: PortalDesk = OpenDesk()

    def find(name: str) -> tuple[str, str]:
        return f"https://portal.example/{name}", ""

    async with manager_site(tmp_path, portal=desk, portals=find) as found:
        yield found


@pytest.fixture
def tab(site: Site) -> Browser:
    return site.tab()


async def contents(site: Site, path: str = FILE) -> Any:
    row = await site.admin("GET", f"/files/{path}")
    return parse_yaml(row["contents"])


async def test_a_theme_that_is_not_there_yet_is_made(site: Site, tab: Browser) -> None:
    page = await tab.get(PAGE)
    reply = await tab.submit(PAGE, colors__accent="#1f5a52", images__logo="assets/l.svg")  # fmt: skip

    assert 'href="https://portal.example/default"' in page.text
    assert reply.location == f"{PAGE}?done=appearance"
    assert await contents(site) == {
        "colors": {"accent": "#1f5a52"},
        "images": {"logo": "assets/l.svg"},
    }


async def test_the_theme_that_the_portal_has_is_changed(
    site: Site, tab: Browser
) -> None:
    conf = {"path": "portal.conf.yaml", "contents": "theme: {name: night}\n"}
    await site.admin("POST", "/files", conf)
    path = "themes/night/theme.conf.yaml"
    await site.admin("POST", "/files", {"path": path, "contents": THEME})
    page = await tab.get(PAGE)
    same = await tab.submit(PAGE)
    await tab.submit(PAGE, dark_colors__page="#000")

    assert path in page.words
    assert 'fill="#112233"' in page.text
    assert page.values()["colors.accent"] == ["#112233"]
    assert same.location.endswith("done=same")
    found = await contents(site, path)
    assert found["dark_colors"] == {"page": "#000"}
    assert found["styles"] == ["assets/site.css"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("colors.accent", "red; } body { display: none"),
        ("colors.page", "url(https://evil.example)"),
        ("colors.hero", "#12345"),
        ("fonts.base", 'Inter"; }'),
        ("images.logo", "../../secret"),
        ("images.favicon", "https://evil.example/x.png"),
        ("images.logo", "<svg>"),
        ("images.logo", "//evil.example/x.png"),
        ("images.logo", "/etc/passwd"),
        ("images.logo", "assets//x.png"),
    ],
)
async def test_what_is_no_value_stands_at_its_field_and_is_not_saved(
    site: Site, tab: Browser, field: str, value: str
) -> None:
    reply = await tab.submit(PAGE, **{field.replace(".", "__"): value})

    assert reply.status == 400
    assert f'id="{field}-error"' in reply.text
    assert "<rect x" not in reply.text
    missing = await site.node.call(f"/files/{FILE}")
    assert missing.status == 404


async def test_a_page_that_is_old_saves_nothing(site: Site, tab: Browser) -> None:
    values = (await tab.get(PAGE)).values()
    await site.admin("POST", "/files", {"path": FILE, "contents": THEME})
    reply = await tab.post(PAGE, {**values, "colors.accent": "#000000"})

    assert reply.status == 409
    assert (await contents(site))["colors"]["accent"]["value"] == "#112233"


async def test_a_conf_that_names_no_theme_leads_nowhere_else(
    site: Site, tab: Browser
) -> None:
    conf = {"path": "portal.conf.yaml", "contents": "theme: {name: ../../x}\n"}
    await site.admin("POST", "/files", conf)

    assert FILE in (await tab.get(PAGE)).words


async def test_files_of_the_theme_are_offered(site: Site, tab: Browser) -> None:
    body = {"path": "themes/base/assets/images/logo.svg", "contents": "<svg></svg>"}
    await site.admin("POST", "/files", body)

    assert '<option value="assets/images/logo.svg">' in (await tab.get(PAGE)).text
