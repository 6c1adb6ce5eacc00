"""A file that says which pools there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ostiary.userpool.seed import SeedInvalid, apply_seed
from tests.userpool.people_kit import ADA, MAIL, Stage, open_stage, read_claims
from tests.userpool.pool_kit import PASSWORD

POOL_ID = "ap-southeast-1_seededAa1"
FILE = f"""
pools:
  - PoolName: seeded
    Id: {POOL_ID}
    AutoVerifiedAttributes: [email]
    Domain: seeded
    Groups:
      - GroupName: admins
        Precedence: 1
    ResourceServers:
      - Identifier: orders
        Name: Orders
        Scopes:
          - ScopeName: read
            ScopeDescription: Read orders
    Clients:
      - ClientName: app
        ClientId: my-app-of-choice0
        ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH, ALLOW_REFRESH_TOKEN_AUTH]
    Users:
      - Username: ada
        Password: {PASSWORD}
        UserAttributes:
          email: {MAIL}
          email_verified: true
        Groups: [admins]
    ListUsers:
      - Username: bob
        Attributes:
          - Name: sub
            Value: 0b0b0b0b-0000-7000-8000-000000000000
          - Name: email
            Value: bob@example.org
          - Name: email_verified
            Value: "true"
        Enabled: true
        UserStatus: CONFIRMED
""".replace("my-app-of-choice0", "myappofchoice0")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        opened.pool_id, opened.client_id = POOL_ID, "myappofchoice0"
        yield opened


async def seed(stage: Stage, data: Any) -> list[str]:
    said: list[str] = []
    await apply_seed(stage.site.app.state.services, data, said.append)
    return said


async def test_what_the_file_says_is_there(stage: Stage) -> None:
    assert await seed(stage, yaml.safe_load(FILE)) == [f"seeded: {POOL_ID}"]

    claims = read_claims((await stage.tokens())["IdToken"])
    assert (claims["email"], claims["cognito:groups"]) == (MAIL, ["admins"])
    domain = await stage.sdk.call("DescribeUserPoolDomain", Domain="seeded")
    assert domain["DomainDescription"]["UserPoolId"] == POOL_ID
    servers = await stage.sdk.call(
        "DescribeResourceServer", UserPoolId=POOL_ID, Identifier="orders"
    )
    assert servers["ResourceServer"]["Name"] == "Orders"


async def test_who_was_listed_elsewhere_sets_a_new_password_first(
    stage: Stage,
) -> None:
    await seed(stage, yaml.safe_load(FILE))
    bob = await stage.admin(
        "AdminGetUser", "bob@example.org".removesuffix("@example.org")
    )

    assert bob["UserStatus"] == "RESET_REQUIRED"
    await stage.sdk.call("ForgotPassword", ClientId=stage.client_id, Username="bob")
    await stage.sdk.call(
        "ConfirmForgotPassword",
        ClientId=stage.client_id,
        Username="bob",
        ConfirmationCode=stage.code(),
        Password=PASSWORD,
    )
    assert "AuthenticationResult" in await stage.sign_in("bob")


async def test_a_second_time_changes_nothing(stage: Stage) -> None:
    await seed(stage, yaml.safe_load(FILE))
    await stage.admin("AdminDeleteUser", ADA)

    assert await seed(stage, yaml.safe_load(FILE)) == ["seeded: there already"]
    assert (await stage.admin_refused("AdminGetUser"))[0] == "UserNotFoundException"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "the file: must be an object"),
        ({"pool": []}, "the file: pool is not known here"),
        ({"pools": {}}, "the file.pools: must be a list"),
        ({"pools": ["x"]}, r"pools\[0\]: must be an object"),
        (
            {"pools": [{}]},
            r"pools\[0\]: 1 validation error detected: Value null at 'poolName'",
        ),
        (
            {"pools": [{"PoolName": "p", "Users": [{"Username": "a", "X": 1}]}]},
            r"pools\[0\].Users\[0\]: X is not known here",
        ),
        (
            {
                "pools": [
                    {"PoolName": "p", "Users": [{"Username": "a", "Password": "b"}]}
                ]
            },
            r"pools\[0\].Users\[0\]: .*policy: Password not long enough",
        ),
        (
            {"pools": [{"PoolName": "p", "Clients": [{"ClientName": ""}]}]},
            r"pools\[0\].Clients\[0\]: 2 validation errors",
        ),
        (
            {"pools": [{"PoolName": "p", "ListUsers": [{"Username": "a"}]}]},
            r"ListUsers\[0\]: Username and the attribute sub are needed",
        ),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(
    stage: Stage, data: Any, said: str
) -> None:
    with pytest.raises(SeedInvalid, match=said):
        await seed(stage, data)
