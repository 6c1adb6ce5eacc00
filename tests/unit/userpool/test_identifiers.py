"""Identifiers have Cognito's shapes."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from ostiary.userpool import identifiers
from tests.userpool.pool_kit import FakeEntropy


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (
            identifiers.new_pool_id(FakeEntropy(), "eu-west-1"),
            r"eu-west-1_[0-9A-Za-z]{9}",
        ),
        (identifiers.new_client_id(FakeEntropy()), r"[0-9a-z]{26}"),
        (identifiers.new_client_secret(FakeEntropy()), r"[0-9a-z]{52}"),
        (identifiers.new_kid(FakeEntropy()), r"[0-9A-Za-z+/]{43}="),
        (identifiers.new_code(FakeEntropy()), r"[0-9]{6}"),
        (identifiers.new_token(FakeEntropy()), r"[0-9A-Za-z_-]{64}"),
        (
            identifiers.new_sub(FakeEntropy()),
            r"[0-9a-f]{8}-[0-9a-f]{4}-70[0-9a-f]{2}-.*",
        ),
    ],
)
def test_each_kind_has_its_shape(made: str, shape: str) -> None:
    assert re.fullmatch(shape, made)


def test_a_sub_is_a_uuid_and_no_two_are_alike() -> None:
    entropy = FakeEntropy()
    subs = {identifiers.new_sub(entropy) for _ in range(100)}

    assert len(subs) == 100
    assert all(str(UUID(sub)) == sub for sub in subs)
