"""`kong-portal-cli` as it is, against the Admin API of a real node."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.install import MISSING, MODULES, NODE, is_installed
from tests.support.lean_node import lean_node

pytestmark = pytest.mark.spec("portal#3.1")
SCRIPT = MODULES / "kong-portal-cli" / "bin" / "src" / "portal.js"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
FILES = {
    "portal.conf.yaml": b"name: Shop\ntheme:\n  name: base\n",
    "content/index.txt": "---\ntitle: Grüße\n---\n# Hello\n".encode(),
    "content/guides/a guide.md": b"# Spaces\n",
    "specs/pets.yaml": b"openapi: 3.0.0\ninfo: {title: Pets, version: '1'}\npaths: {}\n",
    "emails/invite.txt": b"---\nsubject: Hi\n---\nCome\n",
    "themes/base/theme.conf.yaml": b"colors: {}\n",
    "themes/base/assets/images/logo.png": PICTURE,
    "themes/base/assets/styles/site.css": b"p { color: red }\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cli:
    """The tool in a folder with `workspaces/`, and the Admin API that it talks to."""

    admin: str
    folder: Path

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [str(NODE), str(SCRIPT), *words],
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "KONG_ADMIN_URL": self.admin, "HOME": str(self.folder)},
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert "Error" not in said, said
        return said

    def write(self, workspace: str, files: dict[str, bytes]) -> Path:
        root = self.folder / "workspaces" / workspace
        for path, data in {**files, "cli.conf.yaml": b"{}\n"}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        return root

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.admin}{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def files(self, workspace: str) -> dict[str, str]:
        rows = self.ask("GET", f"/{workspace}/files?size=1000")["data"]
        return {row["path"]: row["contents"] for row in rows}


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    if not is_installed():
        pytest.fail(MISSING, pytrace=False)
    async with lean_node(tmp_path, portal=True) as node:
        found = Cli(admin=f"http://127.0.0.1:{node.ports.admin}", folder=tmp_path)
        await asyncio.to_thread(found.ask, "POST", "/workspaces", {"name": "team"})
        yield found


async def run(cli: Cli, *words: str) -> str:
    return await asyncio.to_thread(cli.run, *words)


async def test_a_portal_is_deployed_fetched_and_wiped(cli: Cli) -> None:
    cli.write("team", FILES)
    await run(cli, "deploy", "team")
    kept = await asyncio.to_thread(cli.files, "team")
    picture = base64.b64encode(PICTURE).decode()

    assert kept == {
        path: f"data:image/png;base64,{picture}" if path.endswith(".png") else data.decode()
        for path, data in FILES.items()
    }  # fmt: skip

    copy = cli.folder / "copy"
    fresh = Cli(admin=cli.admin, folder=copy)
    fresh.write("team", {})
    await run(fresh, "fetch", "team")
    fetched = copy / "workspaces" / "team"

    assert {p: (fetched / p).read_bytes() for p in FILES} == FILES

    await run(cli, "wipe", "team")

    assert await asyncio.to_thread(cli.files, "team") == {}
    assert await asyncio.to_thread(cli.files, "default") == {}


async def test_a_deployment_replaces_what_was_there_unless_it_is_to_stay(
    cli: Cli,
) -> None:
    old = {"path": "content/old.md", "contents": "old"}
    await asyncio.to_thread(cli.ask, "POST", "/team/files", old)
    cli.write("team", {"content/new.md": b"new"})
    await run(cli, "deploy", "team", "--preserve")
    both = await asyncio.to_thread(cli.files, "team")
    await run(cli, "deploy", "team")
    new = await asyncio.to_thread(cli.files, "team")

    assert {*both} == {"content/old.md", "content/new.md"}
    assert {*new} == {"content/new.md"}


async def test_more_files_than_a_page_has_are_all_fetched_and_wiped(cli: Cli) -> None:
    for number in range(130):
        body = {"path": f"content/p{number}.md", "contents": str(number)}
        await asyncio.to_thread(cli.ask, "POST", "/team/files", body)
    root = cli.write("team", {})
    said = await run(cli, "fetch", "team")
    fetched = {path.name: path.read_text() for path in (root / "content").iterdir()}
    await run(cli, "wipe", "team")

    assert "Fetched 130 files" in said
    assert fetched == {f"p{n}.md": str(n) for n in range(130)}
    assert await asyncio.to_thread(cli.files, "team") == {}


async def test_a_portal_is_enabled_and_disabled(cli: Cli) -> None:
    cli.write("team", {})
    seen = []
    for word in ("enable", "disable"):
        await run(cli, word, "team")
        row = await asyncio.to_thread(cli.ask, "GET", "/workspaces/team")
        seen.append(row["config"]["portal"])

    assert seen == [True, False]
