"""The listing's filter language."""

from __future__ import annotations

import pytest

from ostiary.ports.pool_store import UserFilter
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.users import parse_filter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        (
            'email = "a@b.c"',
            UserFilter(field="email", value="a@b.c", is_prefix=False),
        ),
        ('email^="a@"', UserFilter(field="email", value="a@", is_prefix=True)),
        (
            'given_name = "Q\\"x"',
            UserFilter(field="given_name", value='Q"x', is_prefix=False),
        ),
        (
            ' cognito:user_status = "CONFIRMED" ',
            UserFilter(field="cognito:user_status", value="CONFIRMED", is_prefix=False),
        ),
    ],
)
def test_a_filter_is_read(text: str | None, expected: UserFilter | None) -> None:
    assert parse_filter(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("email", "Error while parsing filter"),
        ('email > "a"', "Error while parsing filter"),
        ('email = "a" and sub = "b"', "Error while parsing filter"),
        ('custom:foo = "a"', "Invalid search attribute: custom:foo"),
    ],
)
def test_other_filters_are_refused(text: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_filter(text)

    assert caught.value.code == "InvalidParameterException"
    assert caught.value.message == message
