"""`/files`: a portal's files by their paths, judged when they are saved."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.admin_kit import Node, database_node
from tests.unit.admin.audit_kit import audited_node
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.admin.test_rbac import ROOT, guarded

PAGE = "---\ntitle: Start\nreadable_by: '*'\n---\n# Hello\n"


async def put(node: Node, path: str, contents: str = PAGE, prefix: str = "") -> Any:
    reply = await node.send("PUT", f"{prefix}/files/{path}", {"contents": contents})
    assert reply.status == 200, reply.text
    return reply.json()


async def test_a_file_is_put_read_changed_and_deleted_by_its_path(
    tmp_path: Path,
) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        made = await put(node, "content/guides/start.md")
        again = await node.send(
            "PUT",
            "/files/content/guides/start.md",
            {**made, "contents": "# New\n", "checksum": "wrong"},
        )
        changed = await node.send(
            "PATCH", "/files/content/guides/start.md", {"checksum": "0" * 64}
        )
        by_id = await node.call(f"/files/{made['id']}")
        gone = await node.call("/files/content/guides/start.md", "DELETE")
        nothing = await node.call("/files/content/guides/start.md")
        twice = await node.call("/files/content/guides/start.md", "DELETE")

    assert made["path"] == "content/guides/start.md"
    assert made["checksum"] == hashlib.sha256(PAGE.encode()).hexdigest()
    assert again.json()["id"] == made["id"]
    assert changed.json()["checksum"] == hashlib.sha256(b"# New\n").hexdigest()
    assert by_id.json() == changed.json()
    assert [gone.status, nothing.status, twice.status] == [204, 404, 204]


async def test_a_path_is_taken_once_in_a_workspace_and_free_in_others(
    tmp_path: Path,
) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        await node.send("POST", "/workspaces", {"name": "team"})
        body = {"path": "content/a.md", "contents": "a"}
        first = await node.send("POST", "/files", body)
        second = await node.send("POST", "/files", body)
        other = await node.send("POST", "/team/files", body)
        counts = (await node.call("/workspaces/team/meta")).json()
        refused = await node.call("/workspaces/team", "DELETE")
        removed = await node.call("/workspaces/team?cascade=true", "DELETE")

    assert [first.status, second.status, other.status] == [201, 409, 201]
    told = "UNIQUE violation detected on '{path=\"content/a.md\"}'"
    assert second.json()["message"] == told
    assert counts == {"counts": {"files": 1}}
    assert [refused.status, removed.status] == [400, 204]


async def test_lists_have_pages_and_the_fields_that_are_asked_for(
    tmp_path: Path,
) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        await node.send("POST", "/workspaces", {"name": "team"})
        for number in range(5):
            await put(node, f"content/p{number}.md", prefix="/team")
        target, seen = "/team/files?fields=path&size=2", []
        while target:
            page = (await node.call(target)).json()
            seen += page["data"]
            target = page["next"]
            assert target is None or target.startswith("/team/files?")
        unknown = await node.call("/files?fields=secret")

    assert sorted(row["path"] for row in seen) == [f"content/p{n}.md" for n in range(5)]
    assert all(row.keys() == {"path"} for row in seen)
    assert unknown.status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/content/a.md",
        "content/../a.md",
        "content/./a.md",
        "content//a.md",
        "../content/a.md",
        "content/a\x00.md",
        "content/a\n.md",
        "content\\a.md",
        "content/%2e%2e/a.md",
        "other/a.md",
        "content",
        "portal.conf.yml",
        "content/a.php",
        "specs/a.md",
        "emails/a.html",
        "content/" + "a" * 300 + ".md",
        "",
    ],
)
async def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, path: str) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        reply = await node.send("POST", "/files", {"path": path, "contents": "x"})

    assert reply.status == 400
    assert "path" in reply.json()["fields"]


@pytest.mark.parametrize(
    ("path", "contents", "told"),
    [
        ("content/a.md", "---\ntitle: a: b\n---\n", "line 2: "),
        ("content/a.md", "---\ntitle: x\n", "line 1: the head matter is not closed"),
        ("content/a.md", "---\nlayout: x\n\ttitle: x\n---\n", "line 3: the head matter is not YAML: a tab"),
        ("content/a.md", "---\na: 1\na: 2\n---\n", "the key 'a' occurs twice"),
        ("content/a.md", "---\n- a\n---\n", "must be `key: value` lines"),
        (
            "content/a.md",
            "---\ntitle: x\nreadable_by: ['*', admin]\n---\n",
            "line 3: readable_by mixes '*' with roles: keep '*'",
        ),
        ("content/a.md", "---\nreadable_by: []\n---\n", "readable_by names nobody"),
        ("content/a.md", "---\nreadable_by: 7\n---\n", "line 2: readable_by must be"),
        ("content/a.md", "---\noutput: 7\n---\n", "output must be true or false"),
        ("content/a.md", "---\nroute: /../a\n---\n", "line 2: route must be a path"),
        ("portal.conf.yaml", "name: [", "line"),
        ("portal.conf.yaml", "- a", "must be a record"),
        ("specs/a.json", '{"a": 1,}', "line 1: not JSON"),
        ("specs/a.yaml", "a: &a [*a]", "nested deeper"),
        ("specs/a.yaml", "x-headmatter: {readable_by: ['*', b]}", "readable_by mixes"),
        ("content/a.md", "a\x00b", "must be text"),
        ("themes/base/assets/a.png", "data:image/png;base64,???", "is no base64"),
    ],
)  # fmt: skip
async def test_what_does_not_read_is_refused_with_its_line_and_what_to_do(
    tmp_path: Path, path: str, contents: str, told: str
) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        reply = await node.send("PUT", f"/files/{path}", {"contents": contents})

    assert reply.status == 400, reply.text
    assert told in reply.json()["fields"]["contents"]


async def test_a_file_that_is_changed_or_moved_must_still_read(tmp_path: Path) -> None:
    bad = "---\ntitle: [\n---\n"
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        row = await put(node, "themes/base/layouts/a.html", bad)
        moved = await node.send(
            "PATCH", f"/files/{row['id']}", {"path": "content/a.md"}
        )
        kept = await node.send("PATCH", f"/files/{row['id']}", {"path": "themes/b"})
        changed = await node.send("PATCH", "/files/themes/b", {"contents": bad})
        posted = await node.send("POST", "/files", {"path": "content/b.md", "contents": bad})  # fmt: skip
        nothing = await node.send("PATCH", "/files/content/c.md", {"contents": "x"})

    assert [moved.status, kept.status, changed.status] == [400, 200, 200]
    assert "line 3" in moved.json()["fields"]["contents"]
    assert [posted.status, nothing.status] == [400, 404]


async def test_a_file_over_ten_megabytes_is_refused(tmp_path: Path) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        body = {"contents": "x" * (10 * 1024 * 1024 + 1)}
        reply = await node.send("PUT", "/files/content/a.md", body)

    assert reply.status == 413


async def test_verbs_and_options_are_those_of_rows(tmp_path: Path) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        options = await node.call("/files/content/a.md", "OPTIONS")
        wrong = await node.call("/files", "DELETE")
        head = await node.call("/files", "HEAD")

    assert options.status == 204
    assert wrong.status == 405
    assert head.status == 200


async def test_a_node_of_a_file_has_no_portal() -> None:
    assert (await Node().call("/files")).status == 404


async def test_roles_decide_by_workspace_and_path(tmp_path: Path) -> None:
    async with guarded(tmp_path, "on", portal=OpenDesk()) as node:
        await node.be(ROOT).make("/workspaces", {"name": "team"})
        await node.be(ROOT).role(
            "writer",
            {"workspace": "team", "endpoint": "/files", "actions": "*"},
            {"workspace": "team", "endpoint": "/files/content/*", "actions": "*"},
        )
        writer = await node.be(ROOT).hire("w", "writer")
        body = {"contents": "x"}
        found = [
            (await writer.send("PUT", "/team/files/content/a.md", body)).status,
            (await writer.get("/team/files")).status,
            (await writer.send("PUT", "/team/files/specs/a.yaml", body)).status,
            (await writer.send("PUT", "/files/content/a.md", body)).status,
            (await writer.get("/files")).status,
        ]

    assert found == [200, 200, 403, 403, 403]


@pytest.mark.parametrize("level", ["entity", "both"])
async def test_roles_about_rows_do_not_hide_files(tmp_path: Path, level: str) -> None:
    async with guarded(tmp_path, level, portal=OpenDesk()) as node:
        rules = [
            {"workspace": "*", "endpoint": path, "actions": "*"}
            for path in ("/files", "/files/content/*")
        ]
        await node.be(ROOT).role("writer", *rules)
        writer = await node.be(ROOT).hire("w", "writer")
        other = await node.be(ROOT).hire("o")
        body = {"contents": "x"}
        made = await node.be(ROOT).send("PUT", "/files/content/a.md", body)
        changed = await writer.send("PATCH", "/files/content/a.md", body)
        listed = (await writer.get("/files?fields=path")).json()["data"]
        refused = await other.get("/files")

    assert [made.status, changed.status, refused.status] == [200, 200, 403]
    assert listed == [{"path": "content/a.md"}]


async def test_a_form_says_what_json_says(tmp_path: Path) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        put = await node.form("PUT", "/files/content/a.md", "contents=%23%20Hi%0A7")
        patch = await node.form("PATCH", "/files/content/a.md", "contents=7")

    assert put.json()["contents"] == "# Hi\n7"
    assert patch.json()["contents"] == "7"


async def test_the_audit_log_says_which_file_and_keeps_its_checksum_alone(
    tmp_path: Path,
) -> None:
    async with audited_node(tmp_path, portal=OpenDesk()) as node:
        made = await put(node, "content/large.md", "x" * 100_000)
        rows = (await node.call("/audit/objects")).json()["data"]
    kept = next(row for row in rows if row["dao_name"] == "files")
    entity = json.loads(kept["entity"])

    assert (entity["path"], entity["checksum"]) == (made["path"], made["checksum"])
    assert "contents" not in entity
    assert kept["removed_from_entity"] == "contents"
