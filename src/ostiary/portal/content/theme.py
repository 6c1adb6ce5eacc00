"""
`theme.conf.yaml` as a style sheet: colours, fonts and pictures become variables of CSS. Pure.

Values are checked, so that nothing but a colour or a font's name gets into the sheet. Colours hold
in the light; who wants others in the dark says `dark_colors`.

Spec: portal §3.5 (theme data); WCAG 2.2 §1.4.3 (contrast).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.model.safe_yaml import BadText, parse_yaml
from ostiary.model.theme import HEX, is_colour, is_font, is_picture
from ostiary.portal.content.source import Trouble

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
# What of our own design a colour of Kong's list is.
_TOKENS: Final[Mapping[str, tuple[str, ...]]] = {
    "page": ("--paper",),
    "header": ("--bar",),
    "hero": ("--hero",),
    "text_hero": ("--hero-ink",),
    "footer": ("--foot",),
    "accent": ("--accent", "--accent-hover"),
    "text_primary": ("--ink",),
    "text_secondary": ("--muted",),
    "text_headings": ("--heading",),
    "text_links": ("--link",),
    "button_primary_fill": ("--accent", "--accent-hover"),
    "button_primary_fill_hover": ("--accent-hover",),
    "button_primary_text": ("--accent-ink",),
}
_ENOUGH: Final = 4.5
_PAIRS: Final = (
    ("text_primary", "page"),
    ("text_links", "page"),
    ("text_hero", "hero"),
    ("button_primary_text", "button_primary_fill"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """
    What a theme says: values that are safe in a style sheet.

    `styles` are assets that follow the rest of it.
    """

    name: str
    colors: Mapping[str, str] = field(default_factory=dict)
    dark_colors: Mapping[str, str] = field(default_factory=dict)
    fonts: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    styles: tuple[str, ...] = ()


def read_theme(name: str, text: str) -> tuple[Theme, tuple[Trouble, ...]]:
    """What a `theme.conf.yaml` says, and what is wrong with it."""
    path = f"themes/{name}/theme.conf.yaml"
    try:
        found = parse_yaml(text)
    except BadText as error:
        return Theme(name=name), (Trouble(path=path, text=str(error)),)
    said = found if isinstance(found, dict) else {}
    told: list[str] = []
    theme = Theme(
        name=name,
        colors=dict(_read(said.get("colors"), is_colour, "color", told)),
        dark_colors=dict(_read(said.get("dark_colors"), is_colour, "color", told)),
        fonts=dict(_read(said.get("fonts"), is_font, "font", told)),
        images=dict(_read(said.get("images"), is_picture, "image", told)),
        styles=_read_styles(said.get("styles"), told),
    )
    told += _judge_contrast(theme.colors)
    return theme, tuple(Trouble(path=path, text=text) for text in told)


def _read(
    value: object, is_good: Callable[[str], bool], word: str, told: list[str]
) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        return
    for key, said in value.items():
        text = said.get("value") if isinstance(said, dict) else said
        if not isinstance(text, str) or not _KEY.fullmatch(key):
            continue
        text = text.strip()
        if not text:
            continue
        if not is_good(text):
            told.append(f"the {word} {key} is not one: {text[:40]!r}")
        else:
            yield key, text


def _read_styles(value: object, told: list[str]) -> tuple[str, ...]:
    paths = value if isinstance(value, list) else [] if value is None else [value]
    good = [
        p
        for p in paths
        if isinstance(p, str) and p.startswith("assets/") and p.endswith(".css")
    ]
    if len(good) < len(paths):
        told.append("styles must be paths of assets such as assets/site.css")
    return tuple(path.removeprefix("assets/") for path in good)


def read_luminance(colour: str) -> float | None:
    """The relative luminance of `#rgb` or `#rrggbb`; None of other forms."""
    if not HEX.fullmatch(colour) or len(colour) not in {4, 7}:
        return None
    digits = colour[1:]
    full = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    channels = [int(full[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def read_contrast(one: str, other: str) -> float | None:
    """The contrast ratio of two colours, where both are known."""
    first, second = read_luminance(one), read_luminance(other)
    if first is None or second is None:
        return None
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def _judge_contrast(colors: Mapping[str, str]) -> Iterator[str]:
    for text, ground in _PAIRS:
        ratio = read_contrast(colors.get(text, ""), colors.get(ground, ""))
        if ratio is not None and ratio < _ENOUGH:
            yield (
                f"{text} on {ground} has a contrast of {ratio:.1f}: "
                f"people need {_ENOUGH} to read it"
            )


def build_style_sheet(theme: Theme) -> str:
    """The style sheet of a theme; empty where it says nothing."""
    parts: list[str] = []
    variables = [f"--color-{_dash(k)}: {v};" for k, v in theme.colors.items()]
    variables += [f"--font-{_dash(k)}: {v};" for k, v in theme.fonts.items()]
    if variables:
        parts.append(f":root {{ {' '.join(variables)} }}")
    for mode, colors in (("light", theme.colors), ("dark", theme.dark_colors)):
        tokens = _tokens(colors)
        if tokens:
            body = " ".join(f"{name}: {value};" for name, value in tokens.items())
            parts.append(
                f"@media (prefers-color-scheme: {mode}) {{ :root.light-only, :root {{ {body} }} }}"
            )
    for key, selector in (
        ("base", "body"),
        ("headings", "h1, h2, h3"),
        ("code", "code, pre"),
    ):
        if key in theme.fonts:
            fall = (
                "ui-monospace, monospace" if key == "code" else "system-ui, sans-serif"
            )
            parts.append(f"{selector} {{ font-family: {theme.fonts[key]}, {fall}; }}")
    for key in theme.colors:
        name = _dash(key)
        parts.append(f".color-{name} {{ color: var(--color-{name}); }}")
        parts.append(f".bg-color-{name} {{ background: var(--color-{name}); }}")
    return "\n".join(parts)


def _dash(key: str) -> str:
    return key.replace("_", "-")


def _tokens(colors: Mapping[str, str]) -> dict[str, str]:
    found = {
        token: value
        for key, tokens in _TOKENS.items()
        if (value := colors.get(key)) is not None
        for token in tokens
    }
    for ground, ink in (("--bar", "--bar-ink"), ("--hero", "--hero-ink"), ("--foot", "--foot-ink"), ("--accent", "--accent-ink")):  # fmt: skip
        luminance = read_luminance(found.get(ground, ""))
        if luminance is not None and ink not in found:
            found[ink] = "#ffffff" if luminance < 0.18 else "#14181a"
    return found
