"""
The configuration of `jwt`.

Spec: gateway §4.5 (jwt).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from ostiary.kit import Check, Entity, Problem
from ostiary.kit.fields import ROW, SET, Field, NonEmpty, Number, between, one_of


def _judge_expiration(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["maximum_expiration"] > 0 and "exp" not in (
        values["claims_to_verify"] or ()
    ):
        field = "config.maximum_expiration"
        yield ("claims_to_verify",), "expected to contain: exp"
        yield ROW, f"failed conditional validation given value of field '{field}'"


class JwtConfig(Entity):
    """`config` of the plugin."""

    uri_param_names: Annotated[tuple[NonEmpty, ...], SET] = Field(
        ("jwt",), description="Arguments of the query that may carry a token."
    )
    cookie_names: Annotated[tuple[NonEmpty, ...], SET] = Field(
        (), description="Cookies that may carry a token."
    )
    header_names: Annotated[tuple[NonEmpty, ...], SET] = Field(
        ("authorization",), description="Fields that may carry `Bearer` and a token."
    )
    key_claim_name: NonEmpty = Field(
        "iss", description="The claim, or header parameter, that names the credential."
    )
    secret_is_base64: bool = Field(
        default=False, description="Secrets of credentials are in base64."
    )
    claims_to_verify: (
        Annotated[tuple[Annotated[str, one_of("exp", "nbf")], ...], SET] | None
    ) = Field(None, description="Times that are looked at: exp, nbf.")
    maximum_expiration: Annotated[Number, between(0, 31536000)] = Field(
        0, description="Seconds that exp may lie ahead; 0 for any number."
    )
    anonymous: NonEmpty | None = Field(
        None, description="Consumer (id or username) of requests that fail."
    )
    run_on_preflight: bool = Field(
        default=True, description="Ask OPTIONS requests for a token, too."
    )
    realm: NonEmpty | None = Field(None, description="The realm in WWW-Authenticate.")

    checks: ClassVar = (
        Check(
            fields=("maximum_expiration", "claims_to_verify"), judge=_judge_expiration
        ),
    )
