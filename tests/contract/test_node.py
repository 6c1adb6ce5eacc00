"""A whole node, started by the real command: workers, restarts, crashes, bad files, secrets."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ostiary.cli.demo import steps
from ostiary.node.supervisor import Supervisor
from ostiary.settings import read_settings
from tests.contract.page_node import PageNode
from tests.support.node import Node, running_node
from tests.support.page_file import apply_declarative, perform_page
from tests.support.person import PASSWORD, Person

EMAIL = "ada@example.com"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cognito" / "kong.yml"
DEADLINE_S = 20


async def eventually(check: Callable[[], bool]) -> None:
    """Wait, with a deadline, until something that other processes do is done."""
    deadline = time.monotonic() + DEADLINE_S
    while not await asyncio.to_thread(_quietly, check):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


def _quietly(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except OSError:
        return False


def perform(node: Node) -> steps.Made:
    return perform_page(node.site, node.file)


def members(node: Node) -> str:
    return f"{node.site.gateway}{steps.LOGOUT_ROUTE}"


async def test_a_sign_in_holds_on_every_worker_and_over_restarts(
    page_node: PageNode,
) -> None:
    node = page_node.node
    person = Person(node.trust.ca_file)
    page = f"{node.site.gateway}/cognito/anything?x=1"
    mark = node.mark()
    arrived = await asyncio.to_thread(
        person.sign_up, node, page, "signed-in@example.com"
    )

    assert (arrived.status, arrived.url) == (200, page)
    strangers = [Person(node.trust.ca_file) for _ in range(24)]
    for stranger in strangers:
        assert (await asyncio.to_thread(stranger.get, page)).status == 302
    assert {"1", "2"} <= set(re.findall(r"\] \d+#(\d): \*\d+ ", node.logs(mark)))
    for _ in range(24):
        assert (await asyncio.to_thread(person.get, page)).status == 200

    await asyncio.to_thread(node.stop)
    assert node.children() == {}
    await asyncio.to_thread(node.start)
    for _ in range(8):
        assert (await asyncio.to_thread(person.get, page)).status == 200


async def test_a_logout_holds_on_every_worker_and_over_restarts(
    page_node: PageNode,
) -> None:
    node = page_node.node
    person = Person(node.trust.ca_file)
    page = f"{members(node)}/anything"
    arrived = await asyncio.to_thread(
        person.sign_up, node, page, "signed-out@example.com"
    )
    assert arrived.status == 200
    kept = {host: dict(jar) for host, jar in person.jar.items()}
    left = await asyncio.to_thread(person.get, f"{members(node)}?logout=true")

    assert left.status == 302
    assert left.location is not None
    assert left.location.startswith(f"{node.site.hosted_ui}/logout?client_id=")
    person.jar = {"kong-ee.localhost": kept["kong-ee.localhost"]}
    for _ in range(12):
        assert (await asyncio.to_thread(person.get, page)).status == 302
        person.jar = {"kong-ee.localhost": dict(kept["kong-ee.localhost"])}
    await asyncio.to_thread(node.stop)
    await asyncio.to_thread(node.start)
    assert (await asyncio.to_thread(person.get, page)).status == 302


async def test_the_example_for_real_aws_works_with_the_local_pool(
    page_node: PageNode,
) -> None:
    node, made = page_node.node, page_node.made
    data = yaml.safe_load(EXAMPLE.read_text())
    service = data["services"][0]
    service["url"] = node.site.upstream
    config = service["routes"][0]["plugins"][0]["config"]
    assert set(config) == {"issuer", "client_id"}
    config["issuer"] = f"{made.issuer(node.site)}/.well-known/openid-configuration"
    config["client_id"] = [made.client_id]
    node.file.write_text(yaml.safe_dump(data))
    await asyncio.to_thread(apply_declarative, node.site, node.file)
    person = Person(node.trust.ca_file)
    page = f"{node.site.gateway}/cognito/anything"
    arrived = await asyncio.to_thread(person.sign_up, node, page, "aws@example.com")

    assert arrived.status == 200
    seen = await asyncio.to_thread(lambda: person.get(page, accept="application/json"))
    assert str(seen.json()["authorization"]).startswith("Bearer ")
    assert seen.json()["cookies"] == []
    await asyncio.to_thread(page_node.put_back)


async def test_a_broken_file_is_named_and_changes_nothing(page_node: PageNode) -> None:
    node = page_node.node
    good = node.file.read_text()
    revision = node.status()["configuration_hash"]
    assert node.process is not None
    node.file.write_text(good.replace("/cognito", "no-slash"))
    node.process.send_signal(signal.SIGHUP)
    await eventually(lambda: node.status()["problem"] is not None)

    status = node.status()
    assert "services[0].routes[0].paths" in str(status["problem"])
    assert status["configuration_hash"] == revision
    stranger = Person(node.trust.ca_file)
    page = f"{node.site.gateway}/cognito/anything"
    assert (await asyncio.to_thread(stranger.get, page)).status == 302

    node.file.write_text(good)
    node.process.send_signal(signal.SIGHUP)
    await eventually(lambda: node.status()["problem"] is None)


async def test_a_killed_worker_comes_back_and_control_is_not_needed(
    page_node: PageNode,
) -> None:
    node = page_node.node
    page = f"{node.site.gateway}/cognito/anything"
    first = node.children()
    for pid, role in first.items():
        if role in {"control", "worker"}:
            os.kill(pid, signal.SIGKILL)
    await eventually(
        lambda: (
            sorted(node.children().values()) == sorted(first.values())
            and not set(node.children())
            & {p for p, r in first.items() if r != "userpool"}
        )
    )

    stranger = Person(node.trust.ca_file)
    for _ in range(6):
        assert (await asyncio.to_thread(stranger.get, page)).status == 302
    await eventually(lambda: node.status()["problem"] is None)


async def test_nothing_is_left_when_the_supervisor_is_killed(
    page_node: PageNode,
) -> None:
    node = page_node.node
    assert node.process is not None
    pids = list(node.children())
    assert len(pids) == 4
    node.process.kill()
    await asyncio.to_thread(node.process.wait, 10)

    await eventually(lambda: not any(Path(f"/proc/{p}").exists() for p in pids))
    await asyncio.to_thread(node.start)


@pytest.mark.spec("T-K14")
async def test_no_secret_of_a_whole_sign_in_is_in_any_log(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        await asyncio.to_thread(perform, node)
        person = Person(node.trust.ca_file)
        page = f"{members(node)}/anything?refresh_token=planted-token"
        await asyncio.to_thread(person.sign_up, node, page, EMAIL)
        opaque = f"{members(node)}?access_token=planted-token"
        denied = await asyncio.to_thread(Person(node.trust.ca_file).get, opaque)
        assert denied.status == 401
        left = await asyncio.to_thread(person.get, f"{members(node)}?logout=true")
        await asyncio.to_thread(person.follow, left)
        await asyncio.to_thread(person.sign_in, page, EMAIL)
        wrong = Person(node.trust.ca_file)
        seen = wrong.follow(wrong.get(page))
        wrong.submit(seen, username=EMAIL, password="Wrong-Passw0rd!")
        await asyncio.to_thread(
            wrong.get,
            f"{members(node)}?code=planted-code&state=planted-state&iss=planted-iss",
        )
        secrets = {s for s in person.secrets | wrong.secrets if len(s) > 5}
        secrets |= {
            "planted-token",
            "planted-code",
            "planted-state",
            PASSWORD,
            "Wrong-Passw0rd!",
        }
        ring = (node.prefix / "secrets" / "session-keys.json").read_text()
        secrets |= set(re.findall(r"[0-9a-f]{64}", ring))
        assert len(secrets) > 20
        # First prove that this very search finds each of them in a log where it is.
        control = node.prefix / "logs" / "control.log"
        control.write_text("\n".join(f"a line with {s} in it" for s in secrets))
        planted = node.logs()
        assert sorted(s for s in secrets if s not in planted) == []
        control.unlink()
        logs = node.logs()

        assert "GET /members" in logs
        assert "signed in by authorization code" in logs
        assert sorted(s for s in secrets if s in logs) == []


async def test_an_occupied_port_is_one_sentence(
    page_node: PageNode, tmp_path: Path
) -> None:
    node = page_node.node
    printed = await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-m", "ostiary", "start"),
            *("--config", str(node.file), "--prefix", str(tmp_path / "other")),
        ],
        env=node.environ(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 1
    lines = printed.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: cannot listen on 127.0.0.1:")
    assert "Traceback" not in printed.stderr


async def test_a_full_disk_is_said_in_words_and_the_configuration_stays(
    page_node: PageNode,
) -> None:
    node = page_node.node
    revision = node.status()["configuration_hash"]
    control = next(p for p, role in node.children().items() if role == "control")
    # No file of this process may grow any more: what a full disk looks like to it.
    usual = resource.prlimit(control, resource.RLIMIT_FSIZE)
    resource.prlimit(control, resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        node.file.write_text(node.file.read_text().replace("/members", "/others"))

        with pytest.raises(urllib.error.HTTPError) as refused:
            await asyncio.to_thread(apply_declarative, node.site, node.file)
        with refused.value as answer:
            assert "cannot be kept" in answer.read().decode()
        assert node.status()["configuration_hash"] == revision
        stranger = Person(node.trust.ca_file)
        page = f"{node.site.gateway}/members/anything"
        assert (await asyncio.to_thread(stranger.get, page)).status == 302
    finally:
        resource.prlimit(control, resource.RLIMIT_FSIZE, usual)

    # With room again it takes configurations again.
    await asyncio.to_thread(apply_declarative, node.site, node.file)
    assert node.status()["configuration_hash"] != revision
    await asyncio.to_thread(page_node.put_back)
    assert node.status()["configuration_hash"] == revision


async def test_a_provider_that_is_away_is_a_page_that_says_so(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        await asyncio.to_thread(perform, node)
        pool = next(p for p, role in node.children().items() if role == "userpool")
        os.kill(pool, signal.SIGSTOP)
        try:
            text = node.file.read_text()
            node.file.write_text(
                text.replace("client_id:", "timeout: 500\n        client_id:")
            )
            await asyncio.to_thread(apply_declarative, node.site, node.file)
            stranger = Person(node.trust.ca_file)
            page = f"{node.site.gateway}/cognito/anything"
            seen = await asyncio.to_thread(stranger.get, page)
        finally:
            os.kill(pool, signal.SIGCONT)

        assert seen.status == 500
        assert "The identity provider cannot be reached" in seen.text
        await eventually(lambda: stranger.get(page).status == 302)


async def test_a_second_node_in_the_same_folder_is_refused(page_node: PageNode) -> None:
    node = page_node.node
    assert node.process is not None
    printed = await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-m", "ostiary", "start"),
            *("--config", str(node.file), "--prefix", str(node.prefix)),
        ],
        env={**node.environ(), "KONG_PROXY_LISTEN": "127.0.0.1:0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 1
    assert f"is in use by another process (pid {node.process.pid})" in printed.stderr
    assert node.status()["problem"] is None


async def test_a_worker_without_control_serves_the_last_good_configuration(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_node(tmp_path) as node:
        await asyncio.to_thread(perform, node)
        await asyncio.to_thread(node.stop)
        kept = {k: v for k, v in node.environ().items() if k.startswith("KONG_")}
        settings = read_settings(
            file_text=None,
            environ=kept,
            overrides={"prefix": str(node.prefix), "nginx_worker_processes": 1},
        ).settings
        monkeypatch.setenv("PYTHONPATH", node.environ()["PYTHONPATH"])
        supervisor = Supervisor(settings, roles=("worker",))
        supervisor.prepare()
        try:
            await supervisor.start()
            stranger = Person(node.trust.ca_file)
            page = f"{node.site.gateway}/cognito/anything"
            seen = await asyncio.to_thread(stranger.get, page)
        finally:
            await supervisor.stop()

        # The route is there and guarded; the pool that would sign people in is not running.
        assert seen.status == 500
        assert "The identity provider cannot be reached" in seen.text
