"""Which route a request matches, and what becomes of its path."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.gateway.router import (
    Match,
    Query,
    Router,
    RouterBuilder,
    build_entries,
    build_router,
    build_upstream_path,
    read_literal_start,
)
from ostiary.http.head import Fields
from ostiary.model.gateway import Route


def make(**row: Any) -> Route:
    return Route.model_validate(row, strict=False)


def table(*rows: dict[str, Any]) -> Router:
    return build_router(
        entry
        for number, row in enumerate(rows)
        for entry in build_entries(make(name=f"r{number}", **row), None)
    )


def query(
    path: str = "/",
    *,
    method: bytes = b"GET",
    host: str = "a.example",
    port: int = 80,
    fields: Fields = (),
    tls: bool = False,
    sni: str | None = None,
) -> Query:
    return Query(
        method=method, host=host, port=port, path=path, fields=fields, tls=tls, sni=sni
    )


def won(match: Match | None) -> str | None:
    return None if match is None else match.route.name


@pytest.mark.spec("gateway#3.1")
@pytest.mark.parametrize(
    ("row", "asked", "expected"),
    [
        ({"paths": ["/route"]}, query("/route"), True),
        ({"paths": ["/route"]}, query("/routereq"), True),
        ({"paths": ["/route"]}, query("/rout"), False),
        ({"paths": ["/route/"]}, query("/route"), False),
        ({"paths": ["/Route"]}, query("/route"), False),
        ({"paths": ["~/a/[0-9]+"]}, query("/a/12/b"), True),
        ({"paths": ["~/a/[0-9]+"]}, query("/x/a/12"), False),
        ({"paths": ["~/a$"]}, query("/ab"), False),
        ({"paths": ["~/a|/b"]}, query("/b"), True),
        ({"paths": ["~/a|/b"]}, query("/xb/b"), False),
        ({"methods": ["GET"]}, query(), True),
        ({"methods": ["POST", "PUT"]}, query(), False),
        ({"methods": ["GET"]}, query(method=b"get"), False),
        ({"hosts": ["a.example"]}, query(), True),
        ({"hosts": ["A.Example"]}, query(), True),
        ({"hosts": ["b.example"]}, query(), False),
        ({"hosts": ["*.example"]}, query(), True),
        ({"hosts": ["*.example"]}, query(host="x.y.example"), True),
        ({"hosts": ["*.example"]}, query(host="example"), False),
        ({"hosts": ["*.example"]}, query(host=".example"), False),
        ({"hosts": ["a.*"]}, query(), True),
        ({"hosts": ["a.*"]}, query(host="b.a.example"), False),
        ({"hosts": ["a.example:80"]}, query(), True),
        ({"hosts": ["a.example:81"]}, query(), False),
        ({"hosts": ["*.example:81"]}, query(port=81), True),
        ({"hosts": ["a.*:81"]}, query(), False),
        ({"hosts": ["a.example:80", "a.example:81"]}, query(), True),
        ({"hosts": ["a.example:80", "a.example:81"]}, query(port=81), True),
        ({"hosts": ["a.example:80", "a.example:81"]}, query(port=82), False),
        ({"hosts": ["a.example", "a.example:81"]}, query(), True),
        ({"hosts": ["b.example:80", "a.example"]}, query(port=9), True),
        ({"hosts": ["[::1]:80"]}, query(host="[::1]"), True),
        ({"headers": {"X-A": ["1", "Two"]}}, query(fields=((b"x-a", b" tWO "),)), True),
        ({"headers": {"X-A": ["1"]}}, query(fields=((b"X-A", b"2"), (b"x-a", b"1"))), True),
        ({"headers": {"X-A": ["1"]}}, query(fields=((b"X-A", b"12"),)), False),
        ({"headers": {"X-A": ["1"]}}, query(), False),
        ({"headers": {"X-A": ["1"], "X-B": ["1"]}}, query(fields=((b"X-A", b"1"),)), False),
        ({"headers": {"X-A": ["~*^b+$"]}}, query(fields=((b"X-A", b"BBB"),)), True),
        ({"headers": {"X-A": ["~*^b+$"]}}, query(fields=((b"X-A", b"abb"),)), False),
        ({"headers": {"X-A": ["~*b", "c"]}}, query(fields=((b"X-A", b"b"),)), False),
        ({"snis": ["a.example"]}, query(tls=True, sni="A.example."), True),
        ({"snis": ["a.example."]}, query(tls=True, sni="a.example"), True),
        ({"snis": ["*.example"]}, query(tls=True, sni="a.example"), True),
        ({"snis": ["b.example"]}, query(tls=True, sni="a.example"), False),
        ({"snis": ["b.example"]}, query(tls=True), False),
        ({"snis": ["b.example"]}, query(), True),
        ({"paths": ["/a"], "methods": ["POST"]}, query("/a"), False),
        ({"paths": ["/a"], "hosts": ["b.example"]}, query("/a"), False),
    ],
)  # fmt: skip
def test_a_route_matches_when_all_it_asks_for_is_there(
    row: dict[str, Any], asked: Query, *, expected: bool
) -> None:
    assert (table(row).match(asked) is not None) is expected


X = ((b"X-A", b"1"), (b"X-B", b"1"))


@pytest.mark.spec("gateway#3.2")
@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        ({"paths": ["/"], "methods": ["GET"]}, {"paths": ["/a/b/c"]}),
        ({"methods": ["GET"], "headers": {"X-A": ["1"]}}, {"paths": ["~/a"], "regex_priority": 9}),
        ({"hosts": ["a.example"]}, {"hosts": ["*.example"]}),
        ({"hosts": ["a.example"], "paths": ["/"]}, {"hosts": ["*.example"], "paths": ["/a/b"]}),
        ({"hosts": ["a.example"]}, {"hosts": ["a.example", "*.example"]}),
        ({"headers": {"X-A": ["1"], "X-B": ["1"]}}, {"headers": {"X-A": ["1"]}}),
        ({"hosts": ["*.example"], "headers": {"X-A": ["1"], "X-B": ["1"]}},
         {"hosts": ["a.*"], "headers": {"X-A": ["1"]}}),
        ({"hosts": ["a.example"], "headers": {"X-A": ["1"]}},
         {"hosts": ["*.example"], "headers": {"X-A": ["1"], "X-B": ["1"]}}),
        ({"paths": ["~/a"]}, {"paths": ["/a/b/c"]}),
        ({"paths": ["~/a"], "regex_priority": 2}, {"paths": ["~/a/b"], "regex_priority": 1}),
        ({"paths": ["~/a"]}, {"paths": ["~/a/b"], "regex_priority": -1}),
        ({"paths": ["/a/b"]}, {"paths": ["/a"], "regex_priority": 99}),
        ({"paths": ["/a/b", "/z"]}, {"paths": ["/a"]}),
        ({"paths": ["/a/b"]}, {"paths": ["/a", "/long/long/long"]}),
        ({"paths": ["/"], "created_at": 1}, {"paths": ["/"], "created_at": 2}),
    ],
)  # fmt: skip
def test_the_order_among_routes_that_match(
    winner: dict[str, Any], loser: dict[str, Any]
) -> None:
    asked = query("/a/b/c", fields=X)

    assert won(table(winner, loser).match(asked)) == "r0"
    assert won(table(loser, winner).match(asked)) == "r1"


def test_a_tie_is_broken_by_age_then_by_id_whatever_the_order() -> None:
    low = {
        "id": "00000000-0000-4000-8000-000000000001",
        "paths": ["/"],
        "created_at": 5,
    }
    high = {**low, "id": "00000000-0000-4000-8000-000000000002"}
    old = {**low, "id": "00000000-0000-4000-8000-000000000000", "created_at": 4}

    assert won(table(low, high).match(query())) == "r1"
    assert won(table(high, low).match(query())) == "r0"
    assert won(table(high, old, low).match(query())) == "r1"


def test_no_route_is_no_match() -> None:
    assert Router().match(query()) is None


@pytest.mark.spec("gateway#3.4")
@pytest.mark.parametrize(
    ("service", "path", "strip", "asked", "expected"),
    [
        (base, "/", strip, "/route/req", "/route/req")
        for base in ("/", None) for strip in (True, False)
    ] + [
        ("/", "/route", False, "/routereq", "/routereq"),
        ("/", "/route", True, "/route", "/"),
        ("/", "/route", True, "/route/", "/"),
        ("/", "/route", True, "/routereq", "/req"),
        ("/", "/route/", True, "/route/req", "/req"),
        ("/srv", "/rou", False, "/roureq", "/srv/roureq"),
        ("/srv", "/rou", True, "/roureq", "/srv/req"),
        ("/srv/", "/rou", False, "/rou", "/srv/rou"),
        ("/srv/", "/rou", True, "/rou", "/srv"),
        ("/service", "/", True, "/", "/service"),
        ("/service", "/", False, "/", "/service"),
        ("/service", "/", True, "/route", "/service/route"),
        ("/service", "/", False, "/route/", "/service/route/"),
        ("/service", "/route", False, "/route", "/service/route"),
        ("/service", "/route", True, "/route", "/service"),
        ("/service", "/route", True, "/route/", "/service/"),
        ("/service", "/route", True, "/routereq", "/service/req"),
        ("/service", "/route/", False, "/route/req", "/service/route/req"),
        ("/service", "/route/", True, "/route/", "/service/"),
        ("/service", "/route/", True, "/route/req", "/service/req"),
        ("/service/", "/", True, "/", "/service/"),
        ("/service/", "/", False, "/", "/service/"),
        ("/service/", "/", True, "/route", "/service/route"),
        ("/service/", "/route", True, "/route", "/service"),
        ("/service/", "/route", True, "/route/", "/service/"),
        ("/service/", "/route", True, "/routereq", "/service/req"),
        ("/service", None, True, "/", "/service"),
        ("/service", None, False, "/route", "/service/route"),
        ("/service/", None, True, "/", "/service/"),
        ("/service", "/route", True, "/route./req", "/service/req"),
        ("/service", "/route", True, "/route../req", "/service/req"),
        ("/service", "/route", False, "/route./req", "/service/route./req"),
        ("/service", "/route", True, "/route.././../req", "/service/req"),
        ("/service", "/route", True, "/route..", "/service"),
        ("/service", "/route", True, "/route...", "/service/..."),
        ("/service", "/route", True, "/route/.hidden", "/service/.hidden"),
        (None, "/a", True, "/a//b", "//b"),
        ("/service", "~/r[a-z]+", True, "/route/req", "/service/req"),
        ("/service", "~/r[a-z]+", False, "/route/req", "/service/route/req"),
        ("/service", "~/r.*", True, "/route/req", "/service"),
    ],
)  # fmt: skip
def test_the_path_the_upstream_sees(
    service: str | None, path: str | None, *, strip: bool, asked: str, expected: str
) -> None:
    row = {"paths": [path]} if path else {"hosts": ["a.example"]}
    match = table({**row, "strip_path": strip}).match(query(asked))
    assert match is not None

    assert build_upstream_path(service, asked, match.cut) == expected


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        ("/users/[0-9]+", "/users/"),
        (r"/v1\.0/(a)", "/v1.0/"),
        ("^/a/b", "/a/b"),
        ("/ab*c", "/a"),
        ("/ab?c", "/a"),
        ("/ab{2}", "/a"),
        ("/ab+", "/ab"),
        (r"/a\d", "/a"),
        ("/a|/b", ""),
        ("(?i)/a", ""),
        ("(/a)", ""),
        ("", ""),
    ],
)
def test_a_pattern_is_filed_under_what_it_always_begins_with(
    pattern: str, start: str
) -> None:
    assert read_literal_start(pattern) == start


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_changed_router_equals_one_from_nothing_and_shares_the_rest(
    kept: int,
) -> None:
    rows = [
        Route.model_validate(
            {"id": f"00000000-0000-4000-8000-00000000000{n}", **more}, strict=False
        )
        for n, more in enumerate(
            [
                {"hosts": ["a.example"], "paths": ["/x"]},
                {"hosts": ["*.example"], "paths": ["~/x/[0-9]+"]},
                {"paths": ["/x", "/"]},
                {"hosts": ["b.example"]},
            ]
        )
    ]
    entries = [build_entries(row, None) for row in rows]
    old = build_router(e for group in entries for e in group)
    builder = RouterBuilder(old)
    for number, group in enumerate(entries):
        if number != kept:
            for entry in group:
                builder.remove(entry)
    new = builder.build()
    fresh = build_router(entries[kept])

    for host in ("a.example", "b.example", "c.example", "other.test"):
        for path in ("/", "/x", "/x/5"):
            asked = query(host=host, path=path)
            assert new.match(asked) == fresh.match(asked)
    assert old.match(query(host="b.example", path="/none")) is not None
    exact = old.tables[0]
    if kept == 0:
        assert new.tables[0]["a.example"] is exact["a.example"]
    assert set(new.tables[0]) == set(fresh.tables[0])
