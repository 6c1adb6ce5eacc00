"""
People who sign in all the time, in a process of its own, until its input ends; prints how many.

A process of its own, because the numbers of SRP cost its client as much as the server, and who
measures the token endpoint meanwhile must not wait for them.

    python -m bench.sign_ins ENDPOINT REGION POOL_ID CLIENT_ID password|srp
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

import aiohttp

from ostiary.userpool import srp

# On a schedule, whether or not the one before is in: 18 000 people an hour.
A_SECOND = 5
PEOPLE = 40
PASSWORD = "Passw0rd!x"


class SignIns:
    """One pool's sign-ins of one kind."""

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: str, region: str
    ) -> None:
        self.session = session
        self.endpoint = endpoint
        self.region = region

    async def call(self, operation: str, **members: Any) -> Any:
        signed = (
            f"AWS4-HMAC-SHA256 Credential=a/20260101/{self.region}/"
            "cognito-idp/aws4_request"
        )
        async with self.session.post(
            self.endpoint,
            data=json.dumps(members),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
                "Authorization": signed,
            },
        ) as reply:
            answer = json.loads(await reply.read() or b"{}")
            if reply.status != 200:
                raise SystemExit(f"{operation}: {answer}")
            return answer

    async def by_password(self, _pool_id: str, client_id: str, name: str) -> None:
        await self.call(
            "InitiateAuth",
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )

    async def by_srp(self, pool_id: str, client_id: str, name: str) -> None:
        a = secrets.randbits(256)
        asked = await self.call(
            "InitiateAuth",
            ClientId=client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={
                "USERNAME": name,
                "SRP_A": f"{srp.derive_client_public(a):x}",
            },
        )
        await self.call(
            "RespondToAuthChallenge",
            ClientId=client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses=_prove(pool_id, a, asked["ChallengeParameters"]),
        )


def _prove(pool_id: str, a: int, asked: dict[str, str]) -> dict[str, str]:
    """The answer that the password's holder gives (RFC 5054 §2.6, as Cognito varies it)."""
    pool_name, name = pool_id.partition("_")[2], asked["USER_ID_FOR_SRP"]
    server_public, a_public = int(asked["SRP_B"], 16), srp.derive_client_public(a)
    u = srp.derive_u(a_public, server_public)
    x = srp.derive_x(
        pool_name=pool_name,
        username=name,
        password=PASSWORD,
        salt=int(asked["SALT"], 16),
    )
    base = (server_public - srp.K * srp.derive_verifier(x)) % srp.N
    key = srp.derive_key(secret=pow(base, a + u * x, srp.N), u=u)
    now = datetime.now(UTC)
    timestamp = f"{now:%a %b} {now.day} {now:%H:%M:%S} UTC {now:%Y}"
    signature = srp.sign_answer(
        key,
        pool_name=pool_name,
        username=name,
        secret_block=base64.b64decode(asked["SECRET_BLOCK"]),
        timestamp=timestamp,
    )
    return {
        "USERNAME": name,
        "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
        "PASSWORD_CLAIM_SIGNATURE": signature,
        "TIMESTAMP": timestamp,
    }


async def main(
    endpoint: str, region: str, pool_id: str, client_id: str, kind: str
) -> None:
    """Sign in until the input ends."""
    # What signing in costs these clients is theirs: elsewhere they have machines of their own.
    os.nice(10)
    ended, count = asyncio.Event(), 0

    async def wait() -> None:
        await asyncio.to_thread(sys.stdin.read)
        ended.set()

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        people = SignIns(session, endpoint, region)
        sign_in = people.by_srp if kind == "srp" else people.by_password
        tasks.create_task(wait())
        while not ended.is_set():
            name = f"{kind}{count % PEOPLE}"
            tasks.create_task(sign_in(pool_id, client_id, name))
            count += 1
            await asyncio.sleep(1 / A_SECOND)
    print(count)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
