"""
Where the debugger may go: what its operator allows (decision D7, record 0051).

Whoever may use a debugger could otherwise read what only this machine can reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ostiary.ports.fetch import FetchFailed, Reach
from ostiary.settings.values import read_allowed_hosts

PUBLIC: Final = "public"
EVERYWHERE: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """
    `public` stands for every address of the open Internet, `*` for every host, a name for itself.

    Names listed may be inside. Link-local addresses and those where clouds keep secrets are never
    reached, whatever is listed.
    """

    words: frozenset[str]

    def choose(self, url: str) -> Reach:
        """
        How far a request to this URL may lead.

        Raises:
            FetchFailed: Its host is not allowed at all.
        """
        try:
            host = (urlsplit(url).hostname or "").removesuffix(".")
        except ValueError as error:  # brackets that hold no address
            raise FetchFailed("this is no address of a host", "place") from error
        shown = f"[{host}]" if ":" in host else host
        parents = ("*" + shown[i:] for i, c in enumerate(shown) if c == ".")
        # A host may be called as a word is.
        names = self.words - {PUBLIC, EVERYWHERE}
        if EVERYWHERE in self.words or names & {shown, *parents}:
            return "inside"
        if PUBLIC in self.words:
            return "outside"
        raise FetchFailed(f"{host} is not among the hosts that may be asked", "place")


def parse_allow_list(text: str) -> AllowList:
    """
    The list of a setting: words separated by commas.

    Raises:
        ValueError: One is neither `public`, `*`, a host nor `*.` and a domain.
    """
    words = {word.strip() for word in read_allowed_hosts(text).split(",")}
    return AllowList(words=frozenset(words - {"off"}))
