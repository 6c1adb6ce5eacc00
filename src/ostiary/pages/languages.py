"""
The hosted pages' texts in other languages, and the choice among them.

English stands in the templates; a table holds another language's text for each. What a table
lacks stays English. Names, ids and classes are never translated: programs read them.

Spec: cognito §1.3 (`lang`); RFC 9110 §12.5.4 (Accept-Language).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final

from markupsafe import Markup, escape

ENGLISH: Final = "en"
# Each in its own words, so that who cannot read the page finds theirs.
LANGUAGES: Final[Mapping[str, str]] = {
    ENGLISH: "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "id": "Bahasa Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "pt-BR": "Português (Brasil)",
    "zh-CN": "简体中文",
    "zh-TW": "繁體中文",
}
_BY_LOWER: Final = {tag.lower(): tag for tag in LANGUAGES}
_TRADITIONAL: Final = frozenset({"zh-tw", "zh-hk", "zh-mo", "zh-hant"})
_LONGEST_HEADER: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language's texts."""

    language: str = ENGLISH
    table: Mapping[str, str] = field(default_factory=dict, repr=False)

    def say(self, text: str, **values: object) -> Markup:
        """A text in this language, escaped; so are the values that are put in."""
        said = escape(self.table.get(text, text))
        return said.format(**values) if values else said


@cache
def load_words(language: str) -> Words:
    """The texts of one of `LANGUAGES`."""
    if language == ENGLISH:
        return Words()
    path = files("ostiary.pages").joinpath("words", f"{language}.json")
    return Words(language=language, table=json.loads(path.read_text(encoding="utf-8")))


def find_language(tag: str | None) -> str | None:
    """The language that a tag means, if there are texts of it."""
    lowered = (tag or "").strip().lower().replace("_", "-")
    if lowered in _BY_LOWER:
        return _BY_LOWER[lowered]
    main = lowered.partition("-")[0]
    if main == "zh":
        region = "-".join(lowered.split("-")[:2])
        return "zh-TW" if region in _TRADITIONAL else "zh-CN"
    return "pt-BR" if main == "pt" else _BY_LOWER.get(main)


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def choose_language(*, asked: str | None, kept: str | None, accepted: str) -> str:
    """
    The page's language: what the request names, what was chosen before, what the browser likes.

    Args:
        accepted: The Accept-Language field.
    """
    chosen = find_language(asked) or find_language(kept)
    if chosen is not None:
        return chosen
    liked: list[tuple[float, str]] = []
    for part in accepted[:_LONGEST_HEADER].split(","):
        tag, _, parameters = part.partition(";")
        found, quality = find_language(tag), _quality(parameters)
        if found is not None and quality > 0:
            liked.append((quality, found))
    # The first of those that are liked best: sorting is stable.
    return max(liked, key=lambda one: one[0])[1] if liked else ENGLISH
