"""Whatever happens inside, the API answers in JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ostiary.userpool.api.operations import OPERATIONS
from tests.userpool.pool_kit import PoolSite


@pytest.mark.parametrize(
    "members",
    [
        {"PoolName": "a\ud800"},
        {"PoolName": "ok", "UserPoolTags": {"\udfff": "x"}},
        {"PoolName": "ok", "UserPoolTags": {"x": "\udfff"}},
        {"PoolName": "ok", "Nonsense": ["\ud800"]},
    ],
)
async def test_half_a_character_is_no_text(
    site: PoolSite, members: dict[str, Any]
) -> None:
    answer = await site.call_raw("CreateUserPool", members)

    assert answer.status == 400
    assert answer.json()["__type"] == "SerializationException"


async def test_a_fault_of_ours_is_told_in_json_and_logged_without_its_text(
    site: PoolSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_call: object, _given: object) -> dict[str, Any]:
        raise KeyError("what the caller sent")

    monkeypatch.setitem(
        OPERATIONS, "ListUserPools", replace(OPERATIONS["ListUserPools"], run=broken)
    )
    answer = await site.call_raw("ListUserPools", {"MaxResults": 1})

    assert answer.status == 500
    assert answer.json()["__type"] == "InternalErrorException"
    assert answer.header("x-amzn-requestid")
    assert "KeyError" in caplog.text
    assert "what the caller sent" not in caplog.text
