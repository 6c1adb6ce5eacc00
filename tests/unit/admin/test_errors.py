"""What is refused, word for word as Kong refuses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.admin_kit import Node, database_node
from tests.unit.admin.rows_kit import (
    AUTHORITY,
    OTHER,
    PAIR,
    furnish,
    make_pem,
    place_ids,
)

MISSING = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with database_node(tmp_path) as made:
        yield made


@pytest.fixture
async def ids(node: Node) -> dict[str, str]:
    return await furnish(node)


async def refused(
    node: Node, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    reply = await node.send(method, path, body)
    return reply.status, reply.json()


@pytest.mark.spec("gateway#1.11")
async def test_one_violation_is_told_without_a_number(node: Node) -> None:
    assert await refused(node, "POST", "/services", {"name": "s"}) == (
        400,
        {
            "code": 2,
            "name": "schema violation",
            "message": "schema violation (host: required field missing)",
            "fields": {"host": "required field missing"},
        },
    )


@pytest.mark.spec("gateway#1.11")
async def test_several_violations_are_told_in_the_order_of_their_names(
    node: Node,
) -> None:
    body = {"protocols": ["http", "ftp"], "regex_priority": "x", "nome": 1}

    assert await refused(node, "POST", "/routes", body) == (
        400,
        {
            "code": 2,
            "name": "schema violation",
            "message": (
                "3 schema violations (nome: unknown field; "
                "protocols.2: expected one of: http, https; "
                "regex_priority: expected an integer)"
            ),
            "fields": {
                "nome": "unknown field",
                "protocols": [None, "expected one of: http, https"],
                "regex_priority": "expected an integer",
            },
        },
    )


@pytest.mark.spec("gateway#1.11")
async def test_the_first_of_an_array_has_its_place_too(node: Node) -> None:
    status, body = await refused(
        node, "POST", "/routes", {"protocols": ["ftp"], "paths": ["/"]}
    )

    assert status == 400
    assert body["fields"] == {"protocols": ["expected one of: http, https"]}
    text = "schema violation (protocols.1: expected one of: http, https)"
    assert body["message"] == text


@pytest.mark.spec("gateway#1.11")
@pytest.mark.parametrize(
    ("path", "body", "message", "fields"),
    [
        (
            "/routes", {"name": "r"},
            "schema violation (must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https')",
            {"@entity": ["must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'"]},
        ),
        (
            "/routes", {"protocols": ["http"]},
            "schema violation (must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http')",
            {"@entity": ["must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http'"]},
        ),
        (
            "/consumers", {},
            "schema violation (at least one of these fields must be non-empty: 'custom_id', 'username')",
            {"@entity": ["at least one of these fields must be non-empty: 'custom_id', 'username'"]},
        ),
        (
            "/services", {"host": "a", "tls_verify": True},
            "2 schema violations (failed conditional validation given value of field 'protocol'; tls_verify: value must be null)",
            {
                "@entity": ["failed conditional validation given value of field 'protocol'"],
                "tls_verify": "value must be null",
            },
        ),
        ("/services", {"url": "http://"}, "schema violation (url: missing host in url)", {"url": "missing host in url"}),
        ("/services", {"url": "a.example"}, "schema violation (url: missing scheme in url)", {"url": "missing scheme in url"}),
        ("/services", {"host": "a", "port": "80"}, "schema violation (port: expected an integer)", {"port": "expected an integer"}),
        ("/services", {"host": "a", "enabled": "true"}, "schema violation (enabled: expected a boolean)", {"enabled": "expected a boolean"}),
        ("/services", {"host": "a", "tags": 5}, "schema violation (tags: expected a set)", {"tags": "expected a set"}),
        ("/services", {"host": "a", "tags": "t"}, "schema violation (tags: expected a set)", {"tags": "expected a set"}),
        ("/routes", {"hosts": "a"}, "schema violation (hosts: expected an array)", {"hosts": "expected an array"}),
        ("/routes", {"paths": ["/"], "service": "parent"}, "schema violation (service: expected a record)", {"service": "expected a record"}),
        ("/snis", {"name": "a.example", "certificate": 5}, "schema violation (certificate: expected a record)", {"certificate": "expected a record"}),
        ("/plugins", {"name": "nobody"}, "schema violation (name: plugin 'nobody' not enabled; add it to the 'plugins' configuration property)", {"name": "plugin 'nobody' not enabled; add it to the 'plugins' configuration property"}),
        (
            "/plugins", {"name": "request-size-limiting", "config": {"allowed_payload_size": "x", "no": 1}},
            "2 schema violations (config.allowed_payload_size: expected an integer; config.no: unknown field)",
            {"config": {"allowed_payload_size": "expected an integer", "no": "unknown field"}},
        ),
        ("/plugins", {"name": "key-auth", "consumer": {"id": "@consumer"}}, "schema violation (consumer: value must be null)", {"consumer": "value must be null"}),
        ("/upstreams", {"name": "1.2.3.4"}, "schema violation (name: Invalid name ('1.2.3.4'); no ip addresses allowed)", {"name": "Invalid name ('1.2.3.4'); no ip addresses allowed"}),
        (
            "/upstreams", {"name": "u", "healthchecks": {"active": {"healthy": {"interval": 70000}}}},
            "schema violation (healthchecks.active.healthy.interval: value should be between 0 and 65535)",
            {"healthchecks": {"active": {"healthy": {"interval": "value should be between 0 and 65535"}}}},
        ),
        ("/certificates", {"cert": PAIR.cert, "key": OTHER.key}, "schema violation (certificate does not match key)", {"@entity": ["certificate does not match key"]}),
        (
            "/certificates", {"cert": PAIR.cert, "key": PAIR.key, "cert_alt": OTHER.cert},
            "schema violation (all or none of these fields must be set: 'cert_alt', 'key_alt')",
            {"@entity": ["all or none of these fields must be set: 'cert_alt', 'key_alt'"]},
        ),
        ("/certificates", {"cert": PAIR.cert, "key": PAIR.key, "snis": ["a", 5]}, "schema violation (snis.2: expected a string)", {"snis": [None, "expected a string"]}),
        ("/ca_certificates", {"cert": AUTHORITY.cert + AUTHORITY.cert}, "schema violation (cert: please submit only one certificate at a time)", {"cert": "please submit only one certificate at a time"}),
        ("/ca_certificates", {"cert": make_pem("old", is_ca=True, days=-9).cert}, 'schema violation (cert: certificate expired, "Not After" time is in the past)', {"cert": 'certificate expired, "Not After" time is in the past'}),
        ("/vaults", {"prefix": "my-vault", "name": "hcv"}, "schema violation (name: vault 'hcv' is not installed)", {"name": "vault 'hcv' is not installed"}),
        ("/keys", {"kid": "k2", "jwk": '{"kty": "oct", "kid": "k1"}'}, "schema violation (jwk: kid in jwk.kid must be equal to keys.kid)", {"jwk": "kid in jwk.kid must be equal to keys.kid"}),
        ("/keys", {"kid": "k2"}, "schema violation (exactly one of these fields must be non-empty: 'jwk', 'pem')", {"@entity": ["exactly one of these fields must be non-empty: 'jwk', 'pem'"]}),
        ("/upstreams/pool.internal/targets", {"target": "a b"}, "schema violation (target: Invalid target ('a b'); not a valid hostname or ip address)", {"target": "Invalid target ('a b'); not a valid hostname or ip address"}),
        ("/consumers/ada/jwt", {"algorithm": "RS256"},
         "2 schema violations (failed conditional validation given value of field 'algorithm'; rsa_public_key: required field missing)",
         {"@entity": ["failed conditional validation given value of field 'algorithm'"], "rsa_public_key": "required field missing"}),
    ],
)  # fmt: skip
async def test_rows_that_are_wrong_are_refused_in_the_words_of_kong(
    node: Node,
    ids: dict[str, str],
    path: str,
    body: dict[str, Any],
    message: str,
    fields: dict[str, Any],
) -> None:
    assert await refused(node, "POST", path, place_ids(body, ids)) == (
        400,
        {"code": 2, "name": "schema violation", "message": message, "fields": fields},
    )


@pytest.mark.spec("gateway#1.11")
async def test_an_id_that_is_taken_is_a_primary_key_violation(
    node: Node, ids: dict[str, str]
) -> None:
    taken = ids["service"]

    assert await refused(node, "POST", "/services", {"id": taken, "host": "b"}) == (
        400,
        {
            "code": 3,
            "name": "primary key violation",
            "message": f"primary key violation on key '{{id=\"{taken}\"}}'",
            "fields": {"id": taken},
        },
    )


@pytest.mark.spec("gateway#1.11")
async def test_a_reference_by_id_to_nothing_is_a_foreign_key_violation(
    node: Node,
) -> None:
    body = {"paths": ["/"], "service": {"id": MISSING}}

    assert await refused(node, "POST", "/routes", body) == (
        400,
        {
            "code": 4,
            "name": "foreign key violation",
            "message": f"the foreign key '{{id=\"{MISSING}\"}}' does not reference an existing 'services' entity.",
            "fields": {"service": {"id": MISSING}},
        },
    )


@pytest.mark.spec("gateway#1.9")
async def test_a_service_with_routes_cannot_go(node: Node, ids: dict[str, str]) -> None:
    await node.send("POST", "/services/parent/routes", {"paths": ["/x"]})

    assert await refused(node, "DELETE", "/services/parent") == (
        400,
        {
            "code": 4,
            "name": "foreign key violation",
            "message": "an existing 'routes' entity references this 'services' entity",
            "fields": {"@referenced_by": "routes"},
        },
    )


@pytest.mark.spec("gateway#1.11")
async def test_a_name_that_is_taken_is_a_conflict(
    node: Node, ids: dict[str, str]
) -> None:
    assert await refused(node, "POST", "/consumers", {"username": "ada"}) == (
        409,
        {
            "code": 5,
            "name": "unique constraint violation",
            "message": "UNIQUE violation detected on '{username=\"ada\"}'",
            "fields": {"username": "ada"},
        },
    )


@pytest.mark.spec("gateway#1.5")
async def test_a_second_instance_of_a_plugin_is_told_with_all_that_it_is_bound_to(
    node: Node, ids: dict[str, str]
) -> None:
    body = {"name": "cors", "service": {"id": ids["service"]}}
    await node.send("POST", "/plugins", body)

    assert await refused(node, "POST", "/plugins", body) == (
        409,
        {
            "code": 5,
            "name": "unique constraint violation",
            "message": (
                'UNIQUE violation detected on \'{consumer=null,name="cors",'
                f'route=null,service={{id="{ids["service"]}"}}}}\''
            ),
            "fields": {
                "consumer": None,
                "name": "cors",
                "route": None,
                "service": {"id": ids["service"]},
            },
        },
    )


@pytest.mark.spec("gateway#1.11")
@pytest.mark.parametrize(
    ("key", "field", "how"),
    [(MISSING, "id", "primary key "), ("nobody", "name", "")],
)
async def test_a_patch_of_nothing_is_not_found(
    node: Node, key: str, field: str, how: str
) -> None:
    assert await refused(node, "PATCH", f"/services/{key}", {"port": 1}) == (
        404,
        {
            "code": 6,
            "name": "not found",
            "message": f"could not find the entity with {how}'{{{field}=\"{key}\"}}'",
            "fields": {field: key},
        },
    )


@pytest.mark.spec("gateway#1.11")
@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("offset=x", {"code": 7, "name": "invalid offset", "message": "'x' is not a valid offset: bad base64 encoding"}),
        ("offset=eHg", {"code": 7, "name": "invalid offset", "message": "'eHg' is not a valid offset: bad json encoding"}),
        ("size=x", {"code": 9, "name": "invalid size", "message": "size must be a number"}),
        ("size=0", {"code": 9, "name": "invalid size", "message": "size must be an integer between 1 and 1000"}),
        ("size=1001", {"code": 9, "name": "invalid size", "message": "size must be an integer between 1 and 1000"}),
        ("size=1.5", {"code": 9, "name": "invalid size", "message": "size must be an integer between 1 and 1000"}),
        ("size=nan", {"code": 9, "name": "invalid size", "message": "size must be an integer between 1 and 1000"}),
        ("tags=", {"code": 11, "name": "invalid options", "message": "invalid option (tags: cannot be null)", "options": {"tags": "cannot be null"}}),
        ("tags=a,b/c", {"code": 11, "name": "invalid options", "message": "invalid option (tags: invalid filter syntax)", "options": {"tags": "invalid filter syntax"}}),
        ("tags=a,,b", {"code": 11, "name": "invalid options", "message": "invalid option (tags: invalid filter syntax)", "options": {"tags": "invalid filter syntax"}}),
        ("tags=a,b,c,d,e,f", {"code": 11, "name": "invalid options", "message": "invalid option (tags: cannot query more than 5 tags)", "options": {"tags": "cannot query more than 5 tags"}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/services", "/services/parent/routes"])
async def test_queries_of_lists_that_are_wrong(
    node: Node, ids: dict[str, str], path: str, query: str, body: dict[str, Any]
) -> None:
    assert await refused(node, "GET", f"{path}?{query}") == (400, body)


@pytest.mark.spec("gateway#1.11")
async def test_rows_of_a_file_are_not_written() -> None:
    node = Node({"_format_version": "3.0", "services": [{"name": "s", "host": "a"}]})
    head = {"code": 12, "name": "operation unsupported"}
    end = "when not using a database"

    assert [
        await refused(node, "POST", "/services", {}),
        await refused(node, "PUT", f"/services/{MISSING}", {}),
        await refused(node, "PATCH", "/services/s", {}),
        await refused(node, "DELETE", "/services/s"),
    ] == [
        (405, {**head, "message": f"cannot {text} {end}"})
        for text in (
            "create 'services' entities",
            "create or update 'services' entities",
            "update 'services' entities by 'name'",
            "remove 'services' entities by 'name'",
        )
    ]


@pytest.mark.spec("gateway#1.11")
async def test_a_reference_by_name_to_nothing_is_unresolved(node: Node) -> None:
    body = {"paths": ["/"], "service": {"name": "non-existing"}}
    text = "the foreign key cannot be resolved with '{name=\"non-existing\"}' for an existing 'services' entity"

    assert await refused(node, "POST", "/routes", body) == (
        400,
        {
            "code": 13,
            "name": "foreign keys unresolved",
            "message": f"foreign key unresolved (service.name: {text})",
            "fields": {"service": {"name": text}},
        },
    )


@pytest.mark.spec("gateway#1.11")
async def test_a_whole_configuration_that_is_wrong_is_told_with_its_places() -> None:
    bad = {"_format_version": "3.0", "services": [{"name": "s"}]}
    reply = await Node().post(json.dumps(bad))

    assert reply.status == 400
    assert reply.json()["code"] == 14
    assert reply.json()["name"] == "invalid declarative configuration"
    assert reply.json()["fields"] == {"services": [{"host": "required field missing"}]}


@pytest.mark.spec("gateway#1.8")
async def test_an_authority_that_a_service_trusts_cannot_go(node: Node) -> None:
    made = await node.send("POST", "/ca_certificates", {"cert": AUTHORITY.cert})
    held = made.json()["id"]
    body = {"host": "a", "protocol": "https", "ca_certificates": [held]}
    service = await node.send("POST", "/services", body)

    assert await refused(node, "DELETE", f"/ca_certificates/{held}") == (
        400,
        {
            "code": 19,
            "name": "referenced by others",
            "message": "ca certificate is still referenced by a service",
            "fields": {"@referenced_by": "services"},
        },
    )
    await node.send("DELETE", f"/services/{service.json()['id']}")
    assert (await node.send("DELETE", f"/ca_certificates/{held}")).status == 204


@pytest.mark.spec("gateway#1.11")
@pytest.mark.parametrize(
    ("headers", "body", "status", "text"),
    [
        ({"content-type": "application/json"}, b"{", 400, "Cannot parse JSON body"),
        ({"content-type": "application/json"}, b"[1]", 400, "Cannot parse JSON body"),
        ({"content-type": "application/json"}, b'{"a": 1e999}', 400, "Cannot parse JSON body"),
        ({"content-type": "application/json"}, b'{"a": NaN}', 400, "Cannot parse JSON body"),
        ({"content-type": "application/json"}, b'{"\\ud800": 1}', 400, "Cannot parse JSON body"),
        ({"content-type": "application/json"}, b'{"a":' * 90_000, 400, "Cannot parse JSON body"),
        ({"content-type": "text/plain"}, b"a=1", 415, None),
        ({"content-type": "text/yaml"}, b"a: 1", 415, None),
        ({}, b"a=1", 415, None),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1&a.b=2", 400, "Cannot parse the form: one name is both a value and a record"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=%FF", 400, "Cannot parse the form: not UTF-8"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=1&" * 1001, 400, "Too many arguments"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a" + b".a" * 99_999 + b"=1", 400, "Cannot parse the form: a name goes too deep"),
        ({"content-type": "multipart/form-data"}, b"--b", 400, "Cannot parse the multipart body"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_bodies_that_cannot_be_read(
    node: Node,
    headers: dict[str, str],
    body: bytes,
    status: int,
    text: str | None,
    method: str,
) -> None:
    path = "/services" if method == "POST" else f"/services/{MISSING}"
    reply = await node.call(path, method, body=body, headers=headers)

    assert reply.status == status
    assert (reply.json() if reply.body else None) == (text and {"message": text})


@pytest.mark.spec("gateway#1.5")
@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({"route": {"name": "secure"}}, "must match the associated route's protocols"),
        (
            {"service": {"name": "parent"}},
            "must match the protocols of at least one route pointing to this Plugin's service",
        ),
    ],
)
async def test_a_plugin_shares_a_protocol_with_what_it_is_bound_to(
    node: Node, ids: dict[str, str], where: dict[str, Any], text: str
) -> None:
    plugin = {"name": "cors", "protocols": ["http"], **where}
    if "service" in where:  # without routes there is nothing to match
        made = await node.send("POST", "/plugins", plugin)
        assert made.status == 201, made.text
        await node.send("DELETE", f"/plugins/{made.json()['id']}")
    route = {"name": "secure", "paths": ["/s"], "protocols": ["https"]}
    await node.send("POST", "/services/parent/routes", route)

    assert await refused(node, "POST", "/plugins", plugin) == (
        400,
        {
            "code": 2,
            "name": "schema violation",
            "message": f"schema violation (protocols: {text})",
            "fields": {"protocols": text},
        },
    )
    plugin["protocols"] = ["http", "https"]
    assert (await node.send("POST", "/plugins", plugin)).status == 201
