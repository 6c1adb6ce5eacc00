"""The node that tests share, and what it is like when nobody uses it."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.cli.demo import steps
from tests.support.node import Node
from tests.support.page_file import apply_declarative


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNode:
    """A node on which the page's steps are done."""

    node: Node
    made: steps.Made
    file: str

    def is_as_made(self) -> bool:
        """It runs, and every worker serves the page's file."""
        node = self.node
        if node.process is None or node.process.poll() is not None:
            return False
        status = node.status()
        served = dict.fromkeys(("1", "2"), status["configuration_hash"])
        return (
            node.file.read_text() == self.file
            and status["problem"] is None
            and status["workers"] == served
            and sorted(node.children().values())
            == ["control", "userpool", "worker", "worker"]
        )

    def restart(self) -> None:
        """Make it again what it was, as well as that can be done."""
        node = self.node
        if node.process is not None and node.process.poll() is None:
            node.stop()
        node.file.write_text(self.file)
        node.start()

    def put_back(self) -> None:
        """Serve the page's file again."""
        self.node.file.write_text(self.file)
        apply_declarative(self.node.site, self.node.file)
