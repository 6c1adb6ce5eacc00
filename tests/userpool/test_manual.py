"""What the manual says of testing a login works as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.testing import LocalUserPool, running_user_pool

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "test-a-cognito-login.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path, kind: str) -> list[str]:
    return [text for name, text in BLOCK.findall(page.read_text()) if name == kind]


def functions(text: str) -> list[Callable[[LocalUserPool], None]]:
    names: dict[str, Any] = {}
    exec(compile(text, "the manual", "exec"), names)
    return [value for name, value in names.items() if name.startswith("test_")]


@pytest.mark.parametrize("page", [ROOT / "README.md", HOW_TO], ids=lambda p: p.name)
def test_the_example_in_the_manual_passes(cognito: LocalUserPool, page: Path) -> None:
    (text,) = blocks(page, "python")
    (example,) = functions(text)
    example(cognito)

    assert len(cognito.messages("ada@example.org")) == 1


def test_the_readme_keeps_its_word_about_ten_lines() -> None:
    (text,) = blocks(ROOT / "README.md", "python")

    assert len(text.splitlines()) <= 10


@pytest.fixture(scope="module")
def with_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalUserPool]:
    """A process of its own with settings: the manual's file, and a trigger."""
    (text,) = blocks(HOW_TO, "yaml")
    file = tmp_path_factory.mktemp("seed") / "pools.yml"
    file.write_text(text)
    settings = {
        "userpool_seed": str(file),
        "userpool_triggers": f"greet={__name__}:greet",
    }
    with running_user_pool(settings=settings) as pool:
        yield pool


def test_the_file_in_the_manual_makes_its_pool(with_settings: LocalUserPool) -> None:
    reply = with_settings.client().admin_list_groups_for_user(
        UserPoolId="eu-west-1_myPool001", Username="ada"
    )

    assert [g["GroupName"] for g in reply["Groups"]] == ["admins"]


def test_everything_that_tests_may_do_can_be_done(cognito: LocalUserPool) -> None:
    client = cognito.client()
    pool_id = client.create_user_pool(PoolName="p")["UserPool"]["Id"]
    before = cognito.now()
    cognito.advance(3600)
    assert cognito.now() >= before + 3600
    kept = cognito.snapshot()
    cognito.rotate_keys(pool_id)
    cognito.next_codes("123456")
    cognito.break_calls(throttle=1)
    cognito.break_calls()
    cognito.reset()
    assert client.list_user_pools(MaxResults=1)["UserPools"] == []
    cognito.restore(kept)
    assert client.list_user_pools(MaxResults=1)["UserPools"][0]["Id"] == pool_id
    with pytest.raises(ValueError, match="there is no pool nobody"):
        cognito.rotate_keys("nobody")
    with pytest.raises(LookupError, match="no code was sent"):
        cognito.wait_for_code("nobody@example.org", wait_s=0)


def test_triggers_run_as_the_settings_say(with_settings: LocalUserPool) -> None:
    client = with_settings.client()
    arn = "arn:aws:lambda:eu-west-1:000000000000:function:greet"
    made = client.create_user_pool(PoolName="p", LambdaConfig={"PreSignUp": arn})
    app = client.create_user_pool_client(
        UserPoolId=made["UserPool"]["Id"], ClientName="c"
    )
    reply = client.sign_up(
        ClientId=app["UserPoolClient"]["ClientId"],
        Username="ada",
        Password="Passw0rd!x",
    )

    assert reply["UserConfirmed"] is True


def greet(event: dict[str, Any]) -> dict[str, Any]:
    event["response"]["autoConfirmUser"] = True
    return event
