"""Control and worker against configurations that nobody expected, in one process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.kit import Services
from ostiary.model.declarative import DeclarativeInvalid, load_row
from ostiary.node import sources as sources_module
from ostiary.node.control import Control
from ostiary.node.delivery import Base
from ostiary.node.lastgood import save_last_good
from ostiary.node.role import (
    CONFIG_KEY,
    READY_CHANNEL,
    Orders,
    build_ready,
    read_ready,
)
from ostiary.node.said import describe_safely
from ostiary.node.secrets import open_secrets
from ostiary.node.sources import FileSource
from ostiary.node.worker import Worker
from ostiary.ports.shared import SharedUnavailable
from ostiary.settings import read_settings
from tests.support.ports import FakeClock

GOOD = {"_format_version": "3.0", "services": [{"name": "s", "host": "h"}]}
SERVICE = b'services {"id":"00000000-0000-0000-0000-000000000001","host":"h","name":"s"'
DEADLINE_S = 10


def build_orders(folder: Path, role: str, **more: Any) -> Orders:
    prefix = folder / "node"
    prefix.mkdir(exist_ok=True)
    secrets = open_secrets(prefix)
    overrides = {"prefix": str(prefix), "proxy_access_log": "off", **more}
    return Orders(
        role=role,
        number=1,
        settings=read_settings(
            file_text=None, environ={}, overrides=overrides
        ).settings,
        prefix=prefix,
        node_socket=folder / "node.sock",
        node_id="n",
        ring=secrets.ring,
        database_key=secrets.database_key,
        assertion_key=dict(secrets.assertion_key),
        workers=0,
    )


class Node:
    """A control process's parts, over a shared state of our own."""

    def __init__(self, folder: Path, *, shared: MemoryShared | None = None) -> None:
        self.file = folder / "kong.yml"
        self.orders = build_orders(
            folder,
            "control",
            declarative_config=str(self.file),
            declarative_config_watch=True,
        )
        self.shared = shared or MemoryShared(FakeClock())
        self.control = self.another()

    @property
    def source(self) -> FileSource:
        return file_source(self.control)

    def another(self) -> Control:
        return Control(self.orders, self.shared)  # type: ignore[arg-type] # the same port

    def write(self, data: object) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.file)


def file_source(control: Control) -> FileSource:
    assert isinstance(control.source, FileSource)
    return control.source


def services(control: Control) -> int:
    return control.view.count("services")


async def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


ODD = {
    "a lone surrogate": '{"_format_version":"3.0","services":[{"name":"s","host":"h","tags":["\\ud800"]}]}',
    "bytes": '_format_version: "3.0"\nplugins:\n- name: openid-connect\n  config: {issuer: !!binary "/w=="}\n',
    "a field name": '{"_format_version":"3.0","routes":[{"headers":{"x-\\u00e9":["a"]},"paths":["/"]}]}',
    "an upstream field": '{"_format_version":"3.0","plugins":[{"name":"openid-connect","config":{"issuer":"https://a.b","client_id":["x"],"upstream_access_token_header":"\\u00e9"}}]}',
    "nonsense": '{"_format_version": "3.0", "serv',
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
async def test_the_watch_outlives_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sources_module, "WATCH_S", 0.01)
    node = Node(tmp_path)
    control = node.control
    await control.source.reload()
    watching = asyncio.create_task(control.source.follow())
    node.write(ODD[name])
    seen = control.view.revision
    await until(lambda: control.view.problem is not None or control.view.revision != seen)  # fmt: skip
    problem = control.view.problem
    node.write(GOOD)
    await until(lambda: services(control) == 1)

    assert problem is None or problem.startswith(str(node.file))
    assert control.view.problem is None
    watching.cancel()


async def test_any_error_of_a_file_is_a_problem_without_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node = Node(tmp_path)
    node.write(GOOD)

    async def broken(_: object) -> None:
        raise UnicodeEncodeError("utf-8", "planted", 0, 1, "planted")

    with monkeypatch.context() as patch:
        patch.setattr(node.source, "apply", broken)
        await node.source.reload()
    assert node.control.view.problem == (
        f"{node.file}: cannot be used (UnicodeEncodeError)"
    )
    assert "UnicodeEncodeError" in caplog.text
    assert "planted" not in caplog.text
    await node.source.reload()
    assert node.control.view.problem is None


class Flaky(MemoryShared):
    """A shared state that is away for the first writing."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.away = 1

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        if self.away:
            self.away -= 1
            raise SharedUnavailable(key)
        await super().set(key, value, ttl_s=ttl_s)


async def test_a_node_socket_that_was_away_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_module, "WATCH_S", 0.01)
    node = Node(tmp_path, shared=Flaky())
    node.write(GOOD)
    await node.source.reload()
    assert node.control.view.problem == f"{node.file}: the node socket is away"

    watching = asyncio.create_task(node.source.follow())
    await until(lambda: node.control.view.problem is None)
    assert services(node.control) == 1
    watching.cancel()


async def test_control_that_starts_again_leaves_what_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_module, "WATCH_S", 0.01)
    node = Node(tmp_path)
    node.write(GOOD)
    await node.control.start()
    await node.source.apply(
        node.source.read('{"_format_version": "3.0"}')
    )  # as /config
    again = node.another()
    await again.start()
    looks = 0
    read_mark = sources_module.read_mark

    def look(path: Path) -> tuple[int, int, int] | None:
        nonlocal looks
        looks += 1
        return read_mark(path)

    monkeypatch.setattr(sources_module, "read_mark", look)
    watching = asyncio.create_task(again.source.follow())
    await until(lambda: looks > 4)
    assert services(again) == 0

    node.write({**GOOD, "_comment": "changed"})
    await until(lambda: services(again) == 1)
    watching.cancel()


@pytest.mark.parametrize(
    "line",
    [SERVICE + b',"planted":1}', b'consumers {"name":"planted"}', b"\xff planted",
     SERVICE + b',"port":"planted"}',
     b'plugins {"id":"00000000-0000-0000-0000-000000000002","name":"from-the-future","config":{"x":"planted"}}'],
)  # fmt: skip
async def test_a_last_good_configuration_of_a_newer_version_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    node = Node(tmp_path)
    base = Base(revision="f" * 32, data=line)
    save_last_good(node.orders.prefix, node.orders.database_key, base)
    await node.control.start()

    assert await node.shared.get(CONFIG_KEY) is None
    assert "the last good configuration is of no use to this version" in caplog.text
    assert '"planted"' not in caplog.text
    assert "'planted'" not in caplog.text
    node.write(GOOD)
    await node.source.reload()
    assert services(node.control) == 1


async def test_a_worker_follows_on_after_any_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(build_orders(tmp_path, "worker"))
    shared = MemoryShared(FakeClock())
    worker.shared = shared  # type: ignore[assignment] # the same port
    told: asyncio.Queue[bytes] = asyncio.Queue()
    shared.subscribe(READY_CHANNEL, told.put_nowait)
    loads = 0

    async def load(_: Services) -> None:
        nonlocal loads
        loads += 1
        if loads == 1:
            raise RuntimeError("planted")

    monkeypatch.setattr(worker, "load", load)
    services: Any = None
    following = asyncio.create_task(worker.follow(services))
    async with asyncio.timeout(DEADLINE_S):
        for _ in range(2):
            worker.lose_track()
            await told.get()

    assert loads == 2
    assert "cannot be taken: RuntimeError" in caplog.text
    assert "planted" not in caplog.text
    following.cancel()


async def test_a_worker_names_the_places_of_a_refused_configuration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(build_orders(tmp_path, "worker"))
    shared = MemoryShared(FakeClock())
    worker.shared = shared  # type: ignore[assignment] # the same port
    before = worker.gateway.snapshot
    await shared.set("piece", SERVICE + b',"port":"planted"}', ttl_s=9)
    head = json.dumps({"revision": "f" * 32, "pieces": ["piece"]}).encode()
    await shared.set(CONFIG_KEY, head, ttl_s=9)
    services: Any = None
    await worker.load(services)

    assert worker.gateway.snapshot is before
    assert "the previous one stays: ValidationError in port" in caplog.text
    assert "planted" not in caplog.text


def test_errors_are_described_by_type_and_place() -> None:
    problems = ((("plugins", 0, "config", "x"), "not 'planted'"), ((), "planted"))

    assert describe_safely(KeyError("planted")) == "KeyError"
    assert describe_safely(DeclarativeInvalid(problems)) == (
        "DeclarativeInvalid in plugins.0.config.x"
    )
    with pytest.raises(ValueError) as caught:
        load_row(SERVICE + b',"port":"planted","tags":3}')
    assert describe_safely(caught.value) == "ValidationError in tags, port"


def test_who_is_ready_says_which_process_it_is() -> None:
    ready = read_ready(build_ready("2", "r1") + b" more")

    assert (ready.who, ready.revision) == ("2", "r1")
    assert ready.pid > 1
    with pytest.raises(ValueError):
        read_ready(b"control 0")
