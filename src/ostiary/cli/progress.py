"""How far a long command is: a bar on a terminal, plain lines elsewhere; on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]


@contextmanager
def show_progress(what: str, total: int) -> Iterator[Advance]:
    """Show a step of so many rows; the function that is given tells how many more are done."""
    if not sys.stderr.isatty():
        print(f"{what}: {total} rows", file=sys.stderr)
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
