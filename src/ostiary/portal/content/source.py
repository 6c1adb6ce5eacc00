"""What a site is built of: files by path. Rows of the store are such files, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Source(Protocol):
    """A file."""

    @property
    def path(self) -> str:
        """Where it is, without a slash at the beginning."""
        ...

    @property
    def contents(self) -> str:
        """Its text, or `data:…;base64,…`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that is no row."""

    path: str
    contents: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with a file, for who keeps it; the site is there without it."""

    path: str
    text: str
