"""
What of the hosted pages' look may be changed: style rules of known classes, and a logo.

Spec: cognito §1.4 (classes, limits).
"""

from __future__ import annotations

import hashlib
from typing import Final

from ostiary.userpool import messages
from ostiary.userpool.refusal import AccountError

ALL_CLIENTS: Final = "ALL"
MAX_IMAGE_BYTES: Final = 100 * 1024
_CLASSES: Final = (
    "background",
    "banner",
    "errorMessage",
    "idpButton",
    "idpDescription",
    "inputField",
    "label",
    "legalText",
    "logo",
    "submitButton",
    "textDescription",
    "redirect",
    "socialButton",
    "passwordCheck-valid",
    "passwordCheck-notValid",
)
_SELECTORS: Final = frozenset(f".{name}-customizable" for name in _CLASSES) | {
    ".idpButton-customizable:hover",
    ".submitButton-customizable:hover",
    ".inputField-customizable:focus",
}
# `@` begins rules that reach beyond a class, `<` could end the style element, and a backslash
# can write either of them, or a class, so that this check does not see it.
_FORBIDDEN: Final = ("@", "<", "\\")
_IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


def _refuse(text: str) -> AccountError:
    return AccountError("InvalidParameterException", text)


def _strip_comments(css: str) -> str:
    # Not a regular expression: many openings without an end would take it quadratic time.
    kept, rest = [], css
    while True:
        before, opening, after = rest.partition("/*")
        kept.append(before)
        if not opening:
            return " ".join(kept)
        _, closing, rest = after.partition("*/")
        if not closing:
            raise _refuse(messages.CSS_RULE.format("an open comment"))


def check_css(css: str) -> str:
    """
    Style rules of known classes, as they were given.

    Raises:
        AccountError: InvalidParameterException about the first other thing.
    """
    text = _strip_comments(css)
    for character in _FORBIDDEN:
        if character in text:
            raise _refuse(messages.CSS_RULE.format(character))
    *rules, end = text.split("}")
    for rule in rules:
        selectors, brace, body = rule.partition("{")
        if not brace or "{" in body:
            raise _refuse(messages.CSS_RULE.format(brace or "}"))
        for selector in selectors.split(","):
            if selector.strip() not in _SELECTORS:
                raise _refuse(messages.CSS_CLASS.format(selector.strip()[:128]))
    if end.strip():
        raise _refuse(messages.CSS_RULE.format(end.strip()[:128]))
    return css


def find_image_type(image: bytes) -> str | None:
    """The media type of a PNG or JPEG, by its first bytes."""
    for mark, kind in _IMAGES:
        if image.startswith(mark):
            return kind
    return None


def check_image(image: bytes) -> bytes:
    """
    A logo that may be shown.

    Raises:
        AccountError: InvalidParameterException: too large, or neither PNG nor JPEG.
    """
    if len(image) > MAX_IMAGE_BYTES or find_image_type(image) is None:
        raise _refuse(messages.IMAGE_WRONG)
    return image


def image_path(pool_id: str, owner: str, image: bytes) -> str:
    """Where a logo is served; another logo has another path."""
    digest = hashlib.sha256(image).hexdigest()[:16]
    return f"/_look/{pool_id}/{owner}/{digest}"


def style_path(pool_id: str, owner: str, css: str) -> str:
    """Where style rules are served; other rules have another path."""
    digest = hashlib.sha256(css.encode()).hexdigest()[:16]
    return f"/_look/{pool_id}/{owner}/{digest}.css"
