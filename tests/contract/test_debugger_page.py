"""`ostiary debugger`: its page in a process of its own, on loopback, asking a real user pool."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.contract.page_node import PageNode
from tests.support.command import Commands
from tests.support.node import bare_environ


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    *options: str, environ: dict[str, str]
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ostiary", "debugger", "--port", str(port), *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert f"http://localhost:{port}/" in process.stdout.readline()
        assert f"http://localhost:{port}/callback" in process.stdout.readline()
        yield port, process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def ask(
    port: int, form: dict[str, str] | None = None, **fields: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    said = {"Host": f"localhost:{port}", "Sec-Fetch-Site": "same-origin"}
    said |= {name.replace("_", "-"): value for name, value in fields.items()}
    body = None
    if form is not None:
        body = urlencode(form)
        said["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("GET" if form is None else "POST", "/", body, said)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def words(page: str) -> str:
    bare = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(bare).split())


async def test_it_looks_a_user_pool_up_and_stops_at_ctrl_c(page_node: PageNode) -> None:
    issuer = page_node.made.issuer(page_node.node.site)

    def look() -> tuple[str, int, str]:
        with running(environ=page_node.node.environ()) as (port, process):
            _, page = ask(port, {"issuer": issuer, "act": "discover", "pkce": "on"})
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=20)
            return words(page), process.returncode, errors

    page, code, errors = await asyncio.to_thread(look)

    assert "/oauth2/token" in page
    assert "Everything so far is as it should be." in page
    assert (code, errors) == (0, "")


async def test_without_the_pool_s_authority_it_names_the_certificate(
    page_node: PageNode,
) -> None:
    issuer = page_node.made.issuer(page_node.node.site)

    def look() -> str:
        with running(environ=bare_environ()) as (port, _):
            return ask(port, {"issuer": issuer, "act": "discover", "pkce": "on"})[1]

    page = await asyncio.to_thread(look)

    assert 'data-cause="certificate_untrusted"' in page


def test_it_answers_to_loopback_names_and_to_its_own_forms_only() -> None:
    with running(environ=bare_environ()) as (port, _):
        form = {"issuer": "https://idp.example", "act": "discover"}
        statuses = [
            ask(port)[0],
            ask(port, Host="evil.example")[0],
            ask(port, form, Sec_Fetch_Site="cross-site")[0],
            ask(port, form, Sec_Fetch_Site="same-site")[0],
            ask(port, form, Origin="https://evil.example")[0],
        ]
        # Another address of this machine.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)

    assert statuses == [200, 400, 403, 403, 403]


def test_it_asks_only_hosts_that_are_allowed() -> None:
    with running("--allow", "idp.example.org", environ=bare_environ()) as (port, _):
        form = {"issuer": "https://cognito-idp.localhost:9", "act": "discover"}
        page = ask(port, form)[1]

    assert 'data-cause="place_forbidden"' in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--allow", "https://idp.example.org/"), "is no host"),
        (("--port", "0"), "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...], said: str
) -> None:
    commands = Commands(folder=tmp_path_factory.mktemp("debugger"), here=True)
    done = commands.run("debugger", *options)

    assert done.code != 0
    assert said in done.err + done.out


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "ostiary", "debugger", "--port", str(port)],
            env=bare_environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 1
    assert f"cannot listen on port {port}" in done.stderr
