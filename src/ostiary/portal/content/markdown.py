"""
Markdown (GitHub's) to HTML that can do nothing: sanitised, with anchors and a table of contents.

Pure; the only importer of markdown-it and nh3 (decision 0042). Whatever HTML is written between,
only known elements stay, no element has a script, a style or an address beyond http and mail.

Spec: GitHub Flavored Markdown 0.29; CommonMark 0.31.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup, escape
from mdit_py_plugins.gfm import gfm_plugin

from ostiary.portal.content.highlight import CLASSES, highlight_code
from ostiary.portal.content.links import build_picture_url, build_url

MAX_CHARS: Final = 150_000
# Microseconds, about: what a page's Markdown may take. From a bracket that nothing closes the parser looks
# ahead for dozens of marks; all others are looked at by a dozen rules.
MAX_TOIL: Final = 650_000
_PER_CALL: Final = 200
_PER_MARK: Final = 8
_COSTS: Final = {
    **dict.fromkeys(string.punctuation, _PER_MARK),
    "[": 80,
    "![": 100,
    ":": 25,
    "@": 20,
    ")": 20,
    "w": 4,
    "\n": 16,
}
_PER_QUOTED_LINE: Final = 4
_START_OF_LINE: Final = re.compile(r"(?:[ \t>]|[-+*][ \t]|[0-9]{1,9}[.)][ \t])*")
# What makes an address of the text before a colon; nobody writes longer ones into a text.
_PROTOCOLS: Final = ("http", "https", "mailto", "xmpp")
_MAX_ADDRESS: Final = 1000
_BLANK: Final = re.compile(r"\s")
_WORDS_OF_TAGS: Final = (
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em",
    "figcaption figure h1 h2 h3 h4 h5 h6 hr i img input ins kbd li mark ol p pre q s samp",
    "section small span strong sub summary sup table tbody td tfoot th thead tr u ul var",
)
_TAGS: Final = frozenset(word for line in _WORDS_OF_TAGS for word in line.split())
_ATTRIBUTES: Final = {
    "a": {"href", "title", "id", "aria-label"},
    "abbr": {"title"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    **{f"h{n}": {"id"} for n in range(1, 7)},
    "img": {"src", "alt", "title", "width", "height"},
    "input": {"checked"},
    "li": {"id"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan", "scope"},
}
Rule = Callable[[StateInline, bool], bool]
# Only those that our own sheet draws: no page makes an alert of ours or a button with them.
_OF_ALERTS: Final = frozenset(
    {"markdown-alert", "markdown-alert-title"}
    | {f"markdown-alert-{n}" for n in ("note", "tip", "important", "warning", "caution")}
)  # fmt: skip
_OF_CODE: Final = frozenset({"code-block"})
_CLASSES: Final = {
    "a": {"anchor"},
    "div": set(_OF_ALERTS | _OF_CODE | {"table-scroll"}),
    "p": set(_OF_ALERTS),
    "span": set(CLASSES | {"language"}),
    "code": {"language"},
    "ul": {"contains-task-list"},
    "li": {"task-list-item"},
    "input": {"task-list-item-checkbox"},
}
_FOOTNOTE: Final = re.compile(r"fn(?:ref)?[0-9:]+")
_ALIGN: Final = re.compile(r"text-align:\s*(left|center|right)")
_WORDS: Final = re.compile(r"[^\w]+")
_MAX_SLUG: Final = 80
# Ids that the page around it has.
_TAKEN: Final = ("content", "portal-search", "portal-sign-in", "portal-register", "q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading that a table of contents leads to."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """HTML that is safe in a page, its first heading of level one, and what it is about."""

    html: Markup
    headings: tuple[Heading, ...] = ()
    has_title: bool = False


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 40})
    gfm_plugin(parser)
    _hasten(parser)
    parser.add_render_rule("fence", _render_fence)
    parser.add_render_rule("code_block", _render_fence)
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", _close_table)
    return parser


def _hasten(parser: MarkdownIt) -> None:
    """
    Ask the rules for bare addresses only where one can be, and end soon.

    They search all the text since the last mark at every colon, and all that follows up to the next
    blank: twenty thousand colons took ten seconds.
    """
    ruler = parser.inline.ruler
    rules: dict[str, Rule] = dict(
        zip(ruler.get_active_rules(), ruler.getRules(), strict=True)
    )

    def find_protocol(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - called by its place
        before = state.pending
        may_be = len(before) <= _MAX_ADDRESS and before.endswith(_PROTOCOLS)
        return may_be and _ends_soon(state) and find[":"](state, silent)

    def find_www(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - called by its place
        may_be = state.src.startswith("www.", state.pos)
        return may_be and _ends_soon(state) and find["w"](state, silent)

    find = {":": rules["gfm_autolink_protocol"], "w": rules["gfm_autolink_www"]}
    ruler.at("gfm_autolink_protocol", find_protocol)
    ruler.at("gfm_autolink_www", find_www)


def _ends_soon(state: StateInline) -> bool:
    end = state.pos + _MAX_ADDRESS
    return end >= state.posMax or _BLANK.search(state.src, state.pos, end) is not None


def _open_table(*_: object) -> str:
    return '<div class="table-scroll" tabindex="0"><table>\n'


def _close_table(*_: object) -> str:
    return "</table></div>\n"


def _render_fence(
    _self: RendererHTML, tokens: Sequence[Token], index: int, *_: object
) -> str:
    token = tokens[index]
    language = token.info.strip().split(maxsplit=1)[0] if token.info.strip() else ""
    label = f'<span class="language">{escape(language)}</span>' if language else ""
    return (
        f'<div class="code-block">{label}<pre><code>'
        f"{highlight_code(token.content, language)}</code></pre></div>\n"
    )


def slugify(text: str) -> str:
    """An anchor made of a heading's words."""
    return _WORDS.sub("-", text.lower()).strip("-")[:_MAX_SLUG] or "section"


def weigh_markdown(text: str) -> int:
    """About how many microseconds a text takes, found out without parsing it."""
    marks = sum(cost * text.count(mark) for mark, cost in _COSTS.items())
    return _PER_CALL + len(text) + marks + _weigh_quotes(text)


def _weigh_quotes(text: str) -> int:
    """
    What quotes take beside their marks: where one begins, all lines to the next empty one are read.

    Within a quote that changes nothing; line by line in and out of it they are read again and again.
    """
    if ">" not in text:
        return 0
    cost = lines = changes = before = 0
    for line in f"{text}\n".split("\n"):
        if not line.strip():
            cost += lines * changes * _PER_QUOTED_LINE
            lines = changes = before = 0
            continue
        start = _START_OF_LINE.match(line)
        depth = 0 if start is None else start[0].count(">")
        lines += 1
        changes += depth != before
        before = depth
    return cost


def show_plainly(text: str) -> Markup:
    """A text as it was written."""
    return Markup('<p class="as-written">{}</p>').format(text)


def render_markdown(text: str, *, base: str = "") -> Rendered:
    """A text as HTML; links and pictures are of the portal at `base`."""
    if len(text) > MAX_CHARS or weigh_markdown(text) > MAX_TOIL:
        return Rendered(html=show_plainly(text))
    env: dict[str, object] = {}
    parser = _parser()
    tokens = parser.parse(text, env)
    headings = _anchor(tokens)
    raw = parser.renderer.render(tokens, parser.options, env)
    html = Markup(_clean(raw, base))  # noqa: S704 - sanitised
    return Rendered(
        html=html,
        headings=tuple(h for h in headings if h.level in {2, 3}),
        has_title=any(h.level == 1 for h in headings),
    )


def _anchor(tokens: list[Token]) -> list[Heading]:
    """Give headings ids, and links to themselves; columns get their side as no style."""
    # By their slugs, how many headings had them; counting anew for each would take as long as all of them.
    counts = dict.fromkeys(_TAKEN, 1)
    taken = {*_TAKEN}
    found: list[Heading] = []
    for number, token in enumerate(tokens):
        if token.type in {"th_open", "td_open"}:
            side = _ALIGN.match(str(token.attrGet("style") or ""))
            if side is not None:
                token.attrSet("align", side[1])
        if token.type != "heading_open":
            continue
        inline = tokens[number + 1]
        words = "".join(
            child.content
            for child in inline.children or ()
            if child.type in {"text", "code_inline", "softbreak"}
        ).strip()
        slug = slugify(words)
        anchor, count = slug, counts.get(slug, 1)
        while anchor in taken:
            count += 1
            anchor = f"{slug}-{count}"
        counts[slug] = count
        taken.add(anchor)
        token.attrSet("id", anchor)
        level = int(token.tag[1:])
        found.append(Heading(level=level, text=words, anchor=anchor))
        if level > 1 and inline.children is not None:
            link = Token("html_inline", "", 0)
            label = escape(f"Link to {words}")
            link.content = (
                f' <a class="anchor" href="#{anchor}" aria-label="{label}">#</a>'
            )
            inline.children.append(link)
    return found


def _clean(html: str, base: str) -> str:
    def change(tag: str, name: str, value: str) -> str | None:
        if tag == "a" and name == "href":
            return build_url(value, base)
        if name == "id" and tag in {"a", "li"} and not _FOOTNOTE.fullmatch(value):
            return None
        if tag == "img" and name == "src":
            return build_picture_url(value, base)
        return value

    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: {*names} for tag, names in _ATTRIBUTES.items()},
        allowed_classes=_CLASSES,
        attribute_filter=change,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
        tag_attribute_values={"div": {"tabindex": {"0"}}},
        set_tag_attribute_values={
            "input": {"type": "checkbox", "disabled": ""},
            # What scrolls must be reached by keyboard.
            "pre": {"tabindex": "0"},
        },
        strip_comments=True,
        clean_content_tags={"script", "style", "template", "iframe", "noscript"},
    )
