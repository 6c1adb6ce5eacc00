"""What an attempt to sign in leads to: another question, or tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ostiary.model.pool import Pool, PoolClient, User
from ostiary.userpool.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One call of a sign-in: where, through which client, with what.

    Args:
        parameters: AuthParameters or ChallengeResponses.
        metadata: ClientMetadata, for triggers.
        by_admin: Signed with credentials of an operator.
        hosted: From our own pages: no client speaks, so it proves nothing, and no tokens of
            the API are made.
    """

    services: Services
    pool: Pool
    client: PoolClient
    parameters: Mapping[str, str] = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    by_admin: bool = False
    hosted: bool = False
    address: str = ""

    @property
    def hides_existence(self) -> bool:
        return self.client.settings.hides_existence


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The next question; `session` is brought back with its answer."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    session: str | None = field(default=None, repr=False)
    available: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Tokens, and the device that was told its name, if one was."""

    user: User
    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in_s: int
    new_device: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Somebody who signs in at our own pages has proven all there is to prove."""

    user: User


Outcome = Challenge | SignedIn | Proven


def build_outcome(outcome: Outcome) -> dict[str, Any]:  # Any: JSON
    """An outcome as the API writes it."""
    if isinstance(outcome, Challenge):
        shape: dict[str, Any] = {  # Any: JSON
            "ChallengeName": outcome.name,
            "ChallengeParameters": dict(outcome.parameters),
        }
        if outcome.session is not None:
            shape["Session"] = outcome.session
        if outcome.available:
            shape["AvailableChallenges"] = list(outcome.available)
        return shape
    if isinstance(outcome, Proven):
        raise RuntimeError("a sign-in at the pages came to the API")
    result: dict[str, Any] = {  # Any: JSON
        "AccessToken": outcome.access_token,
        "ExpiresIn": outcome.expires_in_s,
        "TokenType": "Bearer",
    }
    if outcome.refresh_token is not None:
        result["RefreshToken"] = outcome.refresh_token
    result["IdToken"] = outcome.id_token
    if outcome.new_device is not None:
        result["NewDeviceMetadata"] = dict(outcome.new_device)
    return {"ChallengeParameters": {}, "AuthenticationResult": result}
