"""The id on an error page leads to the reason: through the Admin API and `ostiary explain`."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

from tests.contract.page_node import PageNode
from tests.support.flows import read_flow
from tests.support.node import Node
from tests.support.person import Person

DEADLINE_S = 10


def explain(node: Node, request_id: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "ostiary", "explain", request_id),
            *("--admin", node.site.admin),
        ],
        env=node.environ(),
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_id_on_the_page_leads_to_the_reason(page_node: PageNode) -> None:
    node = page_node.node
    # Another browser's answer: the cookie that belongs to it is not here.
    page = f"{node.site.gateway}/cognito/anything"
    first = await asyncio.to_thread(Person(node.trust.ca_file).get, page)
    assert first.location is not None
    found = re.search(r"[?&]state=([^&]+)", first.location)
    assert found is not None
    answer = f"{node.site.gateway}/cognito?code=c&state={found[1]}"
    refused = await asyncio.to_thread(Person(node.trust.ca_file).get, answer)
    shown = re.search(r"[0-9a-f]{32}", refused.text)
    assert refused.status == 400
    assert shown is not None

    story = await asyncio.to_thread(read_flow, node.site.admin, shown[0])
    printed, unknown = await asyncio.gather(
        asyncio.to_thread(explain, node, shown[0]),
        asyncio.to_thread(explain, node, "0" * 32),
    )
    url = f"{node.site.admin}/openid-connect/flows"
    latest = json.loads(await asyncio.to_thread(_read, url))

    assert (story["outcome"], story["status"]) == ("refused", 400)
    assert "lost its cookie" in str(story["why"])
    assert found[1] not in json.dumps(story)
    assert printed.returncode == 0, printed.stderr
    assert "refused with 400; code: callback_mismatch" in printed.stdout
    assert "lost its cookie" in printed.stdout
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("Error: no sign-in decision of request 0000")
    assert shown[0] in {row["request_id"] for row in latest["data"]}
    assert "events" not in latest["data"][0]


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url) as reply:
        body: bytes = reply.read()
    return body


def examine(node: Node, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "ostiary", "doctor"),
            *("--config", str(node.file), *options),
        ],
        env=node.environ(),
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_doctor_finds_an_unregistered_redirect_uri(
    page_node: PageNode,
) -> None:
    node = page_node.node
    well, ill = await asyncio.gather(
        asyncio.to_thread(examine, node, "--origin", node.site.gateway),
        asyncio.to_thread(examine, node, "--origin", "https://else.example"),
    )

    assert well.returncode == 0, well.stdout + well.stderr
    assert f"may use {node.site.gateway}/cognito" in well.stdout
    assert "the token endpoint knows client" in well.stdout
    assert ill.returncode == 1
    assert "refuses a sign-in" in ill.stdout
    assert "register https://else.example/cognito as redirect URI" in ill.stdout
