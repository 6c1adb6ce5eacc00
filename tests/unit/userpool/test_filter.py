"""The listing's filter language."""

from __future__ import annotations

import pytest

from ostiary.model.pool import User, UserStatus
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.users import parse_filter

USER = User(
    pool_id="p",
    username="u-1",
    sub="s-1",
    login_key="a@b.c",
    attributes={"sub": "s-1", "email": "a@b.c", "given_name": 'Q"x'},
    status=UserStatus.CONFIRMED,
    password=None,
    created_at=0,
    modified_at=0,
)


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        (None, True),
        ("", True),
        ('email = "a@b.c"', True),
        ('email="a@b"', False),
        ('email ^= "a@"', True),
        ('username = "u-1"', True),
        ('sub ^= "s"', True),
        ('status = "Enabled"', True),
        ('status = "Disabled"', False),
        ('cognito:user_status = "UNCONFIRMED"', False),
        ('given_name = "Q\\"x"', True),
        ('phone_number = "+1"', False),
    ],
)
def test_a_filter_finds_whom_it_names(text: str | None, hit: bool) -> None:
    assert parse_filter(text)(USER) is hit


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
