"""Inputs are judged by the service's model, in its words, all violations at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.service import load_service
from ostiary.userpool.api.validation import check_input

SERVICE = load_service()
CLIENT = "1pf00c5or942c2hm37mgv0u509"


def judge(operation: str, data: Any) -> dict[str, Any]:
    return check_input(SERVICE, SERVICE.operations[operation].input, data)


def refused(operation: str, data: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        judge(operation, data)
    return caught.value.code, caught.value.message


def test_what_is_right_is_kept_and_what_is_unknown_is_not() -> None:
    data = {"UserPoolId": "eu-west-1_a", "Username": "ada", "Nonsense": 1}

    assert judge("AdminGetUser", data) == {
        "UserPoolId": "eu-west-1_a",
        "Username": "ada",
    }


def test_null_counts_as_absent() -> None:
    data = {"UserPoolId": "eu-west-1_a", "Username": "ada", "MessageAction": None}

    assert "MessageAction" not in judge("AdminCreateUser", data)
    assert refused("AdminGetUser", {**data, "Username": None})[1] == (
        "1 validation error detected: Value at 'username' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_all_violations_are_told_at_once() -> None:
    code, text = refused("ListUsers", {"UserPoolId": "no", "Limit": 61})

    assert code == "InvalidParameterException"
    assert text == (
        "2 validation errors detected: Value 'no' at 'userPoolId' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [\\w-]+_[0-9a-zA-Z]+; "
        "Value '61' at 'limit' failed to satisfy constraint: Member must have value less "
        "than or equal to 60"
    )


@pytest.mark.parametrize("secret", ["x" * 300, "with space "])
def test_what_is_secret_is_not_repeated(secret: str) -> None:
    _, text = refused(
        "SignUp", {"ClientId": CLIENT, "Username": "ada", "Password": secret * 2}
    )

    assert "Value at 'password' failed" in text
    assert secret.strip() not in text


@pytest.mark.parametrize(
    ("operation", "data", "said"),
    [
        (
            "InitiateAuth",
            {"AuthFlow": "MAGIC", "ClientId": CLIENT},
            (
                "Value 'MAGIC' at 'authFlow' failed to satisfy constraint: Member must satisfy enum "
                "value set: [USER_SRP_AUTH, "
            ),
        ),
        (
            "CreateUserPool",
            {"PoolName": "p", "Schema": [{"Name": "x" * 21}]},
            (
                "at 'schema.1.member.name' failed to satisfy constraint: Member must have length "
                "less than or equal to 20"
            ),
        ),
        (
            "CreateUserPool",
            {"PoolName": ""},
            "Member must have length greater than or equal to 1",
        ),
        (
            "TagResource",
            {"ResourceArn": "arn:aws:x:y:z:w", "Tags": {"k": "v" * 257}},
            "at 'tags.k.member' failed",
        ),
    ],
)
def test_each_kind_of_limit_has_its_words(
    operation: str, data: dict[str, Any], said: str
) -> None:
    assert said in refused(operation, data)[1]


@pytest.mark.parametrize(
    "data",
    [
        [],
        "x",
        None,
        {"UserPoolId": 1, "Username": "ada"},
        {"UserPoolId": ["eu-west-1_a"], "Username": "ada"},
        {"UserPoolId": "eu-west-1_a", "Username": {"a": "b"}},
    ],
)
def test_wrong_types_are_no_input(data: Any) -> None:
    assert refused("AdminGetUser", data)[0] == "SerializationException"


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("ListUsers", {"UserPoolId": "eu-west-1_a", "Limit": True}),
        ("ListUsers", {"UserPoolId": "eu-west-1_a", "Limit": "5"}),
        ("ListUsers", {"UserPoolId": "eu-west-1_a", "AttributesToGet": "email"}),
        ("ListUsers", {"UserPoolId": "eu-west-1_a", "AttributesToGet": [None]}),
        ("SignUp", {"ClientId": CLIENT, "Username": "a", "ClientMetadata": {"k": 1}}),
        ("SetUICustomization", {"UserPoolId": "eu-west-1_a", "ImageFile": "***"}),
        (
            "ConfirmSignUp",
            {
                "ClientId": CLIENT,
                "Username": "a",
                "ConfirmationCode": "1",
                "ForceAliasCreation": "true",
            },
        ),
    ],
)
def test_wrong_types_inside_are_no_input_either(
    operation: str, data: dict[str, Any]
) -> None:
    assert refused(operation, data)[0] == "SerializationException"


def test_bytes_arrive_as_bytes() -> None:
    data = {"UserPoolId": "eu-west-1_a", "ImageFile": "aGVsbG8="}

    assert judge("SetUICustomization", data)["ImageFile"] == b"hello"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["UserPoolId", "Schema", "Name", "Policies", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, derandomize=True)
@given(name=st.sampled_from(sorted(SERVICE.operations)), data=JSON)
def test_any_json_is_kept_or_refused(name: str, data: Any) -> None:
    try:
        kept = judge(name, data)
    except ApiError as refusal:
        said = refusal.code
    else:
        said = "kept" if "ImageFile" in kept or judge(name, kept) == kept else "changed"

    assert said in {"kept", "SerializationException", "InvalidParameterException"}
