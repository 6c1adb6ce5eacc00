"""
`ostiary`: start a gateway, check its configuration, run a user pool, run the demo.

Errors are one sentence on standard error and exit code 1; nothing prints a traceback for what
an operator can mend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostiary import __version__
from ostiary.cli.configuration import config
from ostiary.cli.debugger import debugger
from ostiary.cli.options import (
    ConfFile,
    Prefix,
    check_file,
    check_operators,
    check_plugins,
    fail,
    load_settings,
    told,
    warn,
)

if TYPE_CHECKING:
    from ostiary.settings import ListenAddress, Settings

app = typer.Typer(
    name="ostiary",
    help="An API gateway that puts OpenID Connect in front of HTTP services.\n\n"
    "New here? Run `ostiary demo`: it shows the whole of it on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
userpool = typer.Typer(
    help="The Amazon-Cognito-compatible user pool.", no_args_is_help=True
)
secrets = typer.Typer(help="The secrets folder of a node.", no_args_is_help=True)
app.add_typer(userpool, name="userpool")
app.add_typer(secrets, name="secrets")
app.add_typer(config, name="config")
app.add_typer(debugger, name="debugger")


def _run(settings: Settings, roles: tuple[str, ...], started: str) -> None:
    from ostiary.node.secrets import SecretsUnsafe
    from ostiary.node.supervisor import CannotStart, Supervisor, run_node

    supervisor = Supervisor(settings, roles=roles)
    try:
        supervisor.prepare()
        asyncio.run(run_node(supervisor, lambda _: print(started, flush=True)))
    except (CannotStart, SecretsUnsafe) as error:
        fail(error)


@app.command()
def start(
    conf: ConfFile = None,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", help="Declarative file; wins over the settings."),
    ] = None,
    prefix: Prefix = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; one per core when unset.")
    ] = None,
) -> None:
    """Run the gateway until Ctrl-C. SIGHUP reads the declarative file again."""
    settings = load_settings(
        conf,
        {
            "declarative_config": str(config_file) if config_file else None,
            "database": "off" if config_file else None,
            "prefix": prefix,
            "nginx_worker_processes": workers,
        },
    )
    check_plugins(settings)
    check_operators(settings)
    has_text = settings.declarative_config_string is not None
    if (
        settings.database == "off"
        and settings.declarative_config is None
        and not has_text
    ):
        fail(
            "nothing to serve: give a declarative file with --config FILE "
            "(see `ostiary config init`), a database, or run `ostiary demo`"
        )
    if settings.database != "off" and (settings.declarative_config or has_text):
        warn("declarative_config is not read: the configuration is in a database")
    elif settings.declarative_config is not None:
        _, warnings = check_file(Path(settings.declarative_config))
        for warning in warnings:
            warn(warning)
    roles = ("control", "worker", *(("userpool",) if settings.userpool else ()))
    listens = _say_listen(settings.proxy_listen)
    manager = _say_listen(settings.admin_gui_listen)
    more = f"; the Manager: {manager}" if manager else ""
    _run(settings, roles, f"Ostiary started: {listens}{more}")


def _say_listen(addresses: Iterable[ListenAddress]) -> str:
    return ", ".join(
        f"{'https' if a.tls else 'http'}://{a.host}:{a.port}" for a in addresses
    )


@app.command()
def stop(
    conf: ConfFile = None,
    prefix: Prefix = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="How long to wait for its end, in seconds.")
    ] = 30.0,
) -> None:
    """Stop the node of a working folder; what it is answering is finished first."""
    from ostiary.cli.running import stop_node

    stop_node(Path(load_settings(conf, {"prefix": prefix}).prefix), timeout)
    print("Ostiary stopped")


@app.command()
def reload(conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Ask the node of a working folder to read its configuration again."""
    from ostiary.cli.running import reload_node

    settings = load_settings(conf, {"prefix": prefix})
    holder = reload_node(Path(settings.prefix))
    print(
        f"the node (pid {holder}) reads its configuration again; what is wrong with it is in "
        f"the error log, and the one before goes on"
    )


@app.command()
def health(conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Say whether the node of a working folder runs and serves; exit code 1 if not."""
    from ostiary.cli.running import check_node

    settings = load_settings(conf, {"prefix": prefix})
    check_node(settings)
    print(f"Ostiary is healthy at {settings.prefix}")


@app.command()
def check(
    conf: Annotated[Path, typer.Argument(help="The settings file.")],
) -> None:
    """Say whether a settings file can be used, together with the environment."""
    settings = load_settings(conf, {})
    check_plugins(settings)
    check_operators(settings)
    print(f"configuration at {conf} is valid")


@app.command()
def migrate(conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Make the tables of the database of the settings, or bring them up to date."""
    from ostiary.cli.rows import migrate as bring_up

    settings = load_settings(conf, {"prefix": prefix})
    if settings.database == "off":
        fail("the settings name no database: set database to postgres or sqlite")
    with told():
        before, after = asyncio.run(bring_up(settings))
    if before is None:
        print(f"the database is ready: its tables were made (step {after})")
    elif before != after:
        print(f"the database was brought from step {before} to {after}")
    else:
        print(f"the database is up to date (step {after})")


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--dir", help="Where the demo keeps its state.")
    ] = Path(".demo"),
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Drive the walk in Chromium, then stop.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the state of earlier runs.")
    ] = False,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Take free ports instead of Kong's.")
    ] = False,
    aws_names: Annotated[
        bool,
        typer.Option(
            "--aws-names",
            help="Give the pool its AWS-shaped names; needs hosts-file entries and port 443.",
        ),
    ] = False,
    hosts: Annotated[
        str,
        typer.Option(
            help="Host name of the gateway; kong-ee needs a hosts-file entry."
        ),
    ] = "kong-ee.localhost",
) -> None:
    """Run the whole page on this machine: user pool, gateway, echo upstream, mailbox."""
    from ostiary.cli.demo.run import DemoOptions, run_demo
    from ostiary.node.secrets import SecretsUnsafe
    from ostiary.node.supervisor import CannotStart

    options = DemoOptions(
        folder=folder.absolute(),
        check=check,
        fresh=fresh,
        free_ports=free_ports,
        aws_names=aws_names,
        host=hosts,
    )
    try:
        passed = asyncio.run(run_demo(options))
    except (CannotStart, SecretsUnsafe) as error:
        fail(error)
    if not passed:
        raise typer.Exit(1)


@userpool.command("serve")
def userpool_serve(conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Run the user pool alone, until Ctrl-C."""
    settings = load_settings(conf, {"prefix": prefix})
    listens = ", ".join(
        f"{'https' if a.tls else 'http'}://{a.host}:{a.port}"
        for a in settings.userpool_listen
    )
    console = "; its console is at /console" if settings.userpool_console else ""
    _run(settings, ("userpool",), f"User pool started: {listens}{console}")


@userpool.command("console-token")
def userpool_console_token(
    *,
    conf: ConfFile = None,
    prefix: Prefix = None,
    new: Annotated[
        bool,
        typer.Option("--new", help="Make another; restart the user pool to use it."),
    ] = False,
) -> None:
    """Print the token that the console asks for where it is open to the network."""
    from ostiary.node.secrets import SecretsUnsafe, open_console_token

    settings = load_settings(conf, {"prefix": prefix})
    try:
        token = open_console_token(Path(settings.prefix), fresh=new)
    except SecretsUnsafe as error:
        fail(error)
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}")
    print(token)


@secrets.command("rotate")
def secrets_rotate(conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Put a new session key first. Nobody is signed out; restart the node to use it."""
    from ostiary.node.secrets import SecretsUnsafe, rotate_ring

    settings = load_settings(conf, {"prefix": prefix})
    try:
        rotate_ring(Path(settings.prefix))
    except SecretsUnsafe as error:
        fail(error)
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}")
    print("a new session key is in place; restart the node to use it")


@app.command()
def doctor(
    config_file: Annotated[Path, typer.Option("--config", help="Declarative file.")],
    origin: Annotated[
        str, typer.Option(help="The gateway's address as browsers see it.")
    ] = "https://localhost:8443",
    conf: ConfFile = None,
    prefix: Prefix = None,
) -> None:
    """Find what would go wrong at the first sign-in: asks every provider, changes nothing."""
    from ostiary.cli.doctor import run
    from ostiary.node.secrets import SecretsUnsafe

    checked, _ = check_file(config_file)
    settings = load_settings(conf, {"prefix": prefix})
    trusted = settings.lua_ssl_trusted_certificate
    ca_file = None if trusted == "system" else Path(trusted)
    try:
        fine = run(checked, origin, ca_file=ca_file, prefix=Path(settings.prefix))
    except SecretsUnsafe as error:
        fail(error)
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror}")
    if not fine:
        raise typer.Exit(1)


@app.command()
def explain(
    request_id: Annotated[
        str, typer.Argument(help="The id on the error page or in the log.")
    ],
    admin: Annotated[
        str | None, typer.Option(help="Admin API, such as http://127.0.0.1:8001.")
    ] = None,
    conf: ConfFile = None,
) -> None:
    """Say why sign-in decided as it did about one request."""
    from ostiary.cli.explain import CannotExplain, fetch_story, tell

    if admin is None:
        plain = [a for a in load_settings(conf, {}).admin_listen if not a.tls]
        if not plain:
            fail("no Admin API listens without TLS; name one with --admin URL")
        host = "127.0.0.1" if plain[0].host in {"0.0.0.0", "::"} else plain[0].host  # noqa: S104 - compared
        admin = f"http://{host}:{plain[0].port}"
    try:
        for line in tell(fetch_story(admin.rstrip("/"), request_id)):
            print(line)
    except CannotExplain as error:
        fail(error)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)
