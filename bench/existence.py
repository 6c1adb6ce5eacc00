"""
Whether the time of an answer tells a user's name from a stranger's, where existence is hidden.

The same call with names that users have and names that nobody has, by turns. What is printed
beside the medians is how often a user's answer took longer than a stranger's: 50 % tells
nothing, 100 % everything.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

Call = Callable[..., Awaitable[Any]]
PAIRS = 150
TELLS = 0.65
_A = "1f" * 128


def _calls(call: Call, client_id: str) -> dict[str, Callable[[str], Awaitable[Any]]]:
    """One call by what it is, each with a name."""

    async def by_password(name: str) -> None:
        await call(
            "InitiateAuth",
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": "wr0ng!Pass"},
        )

    async def by_srp(name: str) -> None:
        asked = await call(
            "InitiateAuth",
            ClientId=client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": name, "SRP_A": _A},
        )
        await call(
            "RespondToAuthChallenge",
            ClientId=client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={
                "USERNAME": name,
                "PASSWORD_CLAIM_SECRET_BLOCK": asked["ChallengeParameters"][
                    "SECRET_BLOCK"
                ],
                "PASSWORD_CLAIM_SIGNATURE": "AAAA",
                "TIMESTAMP": "Sun Nov 29 12:00:00 UTC 2026",
            },
        )

    async def by_code(name: str) -> None:
        asked = await call(
            "InitiateAuth",
            ClientId=client_id,
            AuthFlow="USER_AUTH",
            AuthParameters={"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"},
        )
        await call(
            "RespondToAuthChallenge",
            ClientId=client_id,
            ChallengeName="EMAIL_OTP",
            Session=asked["Session"],
            ChallengeResponses={"USERNAME": name, "EMAIL_OTP_CODE": "00000000"},
        )

    async def forget(name: str) -> None:
        await call("ForgotPassword", ClientId=client_id, Username=name)

    async def reset(name: str) -> None:
        await call(
            "ConfirmForgotPassword",
            ClientId=client_id,
            Username=name,
            ConfirmationCode="000000",
            Password="An0ther!pass",
        )

    async def confirm(name: str) -> None:
        await call(
            "ConfirmSignUp",
            ClientId=client_id,
            Username=name,
            ConfirmationCode="000000",
        )

    async def resend(name: str) -> None:
        await call("ResendConfirmationCode", ClientId=client_id, Username=name)

    return {
        "USER_PASSWORD_AUTH, wrong": by_password,
        "USER_SRP_AUTH and a wrong answer": by_srp,
        "USER_AUTH by code and a wrong one": by_code,
        "ForgotPassword": forget,
        "ConfirmForgotPassword, wrong": reset,
        "ConfirmSignUp, wrong": confirm,
        "ResendConfirmationCode": resend,
    }


async def compare(call: Call, client_id: str, *, first: int) -> None:
    """
    Print, for each call, what a user's and a stranger's answers take.

    Args:
        call: Calls an operation and gives its answer, also a refusal.
        first: The number of the first user, `u<number>`; each is asked once per call.
    """
    order = random.Random(5)
    for what, ask in _calls(call, client_id).items():
        took: dict[str, list[float]] = {"u": [], "x": []}
        for number in range(first, first + PAIRS):
            for kind in order.sample("ux", 2):
                began = time.perf_counter()
                await ask(f"{kind}{number}")
                took[kind].append((time.perf_counter() - began) * 1000)
        longer = sum(a > b for a in took["u"] for b in took["x"]) / PAIRS**2
        verdict = "tells" if abs(longer - 0.5) > TELLS - 0.5 else "tells nothing"
        print(
            f"{what:<36} user {statistics.median(took['u']):6.1f} ms   "
            f"stranger {statistics.median(took['x']):6.1f} ms   "
            f"user longer {longer:4.0%}: {verdict}"
        )
