"""What a worker has imported after it has really worked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.policy.test_house_rules import FORBIDDEN_IN_WORKERS
from tests.support.lean_node import lean_node

# Python runs this in every process that it starts; it tells at the end what was imported.
TELL = """
import atexit, os, sys
def tell():
    with open(os.path.join({folder!r}, str(os.getpid())), "w") as file:
        print(" ".join(sys.orig_argv), *sys.modules, sep="\\n", file=file)
atexit.register(tell)
"""
CONFIG: dict[str, Any] = {
    "services": [{"name": "s", "host": "nowhere.localhost", "port": 9}],
    "routes": [
        {"name": "open", "paths": ["/open"], "service": "s"},
        {"name": "guarded", "paths": ["/guarded"], "service": "s"},
    ],
    "plugins": [
        {
            "name": "openid-connect",
            "route": "guarded",
            "config": {"issuer": "http://127.0.0.1:9", "client_id": ["x"]},
        }
    ],
}


@pytest.mark.spec("architecture#5")
async def test_a_running_worker_has_no_database_and_no_web_framework(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    told.mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(TELL.format(folder=str(told)))
    monkeypatch.syspath_prepend(tmp_path / "site")  # processes get our path
    async with lean_node(tmp_path / "node") as node:
        await node.configure(CONFIG)
        assert (await node.proxy("/open")).status == 502
        assert (await node.proxy("/guarded")).status == 500
        assert (await node.proxy("/none")).status == 404
        await node.read_metrics()

    lists = [path.read_text().splitlines() for path in told.iterdir()]
    workers = [set(lines) for lines in lists if "ostiary.node.worker" in lines[0]]
    assert len(workers) == 2
    for modules in workers:
        assert "ostiary.signin.authenticate" in modules
        assert {name.split(".")[0] for name in modules} & FORBIDDEN_IN_WORKERS == set()
    control = [set(lines) for lines in lists if "ostiary.node.control" in lines[0]]
    assert any("starlette" in modules for modules in control)
