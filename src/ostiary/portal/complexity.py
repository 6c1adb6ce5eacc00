"""
What the passwords of a portal must be: Kong's presets, or rules of passwdqc. Pure.

Of passwdqc `min`, `max` and `passphrase` are known: how long a password of so many classes of
characters must be. What else passwdqc knows is refused where it is saved.

Spec: portal §1.2 (portal_auth_password_complexity); passwdqc.conf(5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# Longer ones cost time to hash and nobody types them.
MAX_CHARS: Final = 256
# NIST SP 800-63B §5.1.1: fewer are guessed.
MIN_CHARS: Final = 8
_PRESETS: Final[Mapping[str, int]] = {"min_8": 8, "min_12": 12, "min_20": 20}
_KNOWN: Final = ("min", "max", "passphrase")
_CLASSES: Final = (
    re.compile(r"[A-Z]"), re.compile(r"[a-z]"), re.compile(r"[0-9]"), re.compile(r"[^A-Za-z0-9]"),
)  # fmt: skip
_WORD: Final = re.compile(r"\S+")
# Which of the five lengths is of so many classes; the third is of passphrases.
_PLACES: Final[Mapping[int, int]] = {1: 0, 2: 1, 3: 3, 4: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """
    What a password must be.

    `lengths` are those of one class of characters, two, a passphrase, three and four classes;
    None is never enough. `words` are those of a passphrase, 0 for none.
    """

    lengths: tuple[int | None, ...] = (MIN_CHARS,) * 5
    longest: int = MAX_CHARS
    words: int = 3

    def judge(self, password: str, email: str = "") -> str | None:
        """Why a password is not taken, None for one that is."""
        if any("\ud800" <= c <= "\udfff" for c in password):
            return "has characters that are none"
        if len(password) > self.longest:
            return f"must have at most {self.longest} characters"
        if email and password.lower() in {email, email.partition("@")[0]}:
            return "must not be the e-mail address"
        if not self._is_enough(password):
            return self.describe()
        return None

    def _is_enough(self, password: str) -> bool:
        size, phrase = len(password), self.lengths[2]
        is_phrase = self.words > 0 and len(_WORD.findall(password)) >= self.words
        if is_phrase and phrase is not None and size >= phrase:
            return True
        wanted = (self.lengths[_PLACES[n]] for n in range(1, _count(password) + 1))
        return any(least is not None and size >= least for least in wanted)

    def describe(self) -> str:
        """What a password must be, for whoever thinks of one."""
        if len(set(self.lengths)) == 1 and self.lengths[0] is not None:
            return f"must have at least {self.lengths[0]} characters"
        kinds = {
            0: "one kind of characters", 1: "two kinds of characters",
            2: f"{self.words} words", 3: "three kinds of characters",
            4: "four kinds of characters",
        }  # fmt: skip
        said = [
            f"{least} with {kinds[place]}"
            for place, least in enumerate(self.lengths)
            if least is not None and (place != 2 or self.words)
        ]
        if not said:
            return "is never taken: portal_auth_password_complexity disables every kind"
        return f"must have at least {' or '.join(said)} (capital and small letters, digits, others)"


def _count(password: str) -> int:
    """
    How many classes of characters there are.

    As passwdqc counts: a capital letter at the beginning and a digit at the end tell nothing.
    """
    inner = password[1:] if password[:1].isupper() else password
    inner = inner[:-1] if inner[-1:].isdigit() else inner
    found = sum(bool(known.search(inner)) for known in _CLASSES)
    return max(found, 1)


def read_complexity(text: str | None) -> Complexity:
    """
    The rules of a JSON text, None for our own.

    Raises:
        ValueError: It is none; the text says why.
    """
    if text is None:
        return Complexity()
    said = json.loads(text)
    if not isinstance(said, dict) or not said:
        raise ValueError('must be a JSON object, such as {"kong-preset": "min_8"}')
    if "kong-preset" in said:
        return _read_preset(said)
    if wrong := [name for name in said if name not in _KNOWN]:
        raise ValueError(
            f"{ascii(wrong[0])[1:-1]} is not known: use kong-preset, or {', '.join(_KNOWN)} of passwdqc"
        )
    longest = _read_number(said, "max", MAX_CHARS)
    if not MIN_CHARS <= longest <= MAX_CHARS:
        raise ValueError(f"max must be between {MIN_CHARS} and {MAX_CHARS}")
    lengths = _read_lengths(said.get("min", ",".join([str(MIN_CHARS)] * 5)))
    if any(least is not None and least < MIN_CHARS for least in lengths):
        raise ValueError(f"min: no length may be less than {MIN_CHARS}")
    if any(least is not None and least > longest for least in lengths):
        raise ValueError("min must not be more than max")
    return Complexity(
        lengths=lengths, longest=longest, words=_read_number(said, "passphrase", 3)
    )


def _read_preset(said: Mapping[str, Any]) -> Complexity:
    name = said["kong-preset"]
    if len(said) > 1 or not isinstance(name, str) or name not in _PRESETS:
        raise ValueError(f"kong-preset stands alone, one of {', '.join(_PRESETS)}")
    least = _PRESETS[name]
    return Preset(lengths=(None, None, None, least, least), words=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset(Complexity):
    """Kong's: so many characters, of three of the four classes wherever they stand."""

    def _is_enough(self, password: str) -> bool:
        least = self.lengths[3]
        kinds = sum(bool(known.search(password)) for known in _CLASSES)
        return least is not None and len(password) >= least and kinds >= 3

    def describe(self) -> str:
        return (
            f"must have at least {self.lengths[3]} characters, of three of these kinds: "
            "capital letters, small letters, digits, others"
        )


def _read_number(said: Mapping[str, Any], name: str, usual: int) -> int:
    value = said.get(name, usual)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:6])
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} must be a number")
    return value


def _read_lengths(said: object) -> tuple[int | None, ...]:
    parts = [part.strip() for part in said.split(",")] if isinstance(said, str) else []
    if len(parts) != 5 or not all(_LENGTH.fullmatch(part) for part in parts):
        raise ValueError(
            'min must be five lengths, such as "disabled,24,11,9,8": of one kind of '
            "characters, two, a passphrase, three and four"
        )
    found = tuple(None if part == "disabled" else int(part) for part in parts)
    numbers = [number for number in found if number is not None]
    if sorted(numbers, reverse=True) != numbers:
        raise ValueError("min: no length may be more than the one before it")
    return found


_LENGTH: Final = re.compile(r"disabled|[0-9]{1,3}")
