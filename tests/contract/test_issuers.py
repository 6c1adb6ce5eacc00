"""A whole node tells which providers its workers have fetched, and forgets them on request."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.node import Node, running_node
from tests.support.page_file import perform_page
from tests.support.person import Person


def ask(node: Node, path: str, method: str = "GET") -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{node.site.admin}/openid-connect/issuers{path}", method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, json.loads(reply.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def walk(node: Node) -> None:
    perform_page(node.site, node.file)
    page = f"{node.site.gateway}/cognito/anything?x=1"
    Person(node.trust.ca_file).get(page)
    status, listed = ask(node, "")
    row = next(r for r in listed["data"] if r["issuer"] == r["configuration"]["issuer"])
    encoded = "/" + quote(row["issuer"], safe="")

    assert status == 200
    assert row["keys"][0]["kty"] == "RSA"
    assert "d" not in row["keys"][0]
    document = encoded + quote("/.well-known/openid-configuration", safe="")
    for path in (encoded, document, f"/{row['id']}"):
        assert ask(node, path) == (200, row)
    assert ask(node, "/nobody") == (404, {"message": "Not found"})

    assert ask(node, encoded, "DELETE") == (204, None)
    for method in ("GET", "DELETE"):
        assert ask(node, encoded, method) == (404, {"message": "Not found"})
    for _ in range(4):
        Person(node.trust.ca_file).get(page)
    again = ask(node, f"/{row['id']}")[1]
    assert again["configuration"] == row["configuration"]
    assert again["created_at"] >= row["created_at"]
    assert ask(node, "", "DELETE") == (204, None)
    assert ask(node, "") == (200, {"data": [], "next": None})


@pytest.mark.spec("oidc-plugin#12.7")
async def test_the_admin_api_shows_and_forgets_what_workers_fetched(
    tmp_path: Path,
) -> None:
    async with running_node(tmp_path) as node:
        await asyncio.to_thread(walk, node)
