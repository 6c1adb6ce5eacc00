"""One request id everywhere, and no secret of a sign-in in any log, in both formats."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ostiary.cli.demo import steps
from tests.support.lean_node import LeanNode, lean_node, read_samples, total
from tests.support.node import Node, running_node
from tests.support.page_file import perform_page
from tests.support.person import PASSWORD, Person, Seen

EMAIL = "ada@example.com"
HEADER = "X-Kong-Request-Id"
JSON_LOGS = {
    "proxy_access_log": "logs/access.log json",
    "proxy_error_log": "logs/error.log json",
}


def declare(node: LeanNode) -> dict[str, Any]:
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


def read_log(node: LeanNode, name: str) -> list[str]:
    return (node.prefix / "logs" / name).read_text().splitlines()


@pytest.mark.spec("gateway#3.12")
async def test_one_request_id_from_the_client_to_every_log(tmp_path: Path) -> None:
    async with lean_node(tmp_path) as node:
        await node.configure(declare(node))
        for _ in range(6):
            # What a client says of its request id is not what we go by.
            got = await node.proxy("/up", X_Kong_Request_Id="0" * 32)
            arrived = [v for n, v in got.json()["headers"] if n == HEADER.lower()]
            ids = [got.headers[HEADER]]
            assert re.fullmatch(r"[0-9a-f]{32}", ids[0])
            assert arrived == ids
            for path, status in (("/down?code=planted", 502), ("/nowhere", 404)):
                failed = await node.proxy(path)
                assert failed.status == status
                assert failed.json()["request_id"] == failed.headers[HEADER]
                ids.append(failed.headers[HEADER])
            assert len({*ids}) == 3
            access, errors = read_log(node, "access.log"), read_log(node, "error.log")
            for request_id in ids:
                ending = f'kong_request_id: "{request_id}"'
                assert len([line for line in access if line.endswith(ending)]) == 1
            (line,) = [line for line in errors if ids[1] in line]
            assert re.fullmatch(
                r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[warn\] \d+#[12]: \*\d+ upstream failed: .+, "
                r'client: 127\.0\.0\.1, server: kong, request: "GET /down\?code=\*\*\* HTTP/1\.1", '
                rf'host: "127\.0\.0\.1:{node.ports.proxy}", request_id: "{ids[1]}"',
                line,
            )
        workers = {m for e in errors for m in re.findall(r"\d+#([12]): \*", e)}
        assert workers == {"1", "2"}


async def test_json_lines_carry_the_same_id(tmp_path: Path) -> None:
    async with lean_node(tmp_path, **JSON_LOGS, admin_access_log="logs/a.log json") as node:  # fmt: skip
        await node.configure(declare(node))
        got = await node.proxy("/down?token=planted", user_agent="a tester")
        request_id = got.headers[HEADER]
        access = [json.loads(line) for line in read_log(node, "access.log")]
        errors = [json.loads(line) for line in read_log(node, "error.log")]
        admin = [json.loads(line) for line in read_log(node, "a.log")]

    assert [(a["request_id"], a["status"]) for a in access] == [(request_id, 502)]
    (line,) = [e for e in errors if e.get("request_id") == request_id]
    assert line["level"] == "warn"
    assert line["worker"] in {1, 2}
    assert line["request"] == "GET /down?token=*** HTTP/1.1"
    assert admin[0]["path"] == "/config"


async def _sign_in_and_out(node: Node, person: Person) -> None:
    members = f"{node.site.gateway}{steps.LOGOUT_ROUTE}"
    page = f"{members}/anything?refresh_token=planted-token"
    await asyncio.to_thread(person.sign_up, node, page, EMAIL)
    # A credential that nobody takes: it is refused, and must not be told either.
    opaque = f"{members}?access_token=planted-token"
    denied: Seen = await asyncio.to_thread(Person(node.trust.ca_file).get, opaque)
    assert denied.status == 401
    # The provider's own words on the way back, where our gateway sees them.
    planted = "&".join(
        f"{name}=planted-{name}"
        for name in ("code", "state", "iss", "session_state", "id_token")
    )
    refused: Seen = await asyncio.to_thread(
        Person(node.trust.ca_file).get, f"{members}?{planted}"
    )
    assert refused.status >= 400
    left = await asyncio.to_thread(person.get, f"{members}?logout=true")
    await asyncio.to_thread(person.follow, left)


@pytest.mark.spec("T-K14")
@pytest.mark.parametrize("form", ["kong", "json"])
async def test_no_value_of_a_sign_in_is_in_the_logs(tmp_path: Path, form: str) -> None:
    word = " json" if form == "json" else ""
    logs = {
        "KONG_PROXY_ACCESS_LOG": f"logs/access.log{word}",
        "KONG_PROXY_ERROR_LOG": f"logs/proxy_error.log{word}",
    }
    async with running_node(tmp_path, **logs) as node:
        await asyncio.to_thread(perform_page, node.site, node.file)
        person = Person(node.trust.ca_file)
        await _sign_in_and_out(node, person)
        secrets = {s for s in person.secrets if len(s) > 5} | {PASSWORD}
        secrets |= {
            f"planted-{name}"
            for name in ("token", "code", "state", "iss", "session_state", "id_token")
        }
        folder = node.prefix / "logs"
        access = (folder / "access.log").read_text()
        errors = (folder / "proxy_error.log").read_text()

        assert len(secrets) > 15
        assert "signed in by authorization code" in errors
        # Both logs hold the very requests that carried the secrets, with stars in them.
        for log in (access, errors):
            assert "code=***" in log
        assert "session_state=***" in access
        if form == "json":
            for line in (access + errors).splitlines():
                json.loads(line)
        assert sorted(s for s in secrets if s in access + errors) == []
        assert sorted(s for s in secrets if s in node.logs()) == []
        await _check_numbers(node)


async def _check_numbers(node: Node) -> None:
    """What a sign-in adds to the back channel's numbers."""
    got = await asyncio.to_thread(
        _read, f"http://127.0.0.1:{node.ports.status}/metrics"
    )
    found = read_samples(got)
    calls = total(found, "ostiary_backchannel_requests_total", '"ok"')
    fetched = total(found, "ostiary_jwks_fetches_total", '"ok"')

    # Discovery and keys once for the node and each provider, and the code exchange.
    assert fetched >= 1
    assert calls >= 2 * fetched + 1
    assert total(found, "ostiary_jwks_fetches_total", '"failed"') == 0


def _read(url: str) -> str:
    import urllib.request

    with urllib.request.urlopen(url, timeout=10) as reply:
        text: str = reply.read().decode()
    return text
