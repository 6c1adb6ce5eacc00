"""The real command line: in a process of its own, or in this one, which takes a tenth of the time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from typer.testing import CliRunner

from ostiary.cli.commands import app
from tests.support.node import bare_environ


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(slots=True, kw_only=True)
class Commands:
    """Commands in one folder, with one environment."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    here: bool = False

    @property
    def prefix(self) -> Path:
        return self.folder / "prefix"

    def whole_environ(self) -> dict[str, str]:
        return {**bare_environ(), "KONG_PREFIX": str(self.prefix), **self.environ}

    def run(self, *words: str | Path) -> Done:
        return self._run_here(*words) if self.here else self._run_apart(*words)

    def _run_here(self, *words: str | Path) -> Done:
        runner = CliRunner()
        with (
            mock.patch.dict(os.environ, self.whole_environ(), clear=True),
            contextlib.chdir(self.folder),
        ):
            done = runner.invoke(app, [*map(str, words)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(code=done.exit_code, out=done.stdout, err=done.stderr)

    def _run_apart(self, *words: str | Path) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "ostiary", *map(str, words)],
            cwd=self.folder, env=self.whole_environ(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)

    def fine(self, *words: str | Path) -> str:
        """What a command prints that has nothing to complain about."""
        done = self.run(*words)
        assert done.code == 0, done
        return done.out

    def fails(self, *words: str | Path) -> str:
        """The one sentence of a command that cannot be done."""
        done = self.run(*words)
        assert done.code == 1, done
        (line,) = [x for x in done.err.splitlines() if x.startswith("Error: ")]
        return line.removeprefix("Error: ")

    def write(self, name: str, **parts: Any) -> Path:
        """A declarative file."""
        path = self.folder / name
        path.write_text(yaml.safe_dump({"_format_version": "3.0", **parts}))
        return path
