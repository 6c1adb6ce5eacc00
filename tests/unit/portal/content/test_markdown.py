"""Markdown is GitHub's, and whatever stands in it runs nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.portal.content.links import build_url
from ostiary.portal.content.markdown import (
    MAX_TOIL,
    render_markdown,
    weigh_markdown,
)

ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href=' &#1; javascript:alert(1)'>x</a>",
    "<iframe src=//evil></iframe>",
    "<form action=//evil><input name=password type=password><button>x</button></form>",
    "<style>body { display: none }</style><p style='position:fixed'>x</p>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<base href=//evil><meta http-equiv=refresh content=0;url=//evil><link rel=stylesheet href=//evil>",
    "<object data=x></object><embed src=x><video src=x onerror=alert(1)></video>",
    "<div class='alert bad'>x</div><a class='button' href=/x>Sign in</a>",
    "# <img src=x onerror=alert(1)>\n## [a](javascript:x)",
    '```"><script>alert(1)</script>\nx\n```',
    "```python\n</code></pre><script>alert(1)</script>\n```",
    '![x](javascript:alert(1)) !["onerror="alert(1)](x)',
    "<details open ontoggle=alert(1)>x</details>",
    "<p id=content>x</p><a id=portal-search name=q>x</a>",
)  # fmt: skip
TAGS = {"script", "iframe", "form", "style", "svg", "math", "object", "embed", "button", "base", "meta", "link", "video", "textarea", "select"}  # fmt: skip


class Scan(HTMLParser):
    """Collects what must not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in TAGS:
            self.bad.append(tag)
        for name, value in attrs:
            plain = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or name in {
                "style",
                "srcdoc",
                "formaction",
                "name",
            }:
                self.bad.append(f"{tag} {name}")
            if name == "href" and re.match(r"(?!https?:|mailto:)[a-z+.-]+:|//", plain):
                self.bad.append(f"{tag} {name}={plain}")
            if name == "src" and re.match(
                r"(?!https?:|data:image/)[a-z+.-]+:|//", plain
            ):
                self.bad.append(f"{tag} {name}={plain}")
            if name == "class" and {"alert", "button"} & {*plain.split()}:
                self.bad.append(f"{tag} class")
            if name == "type" and plain != "checkbox":
                self.bad.append(f"{tag} type")


def scan(html: str) -> list[str]:
    parser = Scan()
    parser.feed(html)
    return parser.bad


def test_the_scan_can_find_something() -> None:
    assert scan("<a href=javascript:x onclick=1>") == ["a href=javascript:x", "a onclick"]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_runs_gets_through(attack: str) -> None:
    assert scan(render_markdown(attack, base="/team").html) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*ATTACKS, "\n", "> ", "- ", "`", "*", "<", "|", "[", "](", "&lt;"]), max_size=6))  # fmt: skip
def test_nothing_that_runs_gets_through_however_it_is_put_together(
    parts: list[str],
) -> None:
    assert scan(render_markdown("".join(parts), base="/team").html) == []


def test_ids_of_the_page_around_it_cannot_be_taken() -> None:
    html = render_markdown("# Content\n<a id=content>x</a><li id=q>y</li>").html

    assert 'id="content"' not in html
    assert 'id="q"' not in html


def test_it_is_githubs_markdown() -> None:
    found = render_markdown(
        "# T\n## A b\n### A b\n~~x~~ www.example.com\n\n- [x] y\n\n"
        "| a | b |\n|---|--:|\n| 1 | 2 |\n\n> [!WARNING]\n> w\n\n```python\ndef f(): 1\n```\n[^1]\n\n[^1]: note\n"
    )

    for part in (
        "<s>x</s>", 'href="http://www.example.com"', 'type="checkbox"', "disabled",
        '<td align="right">2</td>', "markdown-alert-warning", '<span class="k">def</span>',
        'id="fn1"', 'href="#fn1"',
    ):  # fmt: skip
        assert part in found.html, part
    assert found.has_title
    assert [(h.level, h.text, h.anchor) for h in found.headings] == [(2, "A b", "a-b"), (3, "A b", "a-b-2")]  # fmt: skip


def test_the_pages_policy_needs_no_exception_for_it() -> None:
    html = render_markdown("| a |\n|:-:|\n| 1 |\n\n```go\nfunc main() {}\n```").html

    assert "style=" not in html


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("guides/x", "/team/guides/x"),
        ("/guides/x", "/team/guides/x"),
        ("/team/guides", "/team/guides"),
        ("/teams", "/team/teams"),
        ("#x", "#x"),
        ("", "/team"),
        ("https://a.example/b", "https://a.example/b"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("//evil.example", "#"),
        ("/\\evil.example", "#"),
        ("\\\\evil.example", "#"),
        ("java\tscript:alert(1)", "#"),
        ("data:text/html,x", "#"),
        ("ftp://x", "#"),
    ],
)
def test_links_are_the_portals_own_or_plainly_elsewhere(
    url: str, expected: str
) -> None:
    assert build_url(url, "/team") == expected


def test_a_text_without_end_is_shown_as_it_is() -> None:
    assert render_markdown("<b>" * 200_000).html.startswith(
        '<p class="as-written">&lt;b&gt;'
    )


@pytest.mark.parametrize(
    "mark",
    ["[", "![", "[^", "*_", "http://a ", "a\n", "|a", "x\n> ---\n", "> x\n> > y\n"],
)
def test_a_text_that_takes_too_long_is_shown_as_it_is(mark: str) -> None:
    text = mark * (149_000 // len(mark))
    costs = weigh_markdown(text)
    html = render_markdown(text).html

    assert costs > MAX_TOIL
    assert html.startswith('<p class="as-written">')


def test_a_long_page_of_every_day_is_no_toil() -> None:
    words = "Some *words* about [a field](guides/fields), in a line of text:\n\n- one\n- two\n\n"
    text = words * (140_000 // len(words))

    assert weigh_markdown(text) < MAX_TOIL
    assert render_markdown(text).html.startswith("<p>Some <em>words</em>")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (":" * 15_000, "<p>:::"),
        ("xmpp:" * 4000, "<p>xmpp:xmpp:"),
        ("*https://a.b/<" * 3000, "<p>*https://a.b/&lt;*"),
        ("*www.a.b<" * 3000, "<p>*www.a.b&lt;*"),
        ("a\n---\n" * 6000, '<h2 id="a">a'),
        ("> x\n" * 5000, "<blockquote>"),
    ],
)
def test_marks_that_could_be_looked_back_from_for_ever_are_not(
    text: str, shown: str
) -> None:
    """Each took minutes, with the square of its length."""
    assert render_markdown(text).html.startswith(shown)


def test_bare_addresses_are_links_unless_they_are_longer_than_anybody_writes() -> None:
    short, long = f"https://a.b/{'c' * 500}", f"https://a.b/{'c' * 2000}"
    html = render_markdown(f"See {short} and www.a.b, mailto:a@b.c.\n\n{long} ").html

    assert f'<a href="{short}"' in html
    assert '<a href="http://www.a.b"' in html
    assert '<a href="mailto:a@b.c"' in html
    assert f'<a href="{long}"' not in html
    assert long in html


def test_headings_of_one_text_have_anchors_of_their_own() -> None:
    html = render_markdown("# A\n\n## A\n\n## A-2\n\n## A\n\n## content\n").html

    assert re.findall(r'<h. id="([^"]+)"', html) == ["a", "a-2", "a-2-2", "a-3", "content-2"]  # fmt: skip


def test_deep_nesting_ends() -> None:
    for text in ("> " * 5000, "- " * 5000, "[" * 5000, "*" * 5000 + "a", "`" * 9999):
        render_markdown(text)
