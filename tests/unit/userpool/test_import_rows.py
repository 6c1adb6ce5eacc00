"""Import files: their columns, and which rows are users."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.model.pool import Pool
from ostiary.model.pool_settings import PoolSettings
from ostiary.userpool.import_rows import (
    UnreadableFile,
    WrongRow,
    build_header,
    judge_row,
    read_rows,
)

CUSTOM = {"Name": "shoe", "AttributeDataType": "Number"}


def pool(**settings: Any) -> Pool:
    return Pool(
        id="eu-west-1_a",
        name="p",
        settings=PoolSettings.model_validate(settings),
        created_at=1,
        modified_at=1,
    )


def cells(of: Pool, **values: str) -> list[str]:
    usual = {"cognito:username": "ada", "cognito:mfa_enabled": "false"}
    named = usual | {k.replace("__", ":"): v for k, v in values.items()}
    return [named.get(name, "") for name in build_header(of.settings)]


def test_the_header_is_standard_attributes_then_custom_then_ours() -> None:
    header = build_header(pool(Schema=[CUSTOM]).settings)

    assert "sub" not in header
    assert len(header) == 19 + 3
    assert header[-3:] == ["custom:shoe", "cognito:mfa_enabled", "cognito:username"]


def test_columns_may_come_in_another_order() -> None:
    settings = pool().settings
    header = build_header(settings)
    text = ",".join(reversed(header)) + "\n\n" + ",".join(f"c{i}" for i in range(21))

    (row,) = read_rows(settings, text)

    assert row == [f"c{i}" for i in reversed(range(21))]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "InvalidHeader"),
        ("name,email\n", "InvalidHeader"),
        (",".join([*build_header(pool().settings), "name"]), "InvalidHeader"),
        (",".join(build_header(pool().settings)) + '\n"open', "InvalidFile"),
    ],
)
def test_another_file_is_not_read(text: str, code: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        list(read_rows(pool().settings, text))

    assert caught.value.code == code


@given(st.text())
def test_any_text_is_rows_or_unreadable(text: str) -> None:
    settings = pool().settings
    whole = ",".join(build_header(settings)) + "\n" + text
    try:
        rows = list(read_rows(settings, whole))
    except UnreadableFile:
        return

    assert all(len(row) in {0, 21} for row in rows)


def test_a_row_is_a_user_with_what_is_filled_in() -> None:
    of = pool(Schema=[CUSTOM], AutoVerifiedAttributes=["email"])
    row = judge_row(
        of,
        cells(
            of,
            email="a@b.example",
            email_verified="TRUE",
            custom__shoe="43",
            cognito__mfa_enabled="True",
        ),
    )

    assert row.newcomer.name == "ada"
    assert row.newcomer.attributes == {
        "email": "a@b.example",
        "email_verified": "true",
        "custom:shoe": "43",
    }
    assert row.wants_mfa


def test_where_addresses_are_names_the_address_is_the_name() -> None:
    of = pool(UsernameAttributes=["email"])
    row = judge_row(of, cells(of, cognito__username="x", email="a@b.example"))

    assert row.newcomer.name == "a@b.example"


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({}, {"cognito__mfa_enabled": ""}),
        ({}, {"cognito__mfa_enabled": "maybe"}),
        ({}, {"cognito__username": ""}),
        ({}, {"email": "nonsense"}),
        ({}, {"name": "x" * 16_000}),
        ({"AutoVerifiedAttributes": ["email"]}, {"email": "a@b.example"}),
        ({"Schema": [{"Name": "email", "Required": True}]}, {}),
        ({"UsernameAttributes": ["email"]}, {"cognito__username": "ada"}),
    ],
)
def test_a_row_that_is_no_user_is_refused(
    settings: dict[str, Any], values: dict[str, str]
) -> None:
    of = pool(**settings)
    with pytest.raises(WrongRow) as caught:
        judge_row(of, cells(of, **values))

    assert caught.value.code == "wrong_row"


def test_a_row_with_another_number_of_cells_is_refused() -> None:
    of = pool()
    text = ",".join(build_header(of.settings)) + "\na,b\n"
    (row,) = read_rows(of.settings, text)

    with pytest.raises(WrongRow):
        judge_row(of, row)


@pytest.mark.parametrize("name", ["a b", "x\0y", "n" * 129, "\u200b"])
def test_a_name_that_the_api_would_refuse_is_no_user_s(name: str) -> None:
    of = pool()
    with pytest.raises(WrongRow):
        judge_row(of, cells(of, cognito__username=name))
