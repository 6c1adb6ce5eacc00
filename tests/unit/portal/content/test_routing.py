"""Which file stands at which address."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.model.files import File, check_contents
from ostiary.portal.content.access import ANONYMOUS
from ostiary.portal.content.defaults import load_shipped_files
from ostiary.portal.content.finding import Missing, Page, Raw, Redirect, find_page
from ostiary.portal.content.site import build_site
from tests.unit.portal.content.site_kit import site_of

SPEC = "swagger: '2.0'\ninfo: {title: S}\npaths: {}\n"
FILES = {
    "portal.conf.yaml": "collections: {posts: {route: '/:stub/:collection/:name', layout: p.html}, off: {output: false}}",
    "content/index.txt": "home",
    "content/a/index.txt": "a",
    "content/a/b.md": "b",
    "content/moved.md": "---\nroute: /new/place/\n---\n",
    "content/silent.md": "---\noutput: false\n---\n",
    "content/_posts/first.md": "---\nstub: blog\ntitle: First Post\n---\n",
    "content/_off/x.md": "x",
    "content/_unknown/x.md": "x",
    "specs/deep/pets.yaml": SPEC,
    "emails/invite.txt": "mail",
    "themes/base/assets/a.css": "p { color: red }",
    "themes/base/assets/p.png": "data:image/png;base64,iVBORw0K",
    "themes/other/assets/b.css": "x",
}


def test_routes_follow_from_paths_heads_and_collections() -> None:
    routes = {r: e.path for r, e in site_of(FILES).routes.items()}

    assert routes == {
        "/": "content/index.txt",
        "/a": "content/a/index.txt",
        "/a/b": "content/a/b.md",
        "/new/place": "content/moved.md",
        "/blog/posts/first": "content/_posts/first.md",
        "/documentation/deep/pets": "specs/deep/pets.yaml",
    }


def test_hard_routes_replace_all_others() -> None:
    router = '"/": content/a/b.md\n"/app/*": content/index.txt\n"/gone": content/no.md\n"/../x": content/index.txt'
    site = site_of({**FILES, "router.conf.yaml": router})
    found = {
        path: find_page(site, path, ANONYMOUS)
        for path in ("/", "/app", "/app/deep/er", "/a", "/application")
    }

    assert [e.path for e in site.routes.values()] == ["content/a/b.md"]
    assert {p: f.entry.path for p, f in found.items() if isinstance(f, Page)} == {
        "/": "content/a/b.md",
        "/app": "content/index.txt",
        "/app/deep/er": "content/index.txt",
    }
    assert len(site.troubles) == 2


def test_of_two_files_at_one_address_the_one_that_says_so_wins() -> None:
    site = site_of({"content/a.md": "1", "content/z.md": "---\nroute: /a\n---\n"})

    assert site.routes["/a"].path == "content/z.md"
    assert "content/z.md has its address" in site.troubles[0].text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/a/", Redirect),
        ("/nothing/", Missing),
        ("/a/../a", Missing),
        ("//a", Missing),
        ("/a\\b", Missing),
        ("/a\x00", Missing),
        ("a", Missing),
        ("/assets/a.css", Raw),
        ("/assets/b.css", Missing),
        ("/assets/../theme.conf.yaml", Missing),
        ("/_specs/deep/pets.yaml", Raw),
        ("/_specs/../content/index.txt", Missing),
        ("/emails/invite.txt", Missing),
        ("/portal.conf.yaml", Missing),
        ("/silent", Missing),
        ("/llms.txt", Raw),
        ("/_theme.css", Raw),
    ],
)
def test_nothing_but_the_site_is_served(path: str, kind: type) -> None:
    assert type(find_page(site_of(FILES), path, ANONYMOUS)) is kind


def test_assets_have_their_bytes_and_run_nothing() -> None:
    site = site_of(FILES)
    picture = find_page(site, "/assets/p.png", ANONYMOUS)

    assert isinstance(picture, Raw)
    assert picture.body == b"\x89PNG\r\n"
    assert picture.media_type == "image/png"
    assert "sandbox" in picture.policy


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=50))
def test_any_path_has_an_answer(path: str) -> None:
    find_page(site_of(FILES), f"/{path}", ANONYMOUS)


def test_a_portal_begins_with_pages_that_read() -> None:
    site = build_site(load_shipped_files(), workspace="default", has_auth=True)

    assert site.troubles == ()
    assert {"/", "/documentation", "/guides", "/about"} <= set(site.routes)


def test_what_we_ship_can_be_saved() -> None:
    for file in load_shipped_files():
        File(path=file.path, contents=file.contents)
        check_contents(file.path, file.contents)
