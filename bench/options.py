"""What the environment asks of a run: how long, how often, which rows and which systems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SYSTEMS = ("nginx", "apache", "envoy", "ostiary")
REPORTS = ("routes", "startup", "memory", "userpool", "scale")


class OptionsInvalid(Exception):
    """The environment asks for something that cannot be; the text is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    One run's options. `seconds` are seconds of load per row and round.

    `report` is empty for the table of rows, else one of `REPORTS`; `tls` is None for both.
    """

    rounds: int
    seconds: float
    rows: re.Pattern[str]
    tls: bool | None
    peers: tuple[str, ...]
    quick: bool
    report: str

    @property
    def full(self) -> bool:
        """Whether this is the whole table, long enough to mean something."""
        everything = not self.rows.pattern and self.tls is None
        return everything and not self.quick and set(self.peers) == set(SYSTEMS)


def _is_on(value: str | None) -> bool:
    return value not in {None, "", "0"}


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        found = float(environ.get(name) or default)
    except ValueError as error:
        raise OptionsInvalid(f"{name} must be a number") from error
    if found <= 0:
        raise OptionsInvalid(f"{name} must be more than 0")
    return found


def read_options(environ: Mapping[str, str]) -> Options:
    """
    The options that an environment holds: ROUNDS, SECONDS, ROWS, TLS, PEERS, QUICK, ROUTES,
    STARTUP, MEMORY, USERPOOL, SCALE.

    Raises:
        OptionsInvalid: One of them cannot be read.
    """
    quick = _is_on(environ.get("QUICK"))
    asked = [name for name in REPORTS if _is_on(environ.get(name.upper()))]
    if len(asked) > 1:
        raise OptionsInvalid(
            "ask for one of ROUTES, STARTUP, MEMORY, USERPOOL and SCALE at a time"
        )
    text = environ.get("PEERS") or ",".join(SYSTEMS)
    peers = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [name for name in peers if name not in SYSTEMS]
    if unknown:
        raise OptionsInvalid(
            f"PEERS has {unknown[0]!r}; it may have {', '.join(SYSTEMS)}"
        )
    try:
        rows = re.compile(environ.get("ROWS") or "")
    except re.error as error:
        raise OptionsInvalid(f"ROWS is no regular expression: {error}") from error
    tls = environ.get("TLS") or ""
    if tls not in {"", "0", "1"}:
        raise OptionsInvalid("TLS must be 0 or 1")
    return Options(
        rounds=int(_number(environ, "ROUNDS", 1 if quick else 5)) or 1,
        seconds=_number(environ, "SECONDS", 0.3 if quick else 2.0),
        rows=rows,
        tls=tls == "1" if tls else None,
        peers=peers,
        quick=quick,
        report=asked[0] if asked else "",
    )
