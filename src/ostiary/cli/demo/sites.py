"""The demo's own sites, in one place: the echo upstream, the mailbox and the front page."""

from __future__ import annotations

from ostiary.cli.demo.echo import echo_app
from ostiary.cli.demo.landing import landing_app
from ostiary.cli.demo.mailbox import Mailbox, mailbox_app, serve_smtp
from ostiary.cli.demo.values import DemoState

__all__ = [
    "DemoState",
    "Mailbox",
    "echo_app",
    "landing_app",
    "mailbox_app",
    "serve_smtp",
]
