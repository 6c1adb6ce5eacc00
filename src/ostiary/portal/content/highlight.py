"""
Code with its parts in colour, by classes of the style sheet. Pure; the only importer of pygments.

Only languages of a list, and nothing long: lexers are patterns that take their time.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

MAX_CHARS: Final = 40_000
_LANGUAGES: Final = {
    "bash": "bash", "sh": "bash", "shell": "bash", "console": "console", "curl": "bash",
    "python": "python", "py": "python", "javascript": "javascript", "js": "javascript",
    "typescript": "typescript", "ts": "typescript", "json": "json", "yaml": "yaml",
    "yml": "yaml", "go": "go", "http": "http", "html": "html", "xml": "xml", "css": "css",
    "java": "java", "kotlin": "kotlin", "ruby": "ruby", "php": "php", "csharp": "csharp",
    "rust": "rust", "sql": "sql", "diff": "diff", "ini": "ini", "toml": "toml",
    "graphql": "graphql", "swift": "swift", "c": "c", "cpp": "cpp",
}  # fmt: skip
CLASSES: Final = frozenset(name for name in STANDARD_TYPES.values() if name)


@cache
def _find_lexer(name: str) -> Lexer:
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


@cache
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True)


def highlight_code(code: str, language: str) -> Markup:
    """Code as HTML; plain where its language is not known."""
    name = _LANGUAGES.get(language.lower())
    if name is None or len(code) > MAX_CHARS:
        return escape(code)
    return Markup(highlight(code, _find_lexer(name), _formatter()))  # noqa: S704 - pygments escapes what it colours
