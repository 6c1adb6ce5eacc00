"""Bodies: what keys of forms spell, and that no body of any kind breaks anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.admin.bodies import nest
from ostiary.http.forms import MalformedForm
from ostiary.model.kinds import KINDS
from tests.unit.admin.admin_kit import Node, database_node
from tests.unit.admin.rows_kit import SAMPLES, furnish


@pytest.mark.spec("gateway#1.13")
@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("a", "")], {"a": None}),
        ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a[]", "1")], {"a": ["1"]}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[2]", "2"), ("a[1]", "1"), ("a[10]", "3")], {"a": ["1", "2", "3"]}),
        ([("a", "0"), ("a[]", "1")], {"a": ["0", "1"]}),
        ([("a.b", "1"), ("a.c.d", "2")], {"a": {"b": "1", "c": {"d": "2"}}}),
        ([("a[x]", "1"), ("a[y-z]", "2")], {"a": {"x": "1", "y-z": "2"}}),
        ([("a[x][]", "1"), ("a[x][]", "2")], {"a": {"x": ["1", "2"]}}),
        ([("a.x-version[]", "v1")], {"a": {"x-version": ["v1"]}}),
        ([("a.b[1].c", "1"), ("a.b[2].c", "2")], {"a": {"b": [{"c": "1"}, {"c": "2"}]}}),
        ([("a[" + "9" * 5000 + "]", "2"), ("a[1]", "1")], {"a": ["1", "2"]}),
        ([("[1]", "x")], {"1": "x"}),
        ([("a]b", "1"), ("", "2")], {"a]b": "1", "": "2"}),
        ([], {}),
    ],
)  # fmt: skip
def test_keys_of_forms_spell_records_arrays_and_maps(
    pairs: list[tuple[str, str]], value: dict[str, Any]
) -> None:
    assert nest(pairs) == value


@pytest.mark.parametrize(
    "pairs",
    [[("a", "1"), ("a.b", "2")], [("a" + ".a" * 99, "1")], [("a" + "[]" * 99, "1")]],
)
def test_a_form_that_says_two_things_or_goes_too_deep_is_refused(
    pairs: list[tuple[str, str]],
) -> None:
    with pytest.raises(MalformedForm):
        nest(pairs)


_KEYS = st.text(alphabet="ab.[]01\u0663-", max_size=12) | st.text(max_size=6)


@given(st.lists(st.tuples(_KEYS, st.text(max_size=3)), max_size=8))
def test_any_form_is_a_record_or_malformed(pairs: list[tuple[str, str]]) -> None:
    try:
        found = nest(pairs)
    except MalformedForm:
        return

    assert isinstance(found, dict)
    json.dumps(found)


_FIELDS = sorted({name for kind in KINDS.values() for name in kind.model.model_fields})
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["http", "env", "cors", "openid-connect", "rate-limiting", "/", "~/(", "a.b", "RS256"])
    | st.sampled_from([s.body.get("cert") or "x" for s in SAMPLES])
)  # fmt: skip
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*_FIELDS, "url", "snis", "active", "name"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
_BODIES = st.dictionaries(
    st.sampled_from([*_FIELDS, "url", "snis"]) | st.text(max_size=4),
    _VALUES,
    max_size=5,
)
_PATHS = [s.path for s in SAMPLES]
_OTHER_PATHS = [
    "/schemas/services/validate",
    "/schemas/plugins/validate",
    "/consumer_groups/gold/consumers",
    "/consumers/ada/consumer_groups",
]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def node(runner: asyncio.Runner, tmp_path: Path) -> Iterator[Node]:
    """One node for all examples: opening a database takes longer than asking it."""
    context = database_node(tmp_path)
    made = runner.run(context.__aenter__())
    runner.run(furnish(made))
    yield made
    runner.run(context.__aexit__(None, None, None))


async def _send(node: Node, method: str, path: str, body: Any) -> None:
    # Python writes what JSON does not know, such as NaN and halves of characters.
    data = json.dumps(body).encode()
    fields = {"content-type": "application/json"}
    reply = await node.call(path, method, body=data, headers=fields)

    assert reply.status < 500, (path, data, reply.text)
    if reply.status == 201 and "id" in reply.json():
        assert (await node.call(f"{path}/{reply.json()['id']}")).status == 200


def test_no_body_is_an_error_of_ours(runner: asyncio.Runner, node: Node) -> None:
    async def send_to_all(body: dict[str, Any]) -> None:
        for path in (*_PATHS, *_OTHER_PATHS):
            await _send(node, "POST", path, body)
        for sample in SAMPLES:  # right but for something
            await _send(node, "POST", sample.path, {**sample.body, **body})
        for path in ("/services/parent", "/routes/way", "/upstreams/pool.internal"):
            await _send(node, "PATCH", path, body)

    @settings(max_examples=40, deadline=None)
    @given(_BODIES)
    def check(body: dict[str, Any]) -> None:
        runner.run(send_to_all(body))

    check()


def test_no_form_is_an_error_of_ours(runner: asyncio.Runner, node: Node) -> None:
    async def send_to_all(text: str) -> None:
        for path in _PATHS:
            reply = await node.form("POST", path, text)
            assert reply.status < 500, (path, text, reply.text)

    names = st.sampled_from(_FIELDS) | _KEYS

    @settings(max_examples=40, deadline=None)
    @given(st.dictionaries(names, st.text(max_size=4), max_size=5))
    def check(pairs: dict[str, str]) -> None:
        runner.run(send_to_all("&".join(f"{k}={v}" for k, v in pairs.items())))

    check()
