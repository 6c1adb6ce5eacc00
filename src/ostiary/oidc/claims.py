"""
Claims as they come in the wild, read into the types the rules need.

Times may be integers, floats, or numeric texts (Kong accepts them since 3.13); anything
else, and anything absurd, is refused rather than guessed at.

Spec: RFC 7519 §2 (NumericDate), §4.1.
"""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.oidc.errors import TokenRefused

Claims = Mapping[str, object]
_FAR_AWAY = 1e12


def read_time(claims: Claims, name: str) -> float | None:
    """
    A time claim in Unix seconds, or None when absent.

    Raises:
        TokenRefused: `invalid_claim`, it is not a sane number.
    """
    value = claims.get(name)
    if name not in claims:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused("invalid_claim", f"invalid {name} claim (not a number)")
    if not -_FAR_AWAY <= value <= _FAR_AWAY:
        raise TokenRefused("invalid_claim", f"invalid {name} claim (out of range)")
    return float(value)


def read_text(claims: Claims, name: str) -> str | None:
    """A text claim, or None when absent or not a text."""
    value = claims.get(name)
    return value if isinstance(value, str) else None


def read_audience(claims: Claims) -> tuple[str, ...] | None:
    """
    The aud claim as a list, or None when absent.

    Raises:
        TokenRefused: `invalid_claim`, neither a text nor an array of texts.
    """
    value = claims.get("aud")
    if "aud" not in claims:
        return None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise TokenRefused(
        "invalid_claim", "invalid aud claim (not a text or array of texts)"
    )


def is_same_issuer(one: str, other: str) -> bool:
    """Compare issuers exactly, but for one trailing slash (Kong since 0.36)."""
    return one == other or one.removesuffix("/") == other.removesuffix("/")


def _is_place(step: str, count: int) -> bool:
    return step.isdecimal() and len(step) < 6 and 1 <= int(step) <= count


def find_path(claims: Claims, path: tuple[str, ...]) -> object | None:
    """The value behind a path of names (and places in arrays, from 1), or None."""
    found: object = claims
    for step in path:
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and _is_place(step, len(found)):
            found = found[int(step) - 1]
        else:
            return None
    return found
