"""HTML of mails as plain text, for whoever reads mail without HTML. Pure."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_BLOCKS: Final = frozenset(
    {
        "address", "article", "blockquote", "div", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
        "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul",
    }
)  # fmt: skip
_UNSEEN: Final = frozenset({"head", "script", "style", "template", "title"})
_SPACES: Final = re.compile(r"[ \t\r\f\v\n]+")
_LINES: Final = re.compile(r"\n{3,}")


class _Reader(HTMLParser):
    """Gathers what a person sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self.parts.append("\n")
        elif tag in _BLOCKS:
            self.parts.append("\n- " if tag == "li" else "\n\n")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
        elif tag in _BLOCKS and tag != "li":
            self.parts.append("\n\n")
        elif tag == "a" and self._links:
            url, start = self._links.pop()
            said = "".join(self.parts[start:]).strip()
            if url and url not in {said, f"mailto:{said}"}:
                self.parts.append(f": {url}" if said else url)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(_SPACES.sub(" ", data))


def build_plain_text(html: str) -> str:
    """What a page says, links with where they lead."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (line.strip() for line in "".join(reader.parts).split("\n"))
    return _LINES.sub("\n\n", "\n".join(lines)).strip() + "\n"
