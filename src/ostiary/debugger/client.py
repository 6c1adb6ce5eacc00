"""
Who the debugger is to a provider, and the requests of each step.

Spec: RFC 6749 §2.3 and §4, RFC 7009 §2.1, RFC 7523 §2.2, RFC 7662 §2.1, OpenID Connect Core 1.0 §5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from ostiary.debugger.judging import text_of, texts_of
from ostiary.debugger.values import Flow, Run, Setup
from ostiary.http.exchange import OutgoingRequest
from ostiary.http.forms import add_query
from ostiary.http.url import is_http_url
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import SharedSecret
from ostiary.oidc.rp.authorization import AuthorizationRequest, build_authorization_url
from ostiary.oidc.rp.checks import Check
from ostiary.oidc.rp.client_auth import (
    ClientCredentials,
    build_assertion_claims,
    choose_auth_method,
    post_form,
)
from ostiary.oidc.rp.logout import LogoutRequest, build_logout_url
from ostiary.oidc.rp.metadata import is_cognito_logout

AUTH_METHODS: Final = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "none",
)
# What a refused client is tried with, in this order.
TRIED: Final = (
    "none",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
)


MIN_HMAC_BYTES: Final = 32  # RFC 7518 §3.2


def can_sign(secret: str) -> bool:
    """Whether a secret is long enough to sign with HS256."""
    return len(secret.encode()) >= MIN_HMAC_BYTES


def find_endpoint(run: Run, name: str) -> str:
    """
    Where an endpoint is: typed by hand, else what the metadata says; empty for nowhere.

    What is no URL there is nowhere: whoever takes it apart could stumble.
    """
    found = run.setup.endpoint(name) or text_of(run.document, name)
    return found if is_http_url(found) else ""


def choose_method(setup: Setup, document: Mapping[str, Any] | None) -> str:
    """How the client shows who it is."""
    if not setup.client_secret:
        return "none"
    supported = texts_of(document, "token_endpoint_auth_methods_supported") or ()
    return choose_auth_method(
        setup.auth_method or None, supported, has_secret=True, has_key=False
    )


def build_post(
    run: Run,
    url: str,
    pairs: list[tuple[str, str]],
    *,
    jti: str,
    now: float,
    method: str = "",
) -> OutgoingRequest:
    """A form for an endpoint with the client's authentication; `method` instead of the chosen one."""
    setup = run.setup
    how = method or choose_method(setup, run.document)
    assertion = None
    if how == "client_secret_jwt":
        claims = build_assertion_claims(setup.client_id, audience=url, jti=jti, now=now)
        assertion = sign_jwt(claims, SharedSecret(setup.client_secret, "HS256"))
    client = ClientCredentials(
        client_id=setup.client_id,
        client_secret=setup.client_secret or None,
        method=how,
        assertion=assertion,
    )
    return post_form(url, client, pairs)


def build_sign_in_url(run: Run, flow: Flow) -> str:
    """Where the browser goes to sign in."""
    setup = run.setup
    return build_authorization_url(
        find_endpoint(run, "authorization_endpoint"),
        AuthorizationRequest(
            client_id=setup.client_id,
            redirect_uri=setup.redirect_uri,
            state=flow.state,
            nonce=flow.nonce,
            scope=setup.scope or None,
            verifier=flow.verifier if setup.uses_pkce else None,
            audience=setup.audience or None,
            extra=(("prompt", setup.prompt),) if setup.prompt else (),
        ),
    )


def is_cognito(run: Run) -> bool:
    """Whether the provider's logout endpoint has Amazon Cognito's own form."""
    endpoint = find_endpoint(run, "end_session_endpoint")
    issuers = (run.setup.issuer, text_of(run.document, "issuer"))
    return any(is_cognito_logout(endpoint, i) for i in issuers if is_http_url(i))


def build_sign_out_url(run: Run) -> str | None:
    """Where the browser goes to sign out, in the form that was chosen; None: there is nowhere."""
    setup, endpoint = run.setup, find_endpoint(run, "end_session_endpoint")
    if not endpoint:
        return None
    if setup.logout_form == "cognito":
        pairs = [("client_id", setup.client_id)]
        if setup.logout_redirect_uri:
            pairs.append(("logout_uri", setup.logout_redirect_uri))
        return add_query(endpoint, pairs)
    has_own_form = setup.logout_form != "standard" and is_cognito(run)
    issuer = text_of(run.document, "issuer") or setup.issuer
    return build_logout_url(
        LogoutRequest(
            # No issuer's name takes Cognito's form away.
            issuer=issuer if has_own_form else "",
            client_id=setup.client_id,
            end_session_endpoint=endpoint,
            logout_redirect_uri=setup.logout_redirect_uri or None,
            id_token=run.held.id_token or None,
        )
    )


def check_sign_out(run: Run, url: str) -> list[Check]:
    """Whether the form is the provider's own, and the address to come back to is whole."""
    names = dict(parse_qsl(urlsplit(url).query))
    found = []
    if is_cognito(run):
        fits = "client_id" in names and bool({"logout_uri", "redirect_uri"} & set(names))  # fmt: skip
        found.append(
            Check(
                name="form", passed=fits, expected="client_id and logout_uri (Amazon Cognito's form)",
                got=", ".join(names) or "nothing",
            )
        )  # fmt: skip
    back = run.setup.logout_redirect_uri
    if back:
        found.append(
            Check(
                name="logout_uri", passed="://" in back, expected="an address with its scheme",
                got=back[:200],
            )
        )  # fmt: skip
    return found
