"""
The authorization request and its answer.

Spec: OpenID Connect Core 1.0 §3.1.2, RFC 6749 §4.1.1-4.1.2, RFC 7636 §4.3, RFC 9207.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.http.forms import Pairs, add_query, first, repeated
from ostiary.oidc.claims import is_same_issuer
from ostiary.oidc.errors import CallbackRefused, ProviderError
from ostiary.oidc.pkce import METHOD, build_challenge
from ostiary.oidc.rp.metadata import ProviderMetadata

RESPONSE_PARAMETERS = (
    "code",
    "state",
    "iss",
    "session_state",
    "error",
    "error_description",
    "error_uri",
)
OUR_PARAMETERS = frozenset(
    {
        "client_id",
        "redirect_uri",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "response_type",
        "response_mode",
        "scope",
    }
)
_MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What we ask for. `verifier` None turns PKCE off."""

    client_id: str
    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    scope: str | None
    verifier: str | None = field(repr=False)
    response_type: str = "code"
    response_mode: str = "query"
    max_age_s: int | None = None
    audience: str | None = None
    extra: Pairs = ()


def build_authorization_url(endpoint: str, request: AuthorizationRequest) -> str:
    """
    The URL to send the browser to.

    Extra arguments never replace ours (a duplicate `redirect_uri` would be a way to move codes).
    """
    pairs = [
        ("response_type", request.response_type),
        ("client_id", request.client_id),
        ("redirect_uri", request.redirect_uri),
    ]
    if request.scope:
        pairs.append(("scope", request.scope))
    pairs += [("state", request.state), ("nonce", request.nonce)]
    if request.response_mode != "query":
        pairs.append(("response_mode", request.response_mode))
    if request.verifier is not None:
        pairs.append(("code_challenge", build_challenge(request.verifier)))
        pairs.append(("code_challenge_method", METHOD))
    if request.max_age_s is not None:
        pairs.append(("max_age", str(request.max_age_s)))
    if request.audience:
        pairs.append(("audience", request.audience))
    taken = OUR_PARAMETERS | {name for name, _ in pairs}
    for name, value in request.extra:
        if (
            name not in taken
        ):  # an argument counts once: the operator's before the client's
            pairs.append((name, value))
            taken |= {name}
    return add_query(endpoint, pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationResponse:
    """The answer's parameters, in form only; `check_response` judges them."""

    state: str = field(repr=False)
    code: str | None = field(repr=False)
    iss: str | None
    error: str | None
    error_description: str | None


def find_response(pairs: Pairs) -> AuthorizationResponse | None:
    """
    The authorization response among a request's arguments, or None when it is no callback.

    Raises:
        CallbackRefused: It is one, but repeats a parameter or is absurdly long.
    """
    state = first(pairs, "state")
    if state is None or (
        first(pairs, "code") is None and first(pairs, "error") is None
    ):
        return None
    if name := repeated(pairs, RESPONSE_PARAMETERS):
        raise CallbackRefused(f"the response has {name} twice")
    if any(len(v) > _MAX_LENGTH for k, v in pairs if k in RESPONSE_PARAMETERS):
        raise CallbackRefused("a response parameter is over 4096 characters")
    return AuthorizationResponse(
        state=state,
        code=first(pairs, "code"),
        iss=first(pairs, "iss"),
        error=first(pairs, "error"),
        error_description=first(pairs, "error_description"),
    )


def check_response(response: AuthorizationResponse, metadata: ProviderMetadata) -> str:
    """
    The code of a response whose state was already found to be ours.

    Spec: RFC 9207 §2.4 (mix-up defence), RFC 6749 §4.1.2.1.

    Raises:
        CallbackRefused: `iss` is missing though promised, or is another issuer; or no code.
        ProviderError: The provider answered with an error.
    """
    if response.iss is None and metadata.iss_parameter_supported:
        raise CallbackRefused(
            "the response has no iss although the provider promises it"
        )
    if response.iss is not None and not is_same_issuer(response.iss, metadata.issuer):
        raise CallbackRefused(
            f"the response is from issuer {response.iss[:200]!r}, asked was {metadata.issuer!r}"
        )
    if response.error is not None:
        raise ProviderError(response.error, response.error_description)
    if not response.code:
        raise CallbackRefused("the response has neither code nor error")
    return response.code
