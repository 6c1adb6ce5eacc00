"""A node through the real commands: the page's environment, stop, reload, health, check."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import yaml

from ostiary.cli.demo.ports import Ports, choose_ports
from tests.support.command import Commands
from tests.support.lean_node import eventually, lean_node
from tests.support.page_environment import SEED
from tests.support.postgres_server import PASSWORD, postgres_server

END_S = 30


def listens(ports: Ports) -> dict[str, str]:
    return {
        "KONG_PROXY_LISTEN": f"127.0.0.1:{ports.proxy}, 127.0.0.1:{ports.proxy_tls} ssl",
        "KONG_ADMIN_LISTEN": f"127.0.0.1:{ports.admin}",
        "KONG_STATUS_LISTEN": f"127.0.0.1:{ports.status}",
        "KONG_ADMIN_GUI_LISTEN": "off",
        "KONG_NGINX_WORKER_PROCESSES": "1",
    }


def free_ports() -> Ports:
    return choose_ports(free=True, say=lambda _: None)


@contextmanager
def started(commands: Commands, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`ostiary start`, until the end of the block."""
    with (commands.folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "ostiary", "start", *words],
            cwd=commands.folder, env=commands.whole_environ(), stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, text=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(END_S)


def has_started(commands: Commands) -> bool:
    return "Ostiary started" in (commands.folder / "said").read_text()


@asynccontextmanager
async def running(commands: Commands) -> AsyncIterator[subprocess.Popen[str]]:
    with started(commands) as process:

        async def ready() -> bool:
            assert process.poll() is None, (commands.folder / "said").read_text()
            return has_started(commands)

        await eventually(ready)
        yield process


def get(url: str, trust: ssl.SSLContext | None = None) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5, context=trust) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.spec("gateway#5.2")
async def test_the_pages_environment_starts_a_node_on_postgresql(
    tmp_path: Path,
) -> None:
    ports = free_ports()
    with postgres_server() as server:
        server.do(
            f"CREATE ROLE kong LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE kong OWNER kong",
        )
        (tmp_path / "pg").write_text(PASSWORD + "\n")
        environ = {
            **SEED,
            **listens(ports),
            "KONG_PG_HOST": str(server.folder),
            "KONG_PG_PASSWORD_FILE": str(tmp_path / "pg"),
            "KONG_PORTAL_GUI_LISTEN": f"127.0.0.1:{ports.portal_gui}, 127.0.0.1:{ports.portal_gui_tls} ssl",
            "KONG_PORTAL_API_LISTEN": f"127.0.0.1:{ports.portal_api}, 127.0.0.1:{ports.portal_api_tls} ssl",
            # With the page's blank before the comma.
            "KONG_ADMIN_LISTEN": f"127.0.0.1:{ports.admin} , 127.0.0.1:{ports.smtp} ssl",
        }
        commands = Commands(folder=tmp_path, environ=environ)
        async with running(commands):
            said = (tmp_path / "said").read_text()
            assert PASSWORD not in said
            for name in ("CASSANDRA_CONTACT_POINTS", "LICENSE_DATA"):
                assert f"KONG_{name}" in said
            assert "planted" not in said
            trust = ssl.create_default_context(
                cafile=commands.prefix / "ssl" / "default.crt"
            )
            assert get(f"http://127.0.0.1:{ports.admin}/services") == 200
            assert get(f"https://127.0.0.1:{ports.smtp}/services", trust) == 200
            assert get(f"http://127.0.0.1:{ports.proxy}/") == 404
            # It asks for an audit log; without one there is no such path.
            assert get(f"http://127.0.0.1:{ports.admin}/audit/requests") == 200


@pytest.mark.spec("gateway#5.9")
async def test_a_node_is_found_by_its_folder_and_stopped(tmp_path: Path) -> None:
    ports = free_ports()
    service = {"name": "a", "host": "a.example"}
    text = yaml.safe_dump({"_format_version": "3.0", "services": [service]})
    environ = {**listens(ports), "KONG_DECLARATIVE_CONFIG_STRING": text}
    commands = Commands(folder=tmp_path, environ=environ)
    for word in ("health", "stop", "reload"):
        assert commands.fails(word) == f"no node runs in {commands.prefix}"

    async with running(commands) as process:
        assert get(f"http://127.0.0.1:{ports.admin}/config") == 200
        assert commands.fine("health") == f"Ostiary is healthy at {commands.prefix}\n"
        exported = yaml.safe_load(commands.fine("config", "export"))
        assert [row["name"] for row in exported["services"]] == ["a"]
        elsewhere = Commands(
            folder=tmp_path, environ={**environ, "KONG_STATUS_LISTEN": "127.0.0.1:1"}
        )
        assert "does not answer at" in elsewhere.fails("health")
        assert commands.fine("stop", "-p", commands.prefix) == "Ostiary stopped\n"
        assert process.wait(END_S) == 0
        assert commands.fails("health") == f"no node runs in {commands.prefix}"


@pytest.mark.spec("gateway#5.9")
async def test_a_node_reads_its_file_again_when_told(tmp_path: Path) -> None:
    ports = free_ports()
    commands = Commands(folder=tmp_path, environ=listens(ports))
    refuse = {"name": "request-termination", "config": {"status_code": 418}}
    commands.environ["KONG_DECLARATIVE_CONFIG"] = str(commands.write("kong.yml"))
    async with running(commands):
        assert get(f"http://127.0.0.1:{ports.proxy}/a") == 404
        route = {"name": "a", "paths": ["/a"], "plugins": [refuse]}
        commands.write("kong.yml", routes=[route])
        assert "reads its configuration again" in commands.fine("reload")

        async def served() -> bool:
            return get(f"http://127.0.0.1:{ports.proxy}/a") == 418

        await eventually(served)


@pytest.mark.spec("gateway#5.3")
async def test_a_node_knows_only_the_plugins_that_are_enabled(tmp_path: Path) -> None:
    async with lean_node(tmp_path, database="sqlite", plugins="cors") as node:
        admin, fields = node.ports.admin, {"content_type": "application/json"}
        fine = await node.get(admin, "/plugins", method="POST", body='{"name":"cors"}', **fields)  # fmt: skip
        other = await node.get(admin, "/plugins", method="POST", body='{"name":"jwt"}', **fields)  # fmt: skip

    assert (fine.status, other.status) == (201, 400)
    assert b"not enabled" in other.body


@pytest.mark.spec("gateway#5.1")
def test_a_settings_file_is_judged_with_all_its_mistakes(tmp_path: Path) -> None:
    commands = Commands(folder=tmp_path)
    good, bad = tmp_path / "good.conf", tmp_path / "bad.conf"
    good.write_text("log_level = debug\nvitals = on\n")
    bad.write_text("log_level = loud\npg_port = x\nenforce_rbac = maybe\nodd = 1\n")

    fine = commands.run("check", good)
    assert (fine.code, fine.out) == (0, f"configuration at {good} is valid\n")
    assert fine.err.startswith("Warning: setting vitals: no effect")
    told = commands.fails("check", bad)
    for name in ("'pg_port'", "enforce_rbac", "odd"):
        assert name in told
    assert "(is 'x')" in told
    plugins = tmp_path / "plugins.conf"
    plugins.write_text("plugins = bundled, my-own\n")
    assert "my-own plugin is enabled but not installed" in commands.fails("check", plugins)  # fmt: skip
    assert "cannot read" in commands.fails("check", tmp_path / "nowhere.conf")


async def test_what_is_refused_does_not_start(tmp_path: Path) -> None:
    commands = Commands(
        folder=tmp_path, environ={"KONG_ENFORCE_RBAC": "on", "KONG_DATABASE": "off"}
    )

    told = await asyncio.to_thread(commands.fails, "start")
    assert "'enforce_rbac': must be off without a database" in told
