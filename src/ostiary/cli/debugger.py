"""
`ostiary debugger`: a provider, and what it gives out, held against every rule that the gateway has.

By itself it serves a page on this machine. Tokens come from a file or standard input, never as an
argument, which other users of the machine could read. They are decoded here, shown to whoever asked,
and kept nowhere.

Spec: OpenID Connect Core 1.0 §3.1.3.7, RFC 9068 §4.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ostiary.cli.options import ConfFile, fail, load_settings

debugger = typer.Typer()


@debugger.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where the page is, on this machine.")
    ] = 8090,
    allow: Annotated[
        str,
        typer.Option(help="Hosts that may be asked: names, *.domains, public, or *."),
    ] = "*",
    conf: ConfFile = None,
) -> None:
    """Find out why a sign-in does not work: serves a page for it on this machine, until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    from ostiary.cli.debugger_page import run_page

    trusted = load_settings(conf, {}).lua_ssl_trusted_certificate
    ca_file = None if trusted == "system" else trusted
    try:
        asyncio.run(run_page(port=port, allowed=allow, ca_file=ca_file))
    except ValueError as error:
        fail(f"--allow: {error}")
    except OSError as error:
        fail(
            f"cannot listen on port {port}: {error.strerror}; name another with --port"
        )


@debugger.command()
def token(
    issuer: Annotated[str, typer.Option(help="The provider: issuer or discovery URL.")],
    client_id: Annotated[str, typer.Option(help="The client that it is for.")],
    file: Annotated[
        Path, typer.Option(help="Where the token is; - is standard input.")
    ] = Path("-"),
    kind: Annotated[
        Literal["id", "access"] | None,
        typer.Option(help="What it should be; left out: what it looks like."),
    ] = None,
    nonce: Annotated[
        str | None, typer.Option(help="The nonce that the sign-in was sent with.")
    ] = None,
    leeway: Annotated[
        int, typer.Option(min=0, help="By how many seconds clocks may differ.")
    ] = 0,
    conf: ConfFile = None,
) -> None:
    """Decode a token and hold it against every rule: what was expected, and what it says."""
    from ostiary.cli.asking import CannotAsk, Question, ask

    try:
        text = sys.stdin.read() if file == Path("-") else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read the token from {file}: {error}")
    words = text.split()
    if not words:
        fail("there is no token: give it on standard input, or in a --file")
    trusted = load_settings(conf, {}).lua_ssl_trusted_certificate
    question = Question(
        token=words[-1],  # after `Bearer`, if that came along
        issuer=issuer,
        client_id=client_id,
        kind=kind,
        nonce=nonce,
        leeway_s=leeway,
        ca_file=None if trusted == "system" else trusted,
    )
    try:
        answer = asyncio.run(ask(question))
    except CannotAsk as error:
        fail(error)
    for line in answer.lines():
        print(line)
    if not answer.is_good:
        raise typer.Exit(1)
