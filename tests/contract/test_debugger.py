"""`ostiary debugger token`: a token from a real sign-in, held against the pool that made it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.contract.page_node import PageNode

EMAIL, PASSWORD = "debugged@example.com", "Passw0rd!x"


def debug(
    page_node: PageNode, token: str, *options: str
) -> subprocess.CompletedProcess[str]:
    named = {"--issuer": page_node.made.issuer(page_node.node.site), "--client-id": page_node.made.client_id}  # fmt: skip
    given = [word for name in named if name not in options for word in (name, named[name])]  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "ostiary", "debugger", "token", *given, *options],
        env=page_node.node.environ(),
        input=token,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The tokens of somebody who has signed in, and the client that they are for."""

    client: str
    access: str
    identity: str


def sign_somebody_in(page_node: PageNode) -> Held:
    sdk: Any = boto3.client(  # Any: boto3's clients are made at run time
        "cognito-idp",
        endpoint_url=page_node.node.site.userpool,
        region_name="ap-southeast-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    pool = {"UserPoolId": page_node.made.user_pool_id}
    made = sdk.create_user_pool_client(
        **pool, ClientName="debugged", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )
    client = made["UserPoolClient"]["ClientId"]
    sdk.admin_create_user(**pool, Username=EMAIL, MessageAction="SUPPRESS")
    sdk.admin_set_user_password(**pool, Username=EMAIL, Password=PASSWORD, Permanent=True)  # fmt: skip
    found = sdk.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": EMAIL, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    return Held(client=client, access=found["AccessToken"], identity=found["IdToken"])


@pytest.mark.spec("RFC9068#4")
@pytest.mark.spec("OIDCC#3.1.3.7")
async def test_tokens_of_a_sign_in_pass_every_rule_and_others_are_found_out(
    page_node: PageNode, tmp_path: Path
) -> None:
    held = await asyncio.to_thread(sign_somebody_in, page_node)
    file = tmp_path / "token"
    file.write_text(held.access)
    head, body, signature = held.access.split(".")
    forged = f"{head}.{body}.{signature[:-8]}{'A' * 8}"

    async def ask(token: str, *options: str) -> subprocess.CompletedProcess[str]:
        for_client = options if "--client-id" in options else ("--client-id", held.client, *options)  # fmt: skip
        return await asyncio.to_thread(debug, page_node, token, *for_client)

    access = await ask(f"Bearer {held.access}\n")
    named = await ask("", "--file", str(file))
    identity = await ask(held.identity)
    of_another = await ask(held.identity, "--client-id", "another")
    broken = await ask(forged)
    wrong = await ask(held.access, "--kind", "id")
    nonce = await ask(held.identity, "--nonce", "of-the-sign-in")

    assert [access.returncode, named.returncode, identity.returncode] == [0, 0, 0]
    assert "as an access token:" in access.stdout
    assert "as an ID token:" in identity.stdout
    assert '"token_use": "access"' in access.stdout
    assert "made by the key" in identity.stdout
    assert identity.stdout.endswith("every rule passed\n")
    assert held.identity not in identity.stdout
    assert of_another.returncode == 1
    assert "expected another" in of_another.stdout
    assert "FAIL  signature invalid signature" in broken.stdout
    assert broken.stdout.rpartition("\n\n")[2].startswith("1 of ")
    assert "FAIL  token_use access" in wrong.stdout
    assert "FAIL  nonce" in nonce.stdout
    assert "of-the-sign-in" not in nonce.stdout


@pytest.mark.parametrize(
    ("token", "options", "says"),
    [
        ("", (), "there is no token"),
        ("", ("--file", "/nothing/there"), "cannot read the token from /nothing/there"),
        ("x", ("--issuer", "https://127.0.0.1:1/"), "cannot be asked"),
        ("x", ("--issuer", ""), "issuer"),
    ],
)
async def test_where_nothing_can_be_compared_it_says_why(
    page_node: PageNode, token: str, options: tuple[str, ...], says: str
) -> None:
    done = await asyncio.to_thread(debug, page_node, token, *options)

    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


async def test_what_is_no_token_fails_by_its_form(page_node: PageNode) -> None:
    done = await asyncio.to_thread(debug, page_node, "not.a\x1btoken")

    assert done.returncode == 1
    assert "FAIL  form" in done.stdout
    assert "\x1b" not in done.stdout
