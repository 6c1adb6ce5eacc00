"""The command line."""

from __future__ import annotations


def main() -> None:
    """Run `ostiary`."""
    from ostiary.cli.commands import app

    app()
