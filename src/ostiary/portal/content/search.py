"""
Full-text search over pages and operations: a small inverted index, built of the site. Pure.

A word finds those that begin with it. Titles count most, then tags, then what is written. Whoever
searches finds what they may read, by the rule of the pages themselves.

Spec: portal §5.2 (search over pages and operations); §3.4.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.portal.content.access import Reader
from ostiary.portal.content.openapi.document import Operation
from ostiary.portal.content.site import Entry, Site

MAX_RESULTS: Final = 50
MAX_QUERY_CHARS: Final = 200
MAX_WORDS: Final = 8
_MAX_BODY_CHARS: Final = 60_000
_MAX_PREFIX_WORDS: Final = 300
_OF_TITLE: Final = 12
_OF_TAGS: Final = 5
_OF_BODY: Final = 1
_MOST_OF_BODY: Final = 4
_WHOLE_WORD: Final = 2
_WORD: Final = re.compile(r"\w+")
_MARKS: Final = re.compile(
    r"<[^>]{0,500}>|[#*`>|\[\]()]+|(?<!\w)[_~-]+|[_~-]+(?!\w)|https?://\S+"
)
_FRAGMENT: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result; `route` is its path below the workspace."""

    route: str
    title: str
    kind: str
    above: str
    fragment: str
    method: str = ""
    score: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    route: str
    title: str
    kind: str
    above: str
    text: str = field(repr=False)
    method: str
    entry: Entry = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchIndex:
    """Words in order, and for each how much it counts in which document."""

    words: tuple[str, ...] = field(repr=False)
    weights: Mapping[str, Mapping[int, int]] = field(repr=False)
    documents: tuple[_Document, ...] = field(repr=False)


def read_words(text: str) -> list[str]:
    """The words of a text as they are compared: small, and without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    return _WORD.findall(bare.replace("_", " "))


def build_index(site: Site) -> SearchIndex:
    """The index of a site: of everything that is listed, whoever may read it."""
    documents: list[_Document] = []
    weights: dict[str, dict[int, int]] = {}
    for entry in site.routes.values():
        if not entry.is_listed:
            continue
        for document, tags in _list_documents(entry):
            number = len(documents)
            documents.append(document)
            _count(weights, number, document.title, each=_OF_TITLE, most=_OF_TITLE)
            _count(weights, number, tags, each=_OF_TAGS, most=_OF_TAGS)
            _count(weights, number, document.text, each=_OF_BODY, most=_MOST_OF_BODY)
    return SearchIndex(
        words=tuple(sorted(weights)), weights=weights, documents=tuple(documents)
    )


def _count(
    weights: dict[str, dict[int, int]], number: int, text: str, *, each: int, most: int
) -> None:
    counted: dict[str, int] = {}
    for word in read_words(text[:_MAX_BODY_CHARS]):
        counted[word] = min(counted.get(word, 0) + each, most)
    for word, weight in counted.items():
        there = weights.setdefault(word, {})
        there[number] = there.get(number, 0) + weight


def _list_documents(entry: Entry) -> Iterator[tuple[_Document, str]]:
    if entry.api is None:
        text = " ".join((entry.head.description or "", _plain(entry.body)))
        tags = entry.head.extra.get("tags")
        names = " ".join(str(t) for t in tags) if isinstance(tags, list) else ""
        yield (
            _Document(route=entry.route, title=entry.title, kind="page", above="", text=text, method="", entry=entry),
            names,
        )  # fmt: skip
        return
    api = entry.api
    text = _plain(f"{api.summary} {api.description}")
    yield (
        _Document(route=entry.route, title=entry.title, kind="API", above="", text=text, method="", entry=entry),
        " ".join(api.tags),
    )  # fmt: skip
    for operation in api.operations:
        yield (
            _Document(
                route=f"{entry.route}/{operation.slug}", title=operation.title,
                kind="operation", above=entry.title, text=_of_operation(operation),
                method=operation.method, entry=entry,
            ),
            f"{' '.join(operation.tags)} {entry.title}",
        )  # fmt: skip


def _of_operation(operation: Operation) -> str:
    return f"{operation.method} {operation.path} {_plain(operation.description)}"


def _plain(text: str) -> str:
    """Markdown without its marks, for people to read a piece of."""
    return " ".join(_MARKS.sub(" ", text[:_MAX_BODY_CHARS]).split())


def search(
    site: Site, index: SearchIndex, query: str, reader: Reader
) -> tuple[Hit, ...]:
    """The best results that somebody may read: those that every word of the query is in."""
    words = list(dict.fromkeys(read_words(query[:MAX_QUERY_CHARS])))[:MAX_WORDS]
    scores: dict[int, int] | None = None
    for word in words:
        found = _find_word(index, word)
        scores = (
            found
            if scores is None
            else {n: scores[n] + found[n] for n in scores.keys() & found.keys()}
        )
    verdicts: dict[str, bool] = {}
    hits: list[Hit] = []
    ranked = sorted(
        (scores or {}).items(),
        key=lambda pair: (-pair[1], index.documents[pair[0]].route),
    )
    for number, score in ranked:
        document = index.documents[number]
        path = document.entry.path
        if path not in verdicts:
            verdicts[path] = site.judge(document.entry, reader) == "allowed"
        if verdicts[path]:
            hits.append(_show(document, words, score))
        if len(hits) == MAX_RESULTS:
            break
    return tuple(hits)


def _find_word(index: SearchIndex, word: str) -> dict[int, int]:
    found: dict[int, int] = {}
    start = bisect_left(index.words, word)
    for candidate in index.words[start : start + _MAX_PREFIX_WORDS]:
        # One letter begins too much.
        if not candidate.startswith(word) or (len(word) == 1 and candidate != word):
            break
        times = _WHOLE_WORD if candidate == word else 1
        for number, weight in index.weights[candidate].items():
            found[number] = max(found.get(number, 0), weight * times)
    return found


def _show(document: _Document, words: list[str], score: int) -> Hit:
    return Hit(
        route=document.route,
        title=document.title,
        kind=document.kind,
        above=document.above,
        fragment=_cut(document.text, words),
        method=document.method,
        score=score,
    )


def _cut(text: str, words: list[str]) -> str:
    """A piece of a text around the first word that is in it."""
    lowered = text.casefold()
    places = [at for word in words if (at := lowered.find(word)) >= 0]
    start = max(0, min(places, default=0) - _FRAGMENT // 4)
    if start:
        start = text.find(" ", start) + 1 or start
    piece = text[start : start + _FRAGMENT]
    if start + _FRAGMENT < len(text):
        piece = piece.rpartition(" ")[0] or piece
        piece += " …"
    return f"… {piece}" if start else piece
