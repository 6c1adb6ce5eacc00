"""A node with two workers lists who is signed in at its routes, and ends it for both."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.contract.page_node import PageNode
from tests.support.person import Person

EMAIL = "listed@example.com"
TIMES = 12  # so often that each worker has certainly been asked


def call(page_node: PageNode, path: str, method: str = "GET") -> Any:
    request = urllib.request.Request(
        f"{page_node.node.site.admin}/openid-connect/sessions{path}", method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            body = reply.read()
            return json.loads(body) if body else None
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.spec("D14")
async def test_a_listed_session_is_ended_on_every_worker(page_node: PageNode) -> None:
    node = page_node.node
    page = f"{node.site.gateway}/cognito/anything"
    person = Person(node.trust.ca_file)
    await asyncio.to_thread(person.sign_up, node, page, EMAIL)
    seen = [(await asyncio.to_thread(person.get, page)).status for _ in range(TIMES)]
    rows = (await asyncio.to_thread(call, page_node, ""))["data"]
    mine = [row for row in rows if row["who"] == EMAIL]

    assert seen == [200] * TIMES
    assert [(row["site"], row["workspace"]) for row in mine] == [("gateway", "default")]

    path = f"/{mine[0]['id']}"
    ended = await asyncio.to_thread(call, page_node, path, "DELETE")
    after = [(await asyncio.to_thread(person.get, page)).status for _ in range(TIMES)]
    again = await asyncio.to_thread(call, page_node, path, "DELETE")
    left = (await asyncio.to_thread(call, page_node, ""))["data"]

    assert ended is None
    assert after == [302] * TIMES
    assert again == 404
    assert EMAIL not in {row["who"] for row in left}
