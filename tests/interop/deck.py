"""
decK as it is, where there is one: the variable `OSTIARY_DECK` names its binary.

It is no package of a kind that `install.py` can pin: `go install github.com/kong/deck@v1.51.0`
makes it where Go's modules are to be had.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DECK = os.environ.get("OSTIARY_DECK", "")
NOT_RUN = "not run: deck (OSTIARY_DECK names no binary)"
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """decK against one Admin API, with files in one folder."""

    admin: str
    folder: Path

    def run(self, *words: str) -> tuple[int, str]:
        """`deck gateway …`: the exit code and what it said."""
        done = subprocess.run(
            [DECK, "gateway", *words, "--kong-addr", self.admin],
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env={**os.environ, "HOME": str(self.folder), "DECK_ANALYTICS": "off"},
        )
        return done.returncode, done.stdout + done.stderr

    def write(self, name: str, data: dict[str, Any]) -> str:
        """A file for decK; its name."""
        text = yaml.safe_dump({"_format_version": "3.0", **data})
        (self.folder / name).write_text(text)
        return name
