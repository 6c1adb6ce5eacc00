"""Paths below rows, credentials, certificates and their names, groups, targets: as Kong has them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.admin_kit import NOW, Node, database_node
from tests.unit.admin.rows_kit import OTHER, PAIR, furnish

MISSING = "11111111-2222-4333-8444-555555555555"
NOT_FOUND = (404, {"message": "Not found"})


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with database_node(tmp_path) as made:
        yield made


@pytest.fixture
async def ids(node: Node) -> dict[str, str]:
    return await furnish(node)


async def ask(node: Node, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    reply = await node.send(method, path, body)
    return reply.status, (reply.json() if reply.body else None)


async def made(node: Node, path: str, body: Any) -> dict[str, Any]:
    status, row = await ask(node, "POST", path, body)
    assert status == 201, row
    return dict(row)


async def ids_at(node: Node, path: str) -> list[str]:
    status, page = await ask(node, "GET", path)
    assert status == 200, page
    return [row["id"] for row in page["data"]]


@pytest.mark.spec("gateway#1.10")
@pytest.mark.parametrize(
    ("parent", "below", "field", "name", "body"),
    [
        ("/services/parent", "routes", "service", "service", {"paths": ["/x"]}),
        ("/services/parent", "plugins", "service", "service", {"name": "cors"}),
        ("/routes/way", "plugins", "route", "route", {"name": "cors"}),
        ("/consumers/ada", "plugins", "consumer", "consumer", {"name": "rate-limiting", "config": {"minute": 5}}),
        ("/consumer_groups/gold", "plugins", "consumer_group", "group", {"name": "rate-limiting", "config": {"minute": 5}}),
        ("/consumers/ada", "key-auth", "consumer", "consumer", {}),
        ("/consumers/ada", "basic-auth", "consumer", "consumer", {"username": "a", "password": "b"}),
        ("/consumers/ada", "jwt", "consumer", "consumer", {}),
        ("/consumers/ada", "acls", "consumer", "consumer", {"group": "g"}),
        ("/certificates/@certificate", "snis", "certificate", "certificate", {"name": "x.example"}),
        ("/certificates/@certificate", "services", "client_certificate", "certificate", {"url": "https://a.example"}),
        ("/certificates/@certificate", "upstreams", "client_certificate", "certificate", {"name": "u.internal"}),
        ("/upstreams/pool.internal", "targets", "upstream", "upstream", {"target": "a.example:1"}),
        ("/key-sets/ring", "keys", "set", "set", {"kid": "k", "jwk": '{"kty": "oct", "kid": "k", "k": "eA"}'}),
    ],
)  # fmt: skip
async def test_what_refers_to_a_row_is_below_it(
    node: Node,
    ids: dict[str, str],
    parent: str,
    below: str,
    field: str,
    name: str,
    body: dict[str, Any],
) -> None:
    parent = parent.replace("@certificate", ids["certificate"])
    row = await made(node, f"{parent}/{below}", body)
    path = f"{parent}/{below}/{row['id']}"
    changed = await ask(node, "PATCH", path, {"tags": ["t"]})

    assert row[field] == {"id": ids[name]}
    assert await ids_at(node, f"{parent}/{below}") == [row["id"]]
    assert (await ask(node, "GET", path)) == (200, changed[1])
    assert changed[1] == {**row, "tags": ["t"]}
    assert await ask(node, "GET", f"{parent}x/{below}") in (
        NOT_FOUND,
        (404, {"message": "SNI not found"}),
    )
    assert await ask(node, "GET", f"{parent}/{below}/{MISSING}") == NOT_FOUND
    assert await ask(node, "DELETE", path) == (204, None)
    assert await ids_at(node, f"{parent}/{below}") == []


@pytest.mark.spec("gateway#1.10")
async def test_a_row_below_another_parent_is_not_there(
    node: Node, ids: dict[str, str]
) -> None:
    other = await made(node, "/services", {"name": "other", "host": "o.example"})
    row = await made(node, "/services/parent/routes", {"paths": ["/x"], "name": "x"})
    path = "/services/other/routes/x"

    assert await ask(node, "GET", path) == NOT_FOUND
    assert (await ask(node, "PATCH", path, {"tags": ["t"]}))[0] == 404
    assert await ask(node, "DELETE", path) == (204, None)
    assert await ids_at(node, "/services/parent/routes") == [row["id"]]
    # What is put below a parent belongs to it from then on.
    put = await ask(
        node, "PUT", f"/services/other/routes/{row['id']}", {"paths": ["/x"]}
    )
    assert put[1]["service"] == {"id": other["id"]}


@pytest.mark.spec("gateway#1.10")
async def test_a_parent_is_read_changed_and_made_through_its_child(
    node: Node, ids: dict[str, str]
) -> None:
    assert await ask(node, "GET", "/routes/way/service") == NOT_FOUND
    status, row = await ask(node, "PUT", "/routes/way/service", {"host": "n.example"})
    assert status == 200
    assert await ask(node, "GET", "/routes/way/service") == (200, row)
    assert (await ask(node, "GET", "/routes/way"))[1]["service"] == {"id": row["id"]}

    changed = await ask(node, "PATCH", "/routes/way/service", {"port": 81})
    put = await ask(node, "PUT", "/routes/way/service", {"host": "m.example"})

    assert changed == (200, {**row, "port": 81})
    assert put == (200, {**row, "host": "m.example"})
    assert await ask(node, "DELETE", "/routes/way/service") == (
        405,
        {"message": "Method not allowed"},
    )
    options = await node.call("/routes/way/service", "OPTIONS")
    assert options.headers["allow"] == "GET, HEAD, OPTIONS, PATCH, PUT"


@pytest.mark.spec("gateway#1.10")
async def test_a_certificate_made_through_a_service_has_its_names(
    node: Node, ids: dict[str, str]
) -> None:
    await made(node, "/services", {"name": "tls", "url": "https://a.example"})
    body = {"cert": PAIR.cert, "key": PAIR.key, "snis": ["a.example"]}
    path = "/services/tls/client_certificate"
    status, row = await ask(node, "PUT", path, body)

    assert (status, row["snis"]) == (200, ["a.example"])
    assert await ask(node, "GET", "/certificates/a.example") == (200, row)
    # A service without TLS has none, and nothing is left of the try.
    before = await ids_at(node, "/certificates")
    refused = await ask(
        node, "PUT", "/services/parent/client_certificate", {**body, "snis": None}
    )
    assert refused[0] == 400
    assert refused[1]["fields"]["client_certificate"] == "value must be null"
    assert await ids_at(node, "/certificates") == before


@pytest.mark.spec("gateway#1.9")
async def test_what_belongs_to_a_row_goes_with_it(
    node: Node, ids: dict[str, str]
) -> None:
    await made(node, "/consumers/ada/key-auth", {})
    await made(node, "/consumers/ada/acls", {"group": "g"})
    await made(node, "/consumer_groups/gold/consumers", {"consumer": "ada"})
    await made(node, "/plugins", {"name": "cors", "route": {"name": "way"}})
    await made(node, "/upstreams/pool.internal/targets", {"target": "a.example"})
    for path in ("/consumers/ada", "/routes/way", "/upstreams/pool.internal"):
        assert (await ask(node, "DELETE", path))[0] == 204

    assert [
        await ids_at(node, path)
        for path in ("/key-auths", "/acls", "/plugins", "/consumer_groups/gold/consumers")
    ] == [[], [], [], []]  # fmt: skip


@pytest.mark.spec("gateway#1.10")
async def test_consumers_are_searched_by_the_id_they_have_elsewhere(
    node: Node, ids: dict[str, str]
) -> None:
    row = await made(node, "/consumers", {"custom_id": "x 1"})

    assert await ask(node, "GET", "/consumers?custom_id=x%201") == (
        200,
        {"data": [row], "next": None},
    )
    assert await ids_at(node, "/consumers?custom_id=none") == []
    assert await ask(node, "GET", "/consumers?custom_id=") == (
        400,
        {"message": "custom_id must be an unempty string"},
    )


@pytest.mark.spec("gateway#1.10")
async def test_a_patch_merges_records_and_replaces_arrays_and_maps(
    node: Node, ids: dict[str, str]
) -> None:
    active = {"headers": {"X-A": ["1"]}, "healthy": {"interval": 5, "successes": 3}}
    body = {"name": "u.internal", "healthchecks": {"active": active}}
    row = await made(node, "/upstreams", body)
    change = {
        "active": {
            "headers": {"X-B": ["2"]},
            "healthy": {"interval": None, "http_statuses": [204]},
        }
    }
    _, changed = await ask(
        node, "PATCH", "/upstreams/u.internal", {"healthchecks": change}
    )
    now = changed["healthchecks"]["active"]

    assert now["headers"] == {"X-B": ["2"]}
    assert now["healthy"] == {"interval": 0, "successes": 3, "http_statuses": [204]}
    row["healthchecks"]["active"] |= {
        "headers": now["headers"],
        "healthy": now["healthy"],
    }
    assert changed == row


@pytest.mark.spec("gateway#1.10")
async def test_a_patch_of_a_plugin_merges_its_config_and_null_is_the_default(
    node: Node, ids: dict[str, str]
) -> None:
    config = {"minute": 5, "hour": 9, "policy": "local", "limit_by": "ip"}
    row = await made(node, "/plugins", {"name": "rate-limiting", "config": config})
    change = {"config": {"minute": None, "limit_by": None, "hour": 10}}
    _, changed = await ask(node, "PATCH", f"/plugins/{row['id']}", change)

    assert changed["config"] == {
        **row["config"], "minute": None, "limit_by": "consumer", "hour": 10,
    }  # fmt: skip


@pytest.mark.spec("gateway#1.2")
async def test_a_url_is_its_parts_and_is_not_shown(node: Node) -> None:
    row = await made(node, "/services", {"name": "s", "url": "https://a.example/x"})
    _, changed = await ask(node, "PATCH", "/services/s", {"url": "http://b.example:81"})
    form = await node.form(
        "PATCH", "/services/s", "url=http%3A%2F%2Fc.example%2Fy&path="
    )

    assert (row["protocol"], row["host"], row["port"], row["path"]) == (
        "https", "a.example", 443, "/x",
    )  # fmt: skip
    assert "url" not in row
    assert changed == {
        **row, "protocol": "http", "host": "b.example", "port": 81, "path": None,
    }  # fmt: skip
    assert (form.json()["host"], form.json()["path"]) == ("c.example", "/y")


@pytest.mark.spec("gateway#1.6")
@pytest.mark.parametrize(
    ("given", "algorithm", "hash_on"),
    [
        ({}, "round-robin", "none"),
        ({"hash_on": "ip"}, "consistent-hashing", "ip"),
        ({"hash_on": "ip", "algorithm": "round-robin"}, "consistent-hashing", "ip"),
        ({"hash_on": "ip", "algorithm": "least-connections"}, "least-connections", "none"),
        ({"hash_on": "none"}, "round-robin", "none"),
        ({"algorithm": "consistent-hashing"}, "consistent-hashing", "none"),
    ],
)  # fmt: skip
async def test_what_is_hashed_decides_the_algorithm(
    node: Node, given: dict[str, Any], algorithm: str, hash_on: str
) -> None:
    row = await made(node, "/upstreams", {"name": "u.internal", **given})
    shown = (await ask(node, "GET", "/upstreams/u.internal"))[1]
    again = (await ask(node, "PUT", "/upstreams/u.internal", shown))[1]

    assert (row["algorithm"], row["hash_on"]) == (algorithm, hash_on)
    assert shown == again == row


@pytest.mark.spec("gateway#1.6")
@pytest.mark.parametrize(
    ("change", "algorithm", "hash_on"),
    [
        ({"hash_on": "none"}, "round-robin", "none"),
        ({"hash_on": "path"}, "consistent-hashing", "path"),
        ({"algorithm": "least-connections"}, "least-connections", "none"),
        ({"algorithm": "round-robin"}, "round-robin", "none"),
        ({"slots": 10}, "consistent-hashing", "ip"),
    ],
)
async def test_a_change_of_what_is_hashed_changes_the_algorithm(
    node: Node, change: dict[str, Any], algorithm: str, hash_on: str
) -> None:
    await made(node, "/upstreams", {"name": "u.internal", "hash_on": "ip"})
    _, row = await ask(node, "PATCH", "/upstreams/u.internal", change)

    assert (row["algorithm"], row["hash_on"]) == (algorithm, hash_on)


@pytest.mark.spec("gateway#1.4")
async def test_keys_and_secrets_that_nobody_gave_are_made(
    node: Node, ids: dict[str, str]
) -> None:
    keys = [await made(node, "/consumers/ada/key-auth", {}) for _ in range(2)]
    token = await made(node, "/consumers/ada/jwt", {})
    texts = [keys[0]["key"], keys[1]["key"], token["key"], token["secret"]]

    assert len(set(texts)) == 4
    assert all(len(text) == 32 and text.isalnum() for text in texts)
    assert (token["algorithm"], keys[0]["ttl"]) == ("HS256", None)


@pytest.mark.spec("gateway#1.4")
async def test_a_password_is_kept_as_its_hash_whenever_it_is_given(
    node: Node, ids: dict[str, str]
) -> None:
    def hashed(password: str) -> str:
        return hashlib.sha1((password + ids["consumer"]).encode()).hexdigest()

    body = {"username": "u", "password": "one"}
    row = await made(node, "/consumers/ada/basic-auth", body)
    path = f"/basic-auths/{row['id']}"
    tagged = (await ask(node, "PATCH", path, {"tags": ["t"]}))[1]
    changed = (await ask(node, "PATCH", path, {"password": "two"}))[1]

    assert row["password"] == tagged["password"] == hashed("one")
    assert changed["password"] == hashed("two")


@pytest.mark.spec("gateway#1.4")
async def test_acls_are_found_and_put_by_their_group(
    node: Node, ids: dict[str, str]
) -> None:
    status, row = await ask(node, "PUT", "/consumers/ada/acls/staff", {})
    again = await ask(node, "PUT", "/consumers/ada/acls/staff", {"tags": ["t"]})
    twice = await ask(node, "POST", "/consumers/ada/acls", {"group": "staff"})

    assert (status, row["group"]) == (200, "staff")
    assert again == (200, {**row, "tags": ["t"]})
    assert await ask(node, "GET", "/consumers/ada/acls/staff") == again
    assert twice[0] == 409
    assert await ask(node, "DELETE", "/consumers/ada/acls/staff") == (204, None)
    assert await ids_at(node, "/acls") == []


@pytest.mark.spec("gateway#1.8")
async def test_names_of_certificates_are_rows_of_their_own(
    node: Node, ids: dict[str, str]
) -> None:
    body = {"cert": PAIR.cert, "key": PAIR.key, "snis": ["b.example", "a.example"]}
    row = await made(node, "/certificates", body)
    path = f"/certificates/{row['id']}"
    names = (await ask(node, "GET", f"{path}/snis"))[1]["data"]
    changed = await ask(
        node, "PATCH", "/certificates/a.example", {"snis": ["c.example"]}
    )
    kept = await ask(node, "PATCH", path, {"tags": ["t"]})

    assert row["snis"] == ["a.example", "b.example"]
    assert sorted(n["name"] for n in names) == row["snis"]
    assert changed == (200, {**row, "snis": ["c.example"]})
    assert kept[1]["snis"] == ["c.example"]
    taken = await ask(node, "POST", "/certificates", {**body, "snis": ["c.example"]})
    assert (taken[0], taken[1]["code"]) == (409, 5)
    assert len(await ids_at(node, "/certificates")) == 2
    assert await ask(node, "DELETE", "/certificates/c.example") == (204, None)
    assert await ids_at(node, "/snis") == []


@pytest.mark.spec("gateway#1.8")
async def test_a_certificate_put_at_a_name_is_served_for_it(node: Node) -> None:
    gone = (404, {"message": "SNI not found"})
    assert await ask(node, "GET", "/certificates/n.example") == gone
    assert await ask(node, "PATCH", "/certificates/n.example", {}) == gone
    assert await ask(node, "GET", "/certificates/n.example/snis") == gone

    body = {"cert": PAIR.cert, "key": PAIR.key, "snis": ["m.example"]}
    status, row = await ask(node, "PUT", "/certificates/n.example", body)
    other = {"cert": OTHER.cert, "key": OTHER.key}
    again = await ask(node, "PUT", "/certificates/n.example", other)

    assert (status, row["snis"]) == (200, ["m.example", "n.example"])
    assert again[1]["id"] == row["id"]
    assert again[1]["cert"] == OTHER.cert


@pytest.mark.spec("gateway#1.4")
async def test_groups_are_joined_and_left_from_either_side(
    node: Node, ids: dict[str, str]
) -> None:
    gold = (await ask(node, "GET", "/consumer_groups/gold"))[1]["consumer_group"]
    ada = (await ask(node, "GET", "/consumers/ada"))[1]

    joined = await ask(
        node, "POST", "/consumer_groups/gold/consumers", {"consumer": "ada"}
    )
    assert joined == (201, {"consumer_group": gold, "consumers": [ada]})
    twice = await ask(node, "POST", "/consumers/ada/consumer_groups", {"group": "gold"})
    assert twice[0] == 409
    members = await ask(node, "GET", "/consumer_groups/gold/consumers")
    assert members == (200, {"consumers": [ada], "data": [ada], "next": None})
    groups = await ask(node, "GET", "/consumers/ada/consumer_groups")
    assert groups == (200, {"consumer_groups": [gold], "data": [gold], "next": None})
    shown = await ask(node, "GET", "/consumer_groups/gold")
    assert shown == (200, {"consumer_group": gold, "consumers": [ada], "plugins": []})
    lean = await ask(node, "GET", "/consumer_groups/gold?list_consumers=false")
    assert lean == (200, {"consumer_group": gold, "plugins": []})
    one = await ask(node, "GET", "/consumer_groups/gold/consumers/ada")
    assert one[0] == 200

    assert await ask(node, "DELETE", "/consumers/ada/consumer_groups/gold") == (
        204,
        None,
    )
    rejoined = await node.form("POST", "/consumers/ada/consumer_groups", "group=gold")
    assert (rejoined.status, rejoined.json()) == (
        201,
        {"consumer": ada, "consumer_groups": [gold]},
    )
    assert await ask(node, "DELETE", "/consumer_groups/gold/consumers") == (204, None)
    assert await ids_at(node, "/consumers/ada/consumer_groups") == []
    assert (await ask(node, "POST", "/consumer_groups/gold/consumers", {}))[0] == 400
    missing = {"consumer": "nobody"}
    assert (await ask(node, "POST", "/consumer_groups/gold/consumers", missing))[
        0
    ] == 404


@pytest.mark.spec("gateway#1.7")
async def test_a_target_is_changed_by_put_but_not_made(
    node: Node, ids: dict[str, str]
) -> None:
    base = "/upstreams/pool.internal/targets"
    assert (
        await ask(node, "PUT", f"{base}/{MISSING}", {"target": "a.example"})
        == NOT_FOUND
    )
    assert await ask(node, "PUT", f"{base}/a.example:80", {"weight": 1}) == NOT_FOUND
    row = await made(node, base, {"target": "a.example", "id": MISSING})
    put = await ask(
        node, "PUT", f"{base}/{MISSING}", {"target": "a.example", "weight": 7}
    )

    assert (row["target"], row["id"]) == ("a.example:8000", MISSING)
    assert isinstance(row["created_at"], int | float)
    assert put == (200, {**row, "weight": 7})
    assert await ask(node, "GET", f"{base}/a.example") == put
    assert await ask(node, "GET", "/targets") == NOT_FOUND


@pytest.mark.spec("gateway#1.7")
async def test_the_newest_targets_come_first_page_by_page(
    node: Node, ids: dict[str, str]
) -> None:
    base = "/upstreams/pool.internal/targets"
    for number in range(5):
        body = {"target": f"t{number}.example:1", "created_at": NOW + number / 1000}
        await made(node, base, body)
    found: list[str] = []
    path = f"{base}?size=2"
    while path:
        page = (await ask(node, "GET", path))[1]
        found += [row["target"] for row in page["data"]]
        path = page["next"]

    assert found == [f"t{number}.example:1" for number in (4, 3, 2, 1, 0)]
    assert len(await ids_at(node, f"{base}/all")) == 5


@pytest.mark.spec("gateway#1.7")
@pytest.mark.parametrize("verb", ["PUT", "POST"])
async def test_the_health_of_a_target_is_decreed(
    node: Node, ids: dict[str, str], verb: str
) -> None:
    base = "/upstreams/pool.internal/targets"
    row = await made(node, base, {"target": "a.example"})
    for path in ("a.example/healthy", f"{row['id']}/10.0.0.1:80/unhealthy"):
        assert await ask(node, verb, f"{base}/{path}") == (204, None)

    assert node.decrees == [
        ("pool.internal", "a.example:8000", None, True),
        ("pool.internal", "a.example:8000", "10.0.0.1:80", False),
    ]
    assert await ask(node, verb, f"{base}/b.example/healthy") == NOT_FOUND
    assert await ask(node, verb, f"{base}/a.example/tired") == NOT_FOUND
    shown = (await ask(node, "GET", "/upstreams/pool.internal/health"))[1]
    assert [(r["id"], r["health"]) for r in shown["data"]] == [(row["id"], "HEALTHY")]


@pytest.mark.spec("gateway#1.10")
@pytest.mark.parametrize(
    "path",
    ["/status", "/tags", "/endpoints", "/schemas/services", "/plugins/enabled",
     "/services", "/services/parent", "/services/parent/routes", "/routes/way"],
)  # fmt: skip
async def test_one_slash_at_the_end_does_not_count(
    node: Node, ids: dict[str, str], path: str
) -> None:
    plain, slashed, twice = [await node.call(path + end) for end in ("", "/", "//")]

    assert (plain.status, slashed.status, slashed.body) == (200, 200, plain.body)
    assert twice.status == 404


@pytest.mark.spec("gateway#1.10")
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/status", "GET, HEAD, OPTIONS"),
        ("/config", "GET, HEAD, OPTIONS, POST"),
        ("/schemas/services/validate", "OPTIONS, POST"),
        ("/openid-connect/jwks", "DELETE, GET, HEAD, OPTIONS"),
    ],
)
async def test_other_paths_tell_their_verbs_too(
    node: Node, path: str, allowed: str
) -> None:
    reply = await node.call(path, "OPTIONS")

    assert (reply.status, reply.headers["allow"]) == (204, allowed)


async def test_a_name_with_a_slash_or_blank_is_found_escaped(node: Node) -> None:
    row = await made(node, "/consumers", {"username": "a/b c"})

    assert await ask(node, "GET", "/consumers/a%2Fb%20c") == (200, row)
    assert (await ask(node, "PATCH", "/consumers/a%2Fb%20c", {"tags": ["t"]}))[0] == 200
    assert await ids_at(node, "/consumers/a%2Fb%20c/plugins") == []


@pytest.mark.spec("gateway#1.7")
async def test_the_health_of_many_targets_is_shown_page_by_page(
    node: Node, ids: dict[str, str]
) -> None:
    base = "/upstreams/pool.internal"
    for number in range(3):
        await made(node, f"{base}/targets", {"target": f"t{number}.example"})
    found: list[str] = []
    path = f"{base}/health?size=2"
    while path:
        page = (await ask(node, "GET", path))[1]
        assert page["node_id"] == "n"
        found += [row["target"] for row in page["data"]]
        path = page["next"]
    whole = (await ask(node, "GET", f"{base}/health?balancer_health=1"))[1]
    options = await node.call(f"{base}/health", "OPTIONS")

    assert sorted(found) == [f"t{number}.example:8000" for number in range(3)]
    assert whole == {
        "data": {"id": ids["upstream"], "health": "HEALTHY"}, "next": None,
        "node_id": "n",
    }  # fmt: skip
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (await ask(node, "POST", f"{base}/health", {}))[0] == 405
