"""
A run as a text to send to somebody else: what was asked, what came, every rule, every cause.

It says nothing of a person: of claims only their names, and the values of those that speak of the
token. Replies that speak of people are left out. Nothing of what strangers wrote can leave its
code span or fence.

Spec: CommonMark 0.31 §4.5, §6.1 (fences and spans end at as many backticks as they began with).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.debugger.values import Cause, Run, Sent, Setup, Step, TokenShown
from ostiary.oidc.rp.checks import Check

MAX_BODY: Final = 2000
HARMLESS: Final = frozenset(
    {
        "iss", "aud", "azp", "exp", "iat", "nbf", "auth_time", "token_use", "client_id", "scope",
        "typ", "alg", "kid",
    }
)  # fmt: skip
# Replies that are the provider's own documents. What others say may be of a person.
_OPEN: Final = frozenset({"discovery", "keys", "cors", "revocation"})
_PERSONAL: Final = frozenset(
    {"token", "userinfo", "introspection", "refresh", "client_credentials"}
)
_PERSON: Final = "(a person)"
# What a rule about a person says where there is none.
_PHRASES: Final = ("nothing", "who the person is")
_SHORTEST: Final = 3  # shorter values occur in texts by chance
_LONGEST: Final = 200
_MOST: Final = 500
_HEAD: Final = """\
# Run of the OAuth + OIDC debugger

> Redacted: secrets, codes and tokens are placeholders such as `$CODE`. Of claims there are the
> names, and values only of those that say nothing of a person."""


def report(run: Run) -> str:
    """The report of a run in Markdown, without a secret and without a person in it."""
    teller = _Teller(_find_private(run))
    return "\n\n".join([_HEAD, _tell_setup(run.setup), *teller.tell_all(run.steps)]) + "\n"  # fmt: skip


def _tell_setup(setup: Setup) -> str:
    rows = [
        ("Issuer", setup.issuer),
        ("Client", setup.client_id),
        ("Scopes", setup.scope),
    ]
    return "\n".join(f"- {name}: {_span(value)}" for name, value in rows)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells steps. `private` matches what tokens say of people, in texts that may quote it."""

    private: re.Pattern[str] | None

    def tell_all(self, steps: Iterable[Step], number: str = "") -> Iterator[str]:
        """Steps, each with the experiments below it."""
        for index, step in enumerate(steps, start=1):
            yield from self._tell(step, f"{number}{index}.")
            yield from self.tell_all(step.trials, f"{number}{index}.")

    def _tell(self, step: Step, number: str) -> Iterator[str]:
        level = "#" * min(1 + number.count("."), 6)
        verdict = "✓ ok" if step.is_good else "✗ failed"
        yield f"{level} {number} {self._prose(step.title)}: {verdict}"
        if step.sent is not None:
            yield f"Request by the {step.actor}:\n\n{_fence(_tell_sent(step.sent))}"
        if step.got is not None:
            took = step.got.took_ms
            time = "" if took is None else f" after {took:.0f} ms"
            yield f"Reply: {step.got.status}{time}"
            if body := _find_body(step):
                yield _fence(body)
        if step.failure:
            yield f"No reply: {self._prose(step.failure)}"
        for rows in (
            [self._check(check) for check in step.checks],
            [self._cause(cause) for cause in step.causes],
            [_tell_token(token) for token in step.tokens],
        ):
            if rows:
                yield "\n".join(rows)

    def _check(self, check: Check) -> str:
        sign = "✓" if check.passed else "✗"
        values = (check.expected, check.got)
        if _is_of_person(check):
            values = (_PERSON, _PERSON)
        expected, got = (_span(self._hide(value)) for value in values)
        return f"- {sign} {_span(check.name)}: expected {expected}, got {got}"

    def _cause(self, cause: Cause) -> str:
        kind = "Cause" if cause.level == "error" else "Note"
        remedy = f" {self._prose(cause.remedy)}" if cause.remedy else ""
        return f"- {kind} {_span(cause.code)}: {self._prose(cause.text)}{remedy}"

    def _prose(self, text: str) -> str:
        return re.sub(r"([\\`*_\[\]<>|~&!#])", r"\\\1", _show(self._hide(text)))

    def _hide(self, text: str) -> str:
        return self.private.sub(_PERSON, text) if self.private else text


def _find_private(run: Run) -> re.Pattern[str] | None:
    """What replies say of people, as whole words; what was typed is no secret of theirs."""
    found: set[str] = set()
    known = {run.setup.client_id, run.setup.issuer, *run.setup.scope.split(), *_PHRASES}
    for step in _find_steps(run.steps):
        found |= {
            v for c in step.checks if _is_of_person(c) for v in (c.expected, c.got)
        }
        for token in step.tokens:
            for name, value in (token.claims or {}).items():
                (known if name in HARMLESS else found).update(_find_texts(value))
    # Bounded: a provider may say as much as it likes, and every page asks.
    usable = (t[:_LONGEST] for t in found - known if len(t) >= _SHORTEST)
    texts = sorted(usable, key=len)[-_MOST:]
    if not texts:
        return None
    choices = "|".join(re.escape(text) for text in reversed(texts))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)")


def _find_steps(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _find_steps(step.trials)


def _is_of_person(check: Check) -> bool:
    """Whether a rule is about who somebody is; its name may begin with the token's."""
    return check.name.rpartition(": ")[2] == "sub"


def _find_texts(value: Any) -> Iterator[str]:  # Any: JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _find_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _find_texts(inner)


def _tell_sent(sent: Sent) -> str:
    lines = [f"{sent.method} {sent.url}", *(f"{n}: {v}" for n, v in sent.fields)]
    if sent.pairs:
        lines += ["", *(f"{n}={v}" for n, v in sent.pairs)]
    return "\n".join(map(_show, lines))


def _find_body(step: Step) -> str:
    """What may be told of a reply's body: the provider's documents, and why it refused."""
    if step.got is None or step.kind in _PERSONAL:
        return ""
    if step.kind not in _OPEN and step.got.status < 400:
        return ""
    body = step.got.body
    cut = body if len(body) <= MAX_BODY else f"{body[:MAX_BODY]}\n… (cut)"
    return "\n".join(map(_show, cut.split("\n")))


def _tell_token(token: TokenShown) -> str:
    """The names of what a token says; values of harmless claims."""
    rows = [f"- Token {_span(token.name)}"]
    for part, members in (("header", token.header), ("claim", token.claims)):
        for name, value in (members or {}).items():
            rows.append(f"  - {part} {_span(name)}{_tell_value(name, value)}")
    return "\n".join(rows)


def _tell_value(name: str, value: Any) -> str:  # Any: JSON
    values = value if isinstance(value, list | tuple) else [value]
    if name not in HARMLESS or not all(isinstance(v, str | int | float) for v in values):  # fmt: skip
        return ""
    return f": {_span(', '.join(map(str, values))[:MAX_BODY])}"


def _show(text: str) -> str:
    """A text on one line, in which nothing is hidden."""
    return "".join(
        sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text
    )


def _span(text: str) -> str:
    shown = _show(text)
    if not shown.strip():
        return "(nothing)"
    ticks = "`" * (_find_longest(shown) + 1)
    # A space at each end goes, and keeps backticks of the text apart from ours.
    return f"{ticks} {shown} {ticks}" if "`" in shown else f"{ticks}{shown}{ticks}"


def _fence(text: str) -> str:
    ticks = "`" * max(3, _find_longest(text) + 1)
    return f"{ticks}\n{text}\n{ticks}"


def _find_longest(text: str) -> int:
    """How many backticks follow each other at most."""
    return max(map(len, re.findall("`+", text)), default=0)
