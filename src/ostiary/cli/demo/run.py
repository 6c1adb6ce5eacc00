"""
The demo: one command from nothing to a protected route, and nothing left running after it.

The demo's own sites (echo, mailbox, landing) run in this process; the gateway and the user
pool run under the same supervisor as in production.

Spec: decisions D30 to D33.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ostiary.adapters.certificates import write_private
from ostiary.adapters.fetch import AiohttpFetch
from ostiary.cli.demo import steps
from ostiary.cli.demo.ports import Ports, choose_ports
from ostiary.cli.demo.sites import (
    Mailbox,
    echo_app,
    landing_app,
    mailbox_app,
    serve_smtp,
)
from ostiary.cli.demo.trust import Trust, prepare_trust
from ostiary.cli.demo.values import DemoState
from ostiary.debugger.site import DebuggerSite, debugger_app
from ostiary.node.debugging import build_debugger
from ostiary.node.lock import AlreadyRunning, hold_folder
from ostiary.node.serving import serve_site
from ostiary.node.supervisor import CannotStart, Supervisor
from ostiary.settings import Settings, read_settings

STATE_FILE = "state.json"
ADMIN_EMAIL = "admin@example.org"
AWS_ISSUER_HOST = f"cognito-idp.{steps.REGION}.amazonaws.com"
AWS_DOMAIN_SUFFIX = f"auth.{steps.REGION}.amazoncognito.com"
AWS_NAMES = (AWS_ISSUER_HOST, f"{steps.DOMAIN}.{AWS_DOMAIN_SUFFIX}")
AWS_SETTINGS = {
    "userpool_issuer_base": f"https://{AWS_ISSUER_HOST}",
    "userpool_domain_suffix": AWS_DOMAIN_SUFFIX,
    "userpool_domain_port": 443,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line asks for."""

    folder: Path
    check: bool = False
    fresh: bool = False
    free_ports: bool = False
    aws_names: bool = False
    host: str = "kong-ee.localhost"


def _say(line: str) -> None:
    print(line, flush=True)


def _forget(folder: Path) -> None:
    """Remove what an earlier demo left, and nothing else that may be in such a folder."""
    left = [path for path in folder.iterdir() if path.name != ".lock"]
    if left and not (folder / "trust").exists():
        raise CannotStart(f"{folder} is not a demo's folder; it was not touched")
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _read_known(folder: Path) -> dict[str, str]:
    """Ids of an earlier run, so that its users are still there."""
    try:
        data = json.loads((folder / STATE_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return {
        k: data[k]
        for k in ("user_pool_id", "client_id")
        if isinstance(data.get(k), str)
    }


def build_settings(options: DemoOptions, ports: Ports, trust: Trust) -> Settings:
    """The node's settings: those of production, with the demo's addresses."""
    loopback = "127.0.0.1"
    return read_settings(
        file_text=None,
        environ={},
        overrides={
            "prefix": str(options.folder / "node"),
            "database": "sqlite",
            "proxy_listen": f"{loopback}:{ports.proxy}, {loopback}:{ports.proxy_tls} ssl",
            "admin_listen": f"{loopback}:{ports.admin}",
            "admin_gui_listen": f"{loopback}:{ports.manager}, {loopback}:{ports.manager_tls} ssl",
            "status_listen": f"{loopback}:{ports.status}",
            "portal": True,
            "portal_gui_listen": f"{loopback}:{ports.portal_gui}, {loopback}:{ports.portal_gui_tls} ssl",
            "portal_gui_protocol": "https",
            "portal_gui_host": f"{options.host}:{ports.portal_gui_tls}",
            "portal_api_listen": f"{loopback}:{ports.portal_api}, {loopback}:{ports.portal_api_tls} ssl",
            "smtp_mock": False,
            "smtp_admin_emails": ADMIN_EMAIL,
            "nginx_worker_processes": 2,
            "ssl_cert": str(trust.gateway_cert),
            "ssl_cert_key": str(trust.gateway_key),
            "lua_ssl_trusted_certificate": str(trust.ca_file),
            "debugger_allowed_hosts": ", ".join(
                ("public", "localhost", "*.localhost", *AWS_NAMES)
            ),
            "userpool": True,
            "userpool_listen": f"{loopback}:{ports.userpool}, {loopback}:{ports.userpool_tls} ssl",
            "userpool_ssl_cert": str(trust.pool_cert),
            **(AWS_SETTINGS if options.aws_names else {}),
            "userpool_ssl_cert_key": str(trust.pool_key),
            "smtp_host": loopback,
            "smtp_port": ports.smtp,
            "userpool_mailbox_url": f"http://{loopback}:{ports.mailbox}/",
        },
    ).settings


def build_site(options: DemoOptions, ports: Ports) -> steps.Site:
    """The addresses that the page's steps put together."""
    hosted_ui = f"https://{steps.DOMAIN}.auth.localhost:{ports.userpool_tls}"
    issuer_base = f"https://cognito-idp.localhost:{ports.userpool_tls}"
    if options.aws_names:
        issuer_base, hosted_ui = (f"https://{name}" for name in AWS_NAMES)
    return steps.Site(
        gateway=f"https://{options.host}:{ports.proxy_tls}",
        admin=f"http://127.0.0.1:{ports.admin}",
        userpool=f"http://127.0.0.1:{ports.userpool}",
        hosted_ui=hosted_ui,
        issuer_base=issuer_base,
        upstream=f"http://127.0.0.1:{ports.upstream}",
        gateway_host=options.host,
        portal_gui=f"https://{options.host}:{ports.portal_gui_tls}",
        portal_api=f"https://{options.host}:{ports.portal_api_tls}",
        manager=f"http://127.0.0.1:{ports.manager}",
        debugger=f"http://localhost:{ports.debugger}",
    )


def build_state(
    site: steps.Site,
    made: steps.Made,
    ports: Ports,
    trust: Trust,
    pids: tuple[int, ...],
) -> DemoState:
    """What state.json says."""
    members = f"{site.gateway}{steps.LOGOUT_ROUTE}"
    return DemoState(
        ca_file=str(trust.ca_file),
        proxy_url=f"http://{site.gateway_host}:{ports.proxy}",
        proxy_tls_url=site.gateway,
        admin_url=site.admin,
        userpool_url=site.userpool,
        userpool_tls_url=site.issuer_base,
        hosted_ui_url=site.hosted_ui,
        issuer=made.issuer(site),
        user_pool_id=made.user_pool_id,
        client_id=made.client_id,
        mailbox_url=f"http://127.0.0.1:{ports.mailbox}",
        upstream_url=site.upstream,
        pids=pids,
        pool_name=steps.POOL_NAME,
        client_name=steps.CLIENT_NAME,
        region=steps.REGION,
        domain=steps.DOMAIN,
        callback_urls=tuple(steps.callback_urls(site)),
        sign_out_url=members,
        protected_url=f"{site.gateway}/cognito/anything",
        second_url=f"{members}/anything",
        logout_url=f"{members}?logout=true",
        landing_url=f"http://127.0.0.1:{ports.landing}",
        portal_url=f"{site.portal_gui}/default",
        portal_api_url=f"{site.portal_api}/default",
        manager_url=site.manager,
        debugger_url=site.debugger,
        admin_email=ADMIN_EMAIL,
    )


def check_names(names: Sequence[str]) -> None:
    """
    See that names lead to this machine, and not to AWS or nowhere.

    Raises:
        CannotStart: One does not; the line for the hosts file is in the text.
    """
    for name in names:
        try:
            found = {row[4][0] for row in socket.getaddrinfo(name, 443)}
        except OSError:
            found = set()
        if found != {"127.0.0.1"}:
            raise CannotStart(
                f"{name} does not lead to this machine; "
                f"add this line to the hosts file: 127.0.0.1 {' '.join(names)}"
            )


def _listen(port: int) -> list[tuple[str, socket.socket]]:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return [("plain", sock)]


async def _count_users(site: steps.Site, made: steps.Made) -> int:
    """How many people have signed up so far."""
    client = await asyncio.to_thread(steps.cognito, site)
    reply = await asyncio.to_thread(
        client.describe_user_pool, UserPoolId=made.user_pool_id
    )
    return int(reply["UserPool"]["EstimatedNumberOfUsers"])


@asynccontextmanager
async def running_demo(
    options: DemoOptions, say: Callable[[str], None]
) -> AsyncIterator[DemoState]:
    """
    A demo that is ready, until the context ends.

    Raises:
        CannotStart: A port, a folder or a process cannot be had.
        StepFailed: A step of the page did not work.
    """
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(hold_folder(options.folder))
        except AlreadyRunning as error:
            raise CannotStart(str(error)) from error
        if options.fresh:
            _forget(options.folder)
        ports = choose_ports(free=options.free_ports, say=say)
        if not options.host.endswith("localhost"):
            check_names((options.host,))
        if options.aws_names:
            check_names(AWS_NAMES)
            ports = replace(ports, userpool_tls=443)
        trust = prepare_trust(
            options.folder / "trust",
            host=options.host,
            domain_prefix=steps.DOMAIN,
            aws_names=AWS_NAMES if options.aws_names else (),
        )
        known = _read_known(options.folder)
        site = build_site(options, ports)
        supervisor = Supervisor(
            build_settings(options, ports, trust),
            roles=("control", "worker", "userpool"),
        )
        landing_url = f"http://127.0.0.1:{ports.landing}"
        mailbox = Mailbox()
        smtp = await serve_smtp(mailbox, port=ports.smtp)
        stack.callback(smtp.close)
        await stack.enter_async_context(
            serve_site(
                mailbox_app(mailbox, landing_url=landing_url),
                _listen(ports.mailbox),
            )
        )
        await stack.enter_async_context(
            serve_site(echo_app(landing_url=landing_url), _listen(ports.upstream))
        )
        fetch = AiohttpFetch(ca_file=str(trust.ca_file), keeps=False)
        stack.push_async_callback(fetch.close)
        debugger = DebuggerSite(
            debugger=build_debugger(fetch, allowed="*"),
            admin=site.admin,
            home_url=landing_url,
        )
        await stack.enter_async_context(
            serve_site(debugger_app(debugger), _listen(ports.debugger))
        )
        supervisor.prepare()
        stack.push_async_callback(supervisor.stop)
        await supervisor.start()
        made = await asyncio.to_thread(
            partial(steps.perform, site, known, say, configure=steps.configure_gateway)
        )
        await asyncio.to_thread(steps.configure_portal, site, made)
        say("Dev Portal: on, Open ID Connect, the Auth Config JSON pasted")
        say(f"Extra: the portal's example API can be tried, at {site.gateway}{steps.BOOKSHOP_ROUTE}")  # fmt: skip
        pids = tuple(sorted(set(supervisor.pids.values())))
        state = build_state(site, made, ports, trust, pids)
        landing = landing_app(state, count_users=lambda: _count_users(site, made))
        await stack.enter_async_context(serve_site(landing, _listen(ports.landing)))
        write_private(options.folder / STATE_FILE, state.to_json().encode())
        yield state


def _describe(state: DemoState) -> str:
    return f"""
Everything is running. Start here:

  The page, step by step    {state.landing_url}
  The protected route       {state.protected_url}
  The mailbox               {state.mailbox_url}
  The developer portal      {state.portal_url}
  The Manager               {state.manager_url}
  The debugger              {state.debugger_url}/
  The Admin API             {state.admin_url}
  The user pool (boto3)     {state.userpool_url}
  The user pool's console   {state.userpool_url}/console

Your browser does not know the demo's certificate authority and will warn once;
its certificate is {state.ca_file}
Ctrl-C stops everything."""


async def run_demo(options: DemoOptions) -> bool:
    """
    Run the demo until Ctrl-C, or through the walk; tell whether it went well.

    Raises:
        CannotStart: It cannot start; the text says why in one sentence.
    """
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(_demo(options))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        _say("\nStopped.")
        return not options.check


async def _demo(options: DemoOptions) -> bool:
    _say(f"Ostiary demo, state in {options.folder}")
    try:
        async with running_demo(options, lambda line: _say(f"  done  {line}")) as state:
            if not options.check:
                _say(_describe(state))
                await asyncio.Event().wait()
            from ostiary.cli.demo.check import run_walk

            passed = await run_walk(state, out=_say, artifacts=options.folder / "walk")
            _say("The walk passed." if passed else "The walk FAILED.")
            return passed
    except steps.StepFailed as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        raise CannotStart(
            f"cannot use {error.filename or options.folder}: {os.strerror(error.errno or 0)}"
        ) from error
