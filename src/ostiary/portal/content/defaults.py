"""
What a portal begins with: the pages that we ship. Pure.

Spec: portal §1.4 (enabling copies once, with no later sync), §3.6 (shipped pages).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from ostiary.portal.content.source import SourceFile


@cache
def load_shipped_files() -> tuple[SourceFile, ...]:
    """The pages that we ship, by path."""
    root = files("ostiary.portal.content").joinpath("shipped")
    return tuple(sorted(_walk(root, ""), key=lambda file: file.path))


def _walk(folder: Traversable, prefix: str) -> Iterator[SourceFile]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        else:
            text = item.read_text(encoding="utf-8")
            yield SourceFile(path=f"{prefix}{item.name}", contents=text)
