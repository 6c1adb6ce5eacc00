"""The command line."""

from __future__ import annotations


def main() -> None:
    """Run `ostiary`."""
    try:
        from ostiary.cli.commands import app

        app()
    except KeyboardInterrupt:
        # Ctrl-C before there was anything to stop.
        raise SystemExit(130) from None
