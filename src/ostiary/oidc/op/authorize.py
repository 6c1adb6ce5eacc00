"""
The authorization request, as one ordered table of checks.

The order is the security: nothing is sent to a redirect URI before it was found among the
client's. Texts and their order are those of Amazon Cognito where it is known to differ from
the specification (`invalid_request` with the description `invalid_scope`).

Spec: RFC 6749 §4.1.1, §4.1.2, §4.2.1, §4.2.2; RFC 7636 §4.3; OpenID Connect Core 1.0 §3.1.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from ostiary.oidc.op.client import Client
from ostiary.oidc.op.errors import RedirectError, ShowError
from ostiary.oidc.op.parameters import Parameters
from ostiary.oidc.op.pkce import is_challenge

PARAMETERS: Final = frozenset(
    {
        "response_type",
        "client_id",
        "redirect_uri",
        "state",
        "scope",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "identity_provider",
        "idp_identifier",
        "prompt",
        "max_age",
        "login_hint",
        "lang",
        "response_mode",
        "request",
        "request_uri",
    }
)
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_FLOW_OF: Final = {"code": "code", "token": "implicit"}
_NEED_OPENID: Final = frozenset({"email", "phone", "profile"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """
    An authorization request that passed every check. Only `check_authorization` makes one.

    `in_fragment`: tokens are asked for instead of a code, and go where no server sees them.
    """

    client_id: str
    redirect_uri: str
    in_fragment: bool = False
    scopes: tuple[str, ...]
    state: str | None = field(repr=False)
    nonce: str | None = field(repr=False)
    code_challenge: str | None = field(repr=False)
    prompts: frozenset[str]
    max_age_s: int | None
    login_hint: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    parameters: Parameters
    client: Client
    redirect_uri: str

    def get(self, name: str) -> str | None:
        return self.parameters.get(name)


_Refusal = tuple[str, str | None]
Check = Callable[[_Draft], _Refusal | None]


def _check_repeated(draft: _Draft) -> _Refusal | None:
    twice = sorted(draft.parameters.repeated & PARAMETERS)
    return ("invalid_request", f"{twice[0]} is given twice") if twice else None


def _check_request_objects(draft: _Draft) -> _Refusal | None:
    if draft.get("request"):
        return "request_not_supported", None
    return ("request_uri_not_supported", None) if draft.get("request_uri") else None


def _check_response_type(draft: _Draft) -> _Refusal | None:
    wanted = draft.get("response_type")
    if wanted is None:
        return "invalid_request", "response_type is missing"
    return None if wanted in _FLOW_OF else ("unsupported_response_type", None)


def _check_flow(draft: _Draft) -> _Refusal | None:
    flow = _FLOW_OF[draft.get("response_type") or ""]
    return None if flow in draft.client.flows else ("unauthorized_client", None)


def _check_response_mode(draft: _Draft) -> _Refusal | None:
    usual = "fragment" if _is_implicit(draft.parameters) else "query"
    mode = draft.get("response_mode")
    return None if mode in {None, usual} else ("invalid_request", "response_mode")


def _check_pkce(draft: _Draft) -> _Refusal | None:
    challenge, method = draft.get("code_challenge"), draft.get("code_challenge_method")
    if (challenge is None) != (method is None):
        missing = "code_challenge" if challenge is None else "code_challenge_method"
        return "invalid_request", f"{missing} is missing"
    if challenge is None:
        return None
    if method != "S256":
        return "invalid_request", "code_challenge_method must be S256"
    if not is_challenge(challenge):
        return "invalid_request", "code_challenge is not 43 base64url characters"
    return None


def _check_scope(draft: _Draft) -> _Refusal | None:
    asked = _scopes(draft)
    if not set(asked) <= set(draft.client.scopes):
        return "invalid_request", "invalid_scope"
    if _NEED_OPENID & set(asked) and "openid" not in asked:
        return "invalid_request", "invalid_scope"
    return None


def _check_prompt(draft: _Draft) -> _Refusal | None:
    prompts = (draft.get("prompt") or "").split()
    if not set(prompts) <= _PROMPTS:
        return "invalid_request", "prompt has an unknown value"
    if "none" in prompts and len(prompts) > 1:
        return "invalid_request", "prompt none stands alone"
    return None


def _check_max_age(draft: _Draft) -> _Refusal | None:
    text = draft.get("max_age")
    ok = text is None or (text.isascii() and text.isdigit() and len(text) <= 9)
    return None if ok else ("invalid_request", "max_age is not a number of seconds")


def _check_identity_provider(draft: _Draft) -> _Refusal | None:
    if draft.get("identity_provider") not in {None, "COGNITO"}:
        return "invalid_request", "identity_provider is not one of the client's"
    if draft.get("idp_identifier"):
        return "invalid_request", "idp_identifier is not one of the client's"
    return None


CHECKS: Final[tuple[Check, ...]] = (
    _check_repeated,
    _check_request_objects,
    _check_response_type,
    _check_flow,
    _check_response_mode,
    _check_pkce,
    _check_scope,
    _check_prompt,
    _check_max_age,
    _check_identity_provider,
)


def _is_implicit(parameters: Parameters) -> bool:
    return parameters.get("response_type") == "token"


def _scopes(draft: _Draft) -> tuple[str, ...]:
    asked = (draft.get("scope") or "").split()
    return tuple(dict.fromkeys(asked)) or draft.client.scopes


def _check_redirect_uri(parameters: Parameters, client: Client) -> str | ShowError:
    given = parameters.get("redirect_uri")
    if "redirect_uri" in parameters.repeated:
        return ShowError(code="invalid_request", message="redirect_uri is given twice")
    if given is None:
        if client.default_redirect_uri in client.redirect_uris:
            return client.default_redirect_uri or ""
        return ShowError(
            code="invalid_request",
            message="Required String parameter 'redirect_uri' is not present",
        )
    # Exact: no prefix, no normalisation (RFC 9700 §2.1, open redirectors).
    if given not in client.redirect_uris:
        return ShowError(
            code="redirect_mismatch",
            message="The redirect_uri is not one that this client has registered.",
        )
    return given


def check_client_id(parameters: Parameters) -> str | ShowError:
    """The one client id of a request that a person's browser brought."""
    if "client_id" in parameters.repeated:
        return ShowError(code="invalid_request", message="client_id is given twice")
    return parameters.get("client_id") or ShowError(
        code="invalid_request",
        message="Required String parameter 'client_id' is not present",
    )


def check_authorization(
    parameters: Parameters, client: Client | None
) -> AuthorizationRequest | ShowError | RedirectError:
    """
    Judge an authorization request.

    Spec: RFC 6749 §4.1.1, §4.1.2.1; RFC 7636 §4.4.1; OpenID Connect Core 1.0 §3.1.2.2.

    Args:
        client: The client that `client_id` names, if the pool has it.
    """
    client_id = check_client_id(parameters)
    if isinstance(client_id, ShowError):
        return client_id
    if client is None:
        return ShowError(code="invalid_request", message="Client does not exist.")
    redirect_uri = _check_redirect_uri(parameters, client)
    if isinstance(redirect_uri, ShowError):
        return redirect_uri
    draft = _Draft(parameters=parameters, client=client, redirect_uri=redirect_uri)
    # A state that came twice is nobody's: echoing either could mislead the client.
    state = None if "state" in parameters.repeated else parameters.get("state")
    for check in CHECKS:
        refusal = check(draft)
        if refusal is not None:
            return RedirectError(
                redirect_uri=redirect_uri,
                code=refusal[0],
                description=refusal[1],
                state=state,
                in_fragment=_is_implicit(parameters),
            )
    max_age = draft.get("max_age")
    return AuthorizationRequest(
        client_id=client_id,
        redirect_uri=redirect_uri,
        in_fragment=_is_implicit(parameters),
        scopes=_scopes(draft),
        state=state,
        nonce=draft.get("nonce"),
        code_challenge=draft.get("code_challenge"),
        prompts=frozenset((draft.get("prompt") or "").split()),
        max_age_s=None if max_age is None else int(max_age),
        login_hint=draft.get("login_hint"),
    )


def is_fresh_enough(
    request: AuthorizationRequest, *, auth_time: int, now: float
) -> bool:
    """Tell whether a sign-in of that time may answer the request without asking again."""
    if {"login", "select_account"} & request.prompts:
        return False
    return request.max_age_s is None or now - auth_time <= request.max_age_s


def refuse(
    request: AuthorizationRequest, code: str, description: str | None = None
) -> RedirectError:
    """The error that a request which passed every check is answered with after all."""
    return RedirectError(
        redirect_uri=request.redirect_uri,
        code=code,
        description=description,
        state=request.state,
        in_fragment=request.in_fragment,
    )


def build_redirect(
    redirect_uri: str,
    pairs: tuple[tuple[str, str | None], ...],
    *,
    in_fragment: bool = False,
) -> str:
    """A redirect URI with the given pairs added; None leaves a pair out."""
    query = urlencode([(k, v) for k, v in pairs if v is not None])
    if in_fragment:
        return f"{redirect_uri}#{query}"
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{query}"


def build_code_redirect(request: AuthorizationRequest, code: str) -> str:
    """Where the browser takes the code."""
    return build_redirect(
        request.redirect_uri, (("code", code), ("state", request.state))
    )


def build_token_redirect(
    request: AuthorizationRequest,
    *,
    id_token: str | None,
    access_token: str,
    expires_in_s: int,
) -> str:
    """
    Where the browser takes the tokens, in Cognito's order and spelling.

    Spec: RFC 6749 §4.2.2.
    """
    return build_redirect(
        request.redirect_uri,
        (
            ("id_token", id_token),
            ("access_token", access_token),
            ("token_type", "bearer"),
            ("expires_in", str(expires_in_s)),
            ("state", request.state),
        ),
        in_fragment=True,
    )


def build_error_redirect(error: RedirectError) -> str:
    """Where the browser takes the error; description, state, error, as Cognito orders them."""
    return build_redirect(
        error.redirect_uri,
        (
            ("error_description", error.description),
            ("state", error.state),
            ("error", error.code),
        ),
        in_fragment=error.in_fragment,
    )
