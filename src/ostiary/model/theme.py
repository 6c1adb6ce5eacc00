"""
What a theme of a portal may say: colours, fonts, pictures, as single values. Pure.

Nothing that could end a value in a style sheet passes.

Spec: portal §3.5 (theme data), §3.9 (Appearance); WCAG 2.2 §1.4.3.
"""

from __future__ import annotations

import re
from typing import Final

HEX: Final = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
COLOUR: Final = re.compile(
    rf"{HEX.pattern}|[a-zA-Z]{{3,30}}|(?:rgb|hsl)a?\([0-9.,%/ deg-]{{3,60}}\)"
)
FONT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,_-]{0,200}")
PICTURE: Final = re.compile(r"[A-Za-z0-9_./-]{1,200}")


def is_colour(text: str) -> bool:
    """Whether a text is a colour as CSS knows it."""
    return COLOUR.fullmatch(text) is not None


def is_font(text: str) -> bool:
    """Whether a text names fonts, with commas between them."""
    return FONT.fullmatch(text) is not None


def is_picture(text: str) -> bool:
    """Whether a text is the path of a theme's asset."""
    # `//` would be another site's, and what begins with `/` is nothing of a theme.
    steps = text.split("/")
    return PICTURE.fullmatch(text) is not None and not {"", ".."} & {*steps}
