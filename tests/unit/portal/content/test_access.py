"""One rule for pages, lists, raw files and search: nobody finds what they may not read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.portal.content.access import ANONYMOUS, Reader, judge_reading
from ostiary.portal.content.finding import (
    Denied,
    NeedsSignIn,
    Page,
    Raw,
    build_llms,
    find_page,
)
from ostiary.portal.content.listing import list_readable
from ostiary.portal.content.search import build_index, search
from ostiary.portal.content.site import Site
from ostiary.portal.content.source import SourceFile
from tests.unit.portal.content.site_kit import ADA, GOLD, frame, show, site_of

SPEC = "openapi: 3.0.0\ninfo: {title: %s, version: '1'}\npaths: {/x: {get: {summary: Run %s}}}\n%s"
FILES = {
    "portal.conf.yaml": "name: P\nmenu: [{title: Hidden gold, url: gold}, {title: Members, url: all}, {title: Mine, url: x, needs_auth: true}]",
    "content/index.md": "---\ntitle: Home\n---\nwords",
    "content/open.md": "---\ntitle: Open words\n---\nwords",
    "content/all.md": "---\ntitle: All words\nreadable_by: '*'\n---\nwords",
    "content/gold.md": "---\ntitle: Gold words\nreadable_by: [gold, silver]\n---\nwords",
    "content/private.md": "---\ntitle: Private words\nprivate: true\n---\nwords",
    "content/documentation/index.md": "---\nlayout: catalog.html\n---\n",
    "specs/public.yaml": SPEC % ("Public", "public words", ""),
    "specs/golden.yaml": SPEC
    % ("Golden", "golden words", "x-headmatter: {readable_by: gold}"),
}
SITE = site_of(FILES)
INDEX = build_index(SITE)


@pytest.mark.parametrize(
    ("rule", "reader", "expected"),
    [
        (None, ANONYMOUS, "allowed"),
        (("*",), ANONYMOUS, "needs_sign_in"),
        (("*",), ADA, "allowed"),
        (("gold",), ANONYMOUS, "needs_sign_in"),
        (("gold",), ADA, "denied"),
        (("silver", "gold"), GOLD, "allowed"),
        ((), GOLD, "denied"),
    ],
)
def test_rules_decide(
    rule: tuple[str, ...] | None, reader: Reader, expected: str
) -> None:
    assert judge_reading(rule, reader, has_auth=True) == expected
    assert judge_reading(rule, reader, has_auth=False) == "allowed"


def test_roles_of_who_is_not_signed_in_count_nothing() -> None:
    reader = Reader(roles=frozenset({"gold"}))

    assert judge_reading(("gold",), reader, has_auth=True) == "needs_sign_in"


@pytest.mark.parametrize(
    ("path", "nobody", "ada", "gold"),
    [
        ("/open", Page, Page, Page),
        ("/all", NeedsSignIn, Page, Page),
        ("/gold", NeedsSignIn, Denied, Page),
        ("/private", Page, Page, Page),
        ("/documentation/golden", NeedsSignIn, Denied, Page),
        ("/documentation/golden/get-x", NeedsSignIn, Denied, Page),
        ("/_specs/golden.yaml", NeedsSignIn, Denied, Raw),
        ("/_specs/public.yaml", Raw, Raw, Raw),
    ],
)
def test_pages_operations_and_raw_files_obey_the_rule(
    path: str, nobody: type, ada: type, gold: type
) -> None:
    found = [type(find_page(SITE, path, r)) for r in (ANONYMOUS, ADA, GOLD)]

    assert found == [nobody, ada, gold]


def test_search_the_catalogue_and_llms_txt_show_the_same_to_the_same() -> None:
    seen = {}
    for name, reader in (("nobody", ANONYMOUS), ("ada", ADA), ("gold", GOLD)):
        titles = {hit.title for hit in search(SITE, INDEX, "words", reader)}
        catalogue = show(SITE, "/documentation", reader)
        llms = build_llms(SITE, reader)
        seen[name] = titles
        assert ("Golden" in catalogue) == (reader is GOLD)
        assert ("Golden" in llms) == (reader is GOLD)
        assert ("Gold words" in llms) == (reader is GOLD)
        assert "Private" not in llms

    assert seen["nobody"] == {"Home", "Open words", "Run public words"}
    assert seen["ada"] == seen["nobody"] | {"All words"}
    assert seen["gold"] == seen["ada"] | {"Gold words", "Run golden words"}


def test_menus_lead_nowhere_that_is_denied() -> None:
    menus = {
        name: [item.title for item in frame(SITE, reader).menu]
        for name, reader in (("nobody", ANONYMOUS), ("ada", ADA), ("gold", GOLD))
    }

    assert menus == {
        "nobody": ["Hidden gold", "Members"],
        "ada": ["Members", "Mine"],
        "gold": ["Hidden gold", "Members", "Mine"],
    }


def test_a_page_with_a_broken_rule_is_not_shown_to_anybody() -> None:
    site = site_of({"content/a.md": "---\nreadable_by: ['*', gold]\n---\nsecret"})

    assert site.routes == {}
    assert "readable_by mixes" in site.troubles[0].text


NAMES = st.sampled_from(["a", "b", "c"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(NAMES, max_size=3), st.none() | st.lists(NAMES, min_size=1, max_size=2), st.booleans()
)  # fmt: skip
def test_what_search_finds_can_be_opened(
    roles: list[str], rule: list[str] | None, signed_in: bool
) -> None:
    head = "" if rule is None else f"readable_by: [{', '.join(rule)}]\n"
    site: Site = site_of({"content/p.md": f"---\ntitle: Word\n{head}---\nx"})
    reader = Reader(is_authenticated=signed_in, roles=frozenset(roles))
    hits = search(site, build_index(site), "word", reader)

    assert bool(hits) == isinstance(find_page(site, "/p", reader), Page)


def test_the_list_of_files_obeys_the_rule_as_pages_do() -> None:
    hidden = "---\noutput: false\nreadable_by: gold\n---\nx"
    more = {
        "content/hidden.md": hidden,
        "content/broken.md": "---\nreadable_by: []\n---\n",
        "emails/invite.txt": "x",
        "themes/base/assets/a.css": "x",
    }
    files = [SourceFile(path=p, contents=c) for p, c in {**FILES, **more}.items()]
    site = site_of({**FILES, **more})
    seen = {
        name: {file.path for file in list_readable(site, files, reader)}
        for name, reader in (("nobody", ANONYMOUS), ("ada", ADA), ("gold", GOLD))
    }

    assert seen["nobody"] == {
        "portal.conf.yaml", "content/index.md", "content/open.md", "specs/public.yaml",
        "content/documentation/index.md", "themes/base/assets/a.css",
    }  # fmt: skip
    assert seen["ada"] == seen["nobody"] | {"content/all.md"}
    assert seen["gold"] == seen["ada"] | {
        "content/gold.md", "content/hidden.md", "specs/golden.yaml",
    }  # fmt: skip


@pytest.mark.parametrize("roles", ["true", "false", "7", "[gold, 7]", "{gold: 1}"])
def test_an_entry_with_a_rule_that_is_none_is_told_and_shown_to_nobody(
    roles: str,
) -> None:
    conf = f"menu: [{{title: Odd, url: odd, needs_role: {roles}}}, {{title: Even, url: even}}]"  # fmt: skip
    site = site_of({"portal.conf.yaml": conf, "content/a.md": "words"})

    told = [trouble.text for trouble in site.troubles]
    assert told == ["needs_role of 'Odd' must be the name of a role, or a list of them"]
    for reader in (ANONYMOUS, ADA, GOLD):
        html = show(site, "/a", reader)
        assert ">Even<" in html
        assert ">Odd<" not in html


@pytest.mark.parametrize("roles", ["gold", "[gold, silver]"])
def test_an_entry_for_a_role_is_shown_to_who_has_it(roles: str) -> None:
    conf = f"menu: [{{title: Odd, url: odd, needs_role: {roles}}}]"
    site = site_of({"portal.conf.yaml": conf, "content/a.md": "words"})

    assert not site.troubles
    assert [">Odd<" in show(site, "/a", reader) for reader in (ANONYMOUS, ADA, GOLD)] == [False, False, True]  # fmt: skip


def test_the_title_above_the_neighbours_is_for_who_may_read_its_page() -> None:
    site = site_of(
        {
            "content/plans.md": "---\ntitle: Secret plans\nreadable_by: [gold]\n---\nx",
            "content/plans/a.md": "---\ntitle: Open A\n---\nx",
            "content/plans/b.md": "---\ntitle: Open B\n---\nx",
        }
    )
    seen = {r: show(site, "/plans/a", r) for r in (ANONYMOUS, ADA, GOLD)}

    assert [("Secret plans" in html) for html in seen.values()] == [False, False, True]
    assert all(">Open B</a>" in html for html in seen.values())
