"""The status listener of a real node: readiness, sums over workers, deaths, off switches."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ostiary.settings import Settings
from tests.support.lean_node import LeanNode, eventually, lean_node, total

ROUTED = "kong_http_requests_total"


def declare(node: LeanNode) -> dict[str, Any]:
    """One route to the echo, one to a port where nobody listens."""
    return {
        "services": [
            {
                "name": "echo",
                "url": f"http://127.0.0.1:{node.ports.upstream}",
                "routes": [{"name": "up", "paths": ["/up"]}],
            },
            {
                "name": "gone",
                "url": f"http://127.0.0.1:{node.ports.smtp}",
                "retries": 0,
                "routes": [{"name": "down", "paths": ["/down"]}],
            },
        ]
    }


async def visit(node: LeanNode, path: str, count: int) -> None:
    for _ in range(count):
        await node.proxy(path)


async def requests(node: LeanNode, *words: str) -> float:
    return total(await node.read_metrics(), ROUTED, *words)


@pytest.mark.spec("gateway#1.14")
async def test_it_is_ready_when_every_worker_serves_a_configuration(
    tmp_path: Path,
) -> None:
    async with lean_node(tmp_path, status_flags="ssl") as node:
        before = await node.status("/status/ready")
        assert before.status == 503
        assert before.json() == {
            "message": "no configuration available (empty configuration present)"
        }

        await node.configure(declare(node))
        after = await node.status("/status/ready")
        assert (after.status, after.json()) == (200, {"message": "ready"})

        stuck = node.supervisor.pids["worker 2"]
        os.kill(stuck, signal.SIGSTOP)
        try:
            seen = await node.status("/status/ready")
        finally:
            os.kill(stuck, signal.SIGCONT)
        assert seen.status == 503
        assert seen.json() == {"message": "worker 2 does not answer"}
        log = (node.prefix / "logs" / "status_error.log").read_text()
        assert "[warn]" in log
        assert "no answer from worker 2" in log

        async def ready() -> bool:
            return (await node.status("/status/ready")).status == 200

        await eventually(ready)


@pytest.mark.spec("gateway#4.5")
async def test_numbers_are_summed_over_the_workers(tmp_path: Path) -> None:
    async with lean_node(tmp_path, status_access_log="logs/status.log json") as node:
        await node.configure(declare(node))
        await visit(node, "/up/a", 20)
        await visit(node, "/down", 20)
        await visit(node, "/nowhere", 5)
        found = await node.read_metrics()

        assert total(found, ROUTED, '"up"', '"code": "200"', '"service": "echo"') == 20
        assert total(found, ROUTED, '"down"', '"502"', '"source": "kong"') == 20
        assert total(found, ROUTED, '"route": ""', '"code": "404"') == 5
        assert total(found, "kong_nginx_requests_total") == 45
        assert total(found, "kong_kong_latency_ms_count") == 45
        assert total(found, "kong_upstream_latency_ms_count") == 20
        assert total(found, "kong_bandwidth_bytes", '"egress"', '"up"') > 20 * 100
        assert total(found, "kong_nginx_connections_total", '"accepted"') == 45
        assert total(found, "ostiary_snapshot_workers") == 2
        log = (node.prefix / "logs" / "error.log").read_text()
        pids = {f"] {pid}#" for n, pid in node.supervisor.pids.items() if "worker" in n}
        assert [p for p in pids if p not in log] == []
        assert found.keys() == (await node.read_metrics(node.ports.admin)).keys()
        opened = total(found, "ostiary_upstream_connections_total", '"opened"')
        reused = total(found, "ostiary_upstream_connections_total", '"reused"')
        assert opened + reused == 20
        assert opened >= 2

        status = (await node.status("/status?unit=k&scale=1")).json()
        assert status["server"]["total_requests"] == 45
        assert status["server"]["connections_accepted"] == 45
        vms = status["memory"]["workers_lua_vms"]
        assert {v["pid"] for v in vms} == {
            node.supervisor.pids["worker 1"], node.supervisor.pids["worker 2"],
        }  # fmt: skip
        assert all(v["http_allocated_gc"].endswith(" KiB") for v in vms)
        admin = (await node.get(node.ports.admin, "/status")).json()
        assert admin.keys() == status.keys()
        await _check_refusals(node)


async def _check_refusals(node: LeanNode) -> None:
    bad = await node.status("/status?unit=V")
    assert bad.status == 400
    assert bad.json() == {"message": "invalid unit 'V' (expected 'k/K', 'm/M', or 'g/G')"}  # fmt: skip
    assert (await node.status("/status?scale=x")).status == 400
    nothing = await node.status("/services")
    assert (nothing.status, nothing.json()) == (404, {"message": "Not found"})
    posted = await node.status("/status", method="POST")
    assert (posted.status, posted.json()) == (405, {"message": "Method not allowed"})
    asked = "application/openmetrics-text; version=1.0.0"
    opened = await node.status("/metrics", accept=asked)
    assert str(opened.headers["Content-Type"]).startswith(asked)
    assert opened.body.endswith(b"# EOF\n")
    lines = (node.prefix / "logs" / "status.log").read_text()
    assert '"path":"/metrics"' in lines


async def test_counters_survive_every_process_that_counts(tmp_path: Path) -> None:
    async with lean_node(tmp_path) as node:
        await node.configure(declare(node))
        await visit(node, "/up", 24)
        assert await requests(node, '"up"') == 24
        first = node.supervisor.pids
        for name in ("worker 1", "worker 2"):
            os.kill(first[name], signal.SIGKILL)

        async def replaced() -> bool:
            found = await node.read_metrics()
            assert total(found, ROUTED, '"up"') == 24
            return total(found, "ostiary_snapshot_workers") == 2

        await eventually(replaced)
        assert first["worker 1"] != node.supervisor.pids["worker 1"]
        await visit(node, "/up", 6)
        assert await requests(node, '"up"') == 30

        os.kill(first["control"], signal.SIGKILL)

        async def control_is_back() -> bool:
            return (await node.status("/status/ready")).status == 200

        await eventually(control_is_back)
        assert await requests(node, '"up"') == 30

        # A replaced worker leaves its last numbers behind; nobody has asked for them before.
        await visit(node, "/up", 10)
        await node.supervisor.replace_workers()
        assert await requests(node, '"up"') == 40
        assert total(await node.read_metrics(), "ostiary_workers_missing") == 0


@pytest.mark.spec("gateway#5.2")
async def test_logs_go_to_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ports = {"proxy_access_log": "/dev/stdout", "admin_access_log": "/dev/stdout"}
    async with lean_node(tmp_path, **ports, status_access_log="/dev/stdout") as node:
        await node.configure(declare(node))
        await node.proxy("/up?code=planted")
        await node.status("/status")
        printed = capfd.readouterr().out

    assert '"GET /up?code=*** HTTP/1.1" 200 ' in printed
    assert '"POST /config HTTP/1.1" 201 ' in printed
    assert '"GET /status HTTP/1.1" 200 ' in printed
    assert not (tmp_path / "node" / "logs" / "access.log").exists()


@pytest.mark.spec("gateway#5.3")
async def test_what_is_off_is_not_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    off = dict.fromkeys(("proxy_access_log", "proxy_error_log", "admin_access_log", "admin_error_log", "status_listen"), "off")  # fmt: skip
    async with lean_node(tmp_path, **off) as node:
        await node.configure(declare(node))
        await visit(node, "/down", 4)
        with pytest.raises(ConnectionRefusedError):
            await node.status("/status")
        found = await node.read_metrics(node.ports.admin)
        assert total(found, ROUTED, '"down"') == 4

    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert list((tmp_path / "node").rglob("*.log")) == []


@pytest.mark.spec("T-K15")
async def test_numbers_stories_and_configuration_are_behind_listeners_of_their_own(
    tmp_path: Path,
) -> None:
    usual = Settings()
    for listener in (*usual.admin_listen, *usual.status_listen):
        assert listener.host == "127.0.0.1"
    paths = (
        "/metrics", "/status", "/status/ready", "/services", "/plugins", "/config",
        "/openid-connect/flows", "/openid-connect/jwks", "/debug", "/debug/pprof/",
        "/_health", "/server-status", "/nginx_status",
    )  # fmt: skip
    async with lean_node(tmp_path) as node:
        await node.configure(declare(node))
        assert (await node.status("/metrics")).status == 200
        for path in paths:
            found = await node.proxy(path)
            assert found.status == 404, path
            assert found.json()["message"] == "no Route matched with those values"
        for path in ("/services", "/config", "/openid-connect/flows"):
            assert (await node.status(path)).status == 404, path


async def test_a_node_that_has_started_serves_all_of_a_large_file(
    tmp_path: Path,
) -> None:
    routes = [{"name": f"r{n}", "paths": [f"/r{n}"]} for n in range(3000)]
    file = tmp_path / "kong.json"
    service = {"name": "s", "host": "127.0.0.1", "port": 9, "routes": routes}
    file.write_text(json.dumps({"_format_version": "3.0", "services": [service]}))
    async with lean_node(tmp_path, declarative_config=str(file)) as node:
        first = [(await node.proxy("/r2999")).status for _ in range(8)]

    assert first == [502] * 8
