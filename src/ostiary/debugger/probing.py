"""
What a provider makes of a request before a person goes there: asked once without anybody's cookies.

A provider that does not know a redirect URI shows its own page and sends nobody back, so that a
debugger would never hear of it; its page says why.

Spec: RFC 6749 §4.1.2.1, RFC 9700 §4.11.1; Amazon Cognito's and Google's error pages.
"""

from __future__ import annotations

import html
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ostiary.debugger.judging import read_object, read_words
from ostiary.http.exchange import IncomingReply
from ostiary.oidc.rp.checks import Check
from ostiary.oidc.rp.metadata import has_same_place

# No repetition of it can run over the start of another tag: a page of many would take minutes.
_TAG: Final = re.compile(r"<!--|-->|<(/?)([a-zA-Z]*)[^<>]*>?")
_HIDDEN: Final = frozenset({"script", "style", "head"})
# Pages that say 200 and mean an error: Entra's, and those of AD FS.
_ENTRA: Final = re.compile(r"(?:AADSTS\d{4,7}|MSIS\d{4})[^\"<\\]{0,300}")
# What a firewall shows that lets only browsers through: it is not the provider that speaks.
_BROWSERS_ONLY: Final = re.compile(r"(?i)enable javascript|just a moment|captcha|are (?:you )?human")  # fmt: skip
_LONG_NUMBER: Final = re.compile(r"&#[0-9]{9,};?")
MAX_READ: Final = 60_000
MAX_WORDS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a provider answered: `outcome` in words, and why it refuses, if it does."""

    refuses: bool
    outcome: str
    error: str = ""
    description: str = ""


def read_page(body: bytes) -> str:
    """The words of a page, without its markup."""
    text = body[:MAX_READ].decode("utf-8", "replace")
    words, hidden, end = [], "", 0
    for tag in _TAG.finditer(text):
        if not hidden:
            words.append(text[end : tag.start()])
        end, name = tag.end(), (tag[2] or "").lower()
        if not hidden and (tag[0] == "<!--" or (name in _HIDDEN and not tag[1])):
            hidden = name or "-->"
        elif hidden and (tag[0].endswith(hidden) or (tag[1] and name == hidden)):
            hidden = ""
    if not hidden:
        words.append(text[end:])
    # More digits than any sign's number has are an error to whoever reads them.
    read = _LONG_NUMBER.sub("&#0;", " ".join(words))
    return " ".join(html.unescape(read).split())


def _arguments(parts: SplitResult) -> dict[str, str]:
    found = dict(parse_qsl(f"{parts.query}&{parts.fragment}"))
    if "authError" in found:
        words = _read_google(found["authError"])
        found |= {"error": words[0], "error_description": " ".join(words[1:])}
    return found


def _read_google(text: str) -> list[str]:
    """The words in Google's `authError`: texts with their lengths before them, in base64url."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return [text]
    return re.findall(r"[ -~]{4,}", data.decode("ascii", "replace")) or [text]


def probe(reply: IncomingReply, back: str) -> Probed:
    """
    Read the answer to an authorization or logout request that nobody's browser sent.

    Args:
        back: Where the provider should send people back to.
    """
    location = reply.fields.get("location", "")
    if 300 <= reply.status < 400 and location:
        return _read_redirect(location, back)
    if reply.status >= 400:
        words = read_page(reply.body)[:MAX_WORDS]
        if "cf-mitigated" in reply.fields or (reply.status in {403, 429, 503} and _BROWSERS_ONLY.search(words)):  # fmt: skip
            return Probed(refuses=False, outcome=f"a page that lets only browsers pass (status {reply.status})")  # fmt: skip
        error, description = read_words(read_object(reply))
        if error:
            return Probed(refuses=True, outcome=f"status {reply.status}: {error}"[:200], error=error, description=description[:MAX_WORDS])  # fmt: skip
        return Probed(
            refuses=True,
            outcome=f"status {reply.status}",
            error=f"status {reply.status}",
            description=words,
        )
    if (said := _ENTRA.search(reply.body[:MAX_READ].decode("utf-8", "replace"))) is not None:  # fmt: skip
        return Probed(refuses=True, outcome="an error page", error="an error page", description=said[0].strip())  # fmt: skip
    return Probed(refuses=False, outcome=f"a page (status {reply.status})")


def _read_redirect(location: str, back: str) -> Probed:
    try:
        parts = urlsplit(location)
    except ValueError:  # brackets that hold no address
        return Probed(refuses=True, outcome="to what is no address", error="no address", description=location[:150])  # fmt: skip
    given, path = _arguments(parts), parts.path
    error = given.get("error", "")[:MAX_WORDS]
    if has_same_place(location, back):
        if error:
            description = given.get("error_description", "")[:MAX_WORDS]
            return Probed(refuses=True, outcome=f"back with error={error}"[:200], error=error, description=description)  # fmt: skip
        return Probed(refuses=False, outcome="straight back")
    if error or path.rstrip("/").rpartition("/")[2] == "error":
        # Its own error page: which words it is given says why.
        words = given.get("error_description") or "; ".join(f"{k}: {v}" for k, v in given.items() if k.startswith("error") and k != "error")  # fmt: skip
        return Probed(refuses=True, outcome="to its error page", error=error or "error", description=unquote(words)[:MAX_WORDS])  # fmt: skip
    place = parts._replace(query="", fragment="").geturl()
    return Probed(refuses=False, outcome=f"to {place[:150]}")


def check_probe(found: Probed, expected: str) -> Iterator[Check]:
    """The answer as a check."""
    yield Check(name="taken", passed=not found.refuses, expected=expected, got=found.outcome)  # fmt: skip
