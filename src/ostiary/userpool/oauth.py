"""
The OAuth endpoints that clients call or browsers pass: authorize, token, userInfo, revoke.

Judgements are in `oidc.op`; here they meet the store.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.forms import MalformedForm
from ostiary.model.pool import PoolClient
from ostiary.oidc.op import token
from ostiary.oidc.op.authorize import (
    build_error_redirect,
    is_fresh_enough,
    refuse,
)
from ostiary.oidc.op.claims import build_userinfo, readable
from ostiary.oidc.op.client import Client
from ostiary.oidc.op.client_auth import check_client, read_credentials
from ostiary.oidc.op.errors import TokenRefused
from ostiary.oidc.op.parameters import Parameters, parse_parameters
from ostiary.userpool import grants, messages
from ostiary.userpool.answering import answer_request
from ostiary.userpool.asking import read_asked
from ostiary.userpool.client_tokens import issue_client_token
from ostiary.userpool.hosted.session import read_session
from ostiary.userpool.presented_tokens import (
    find_client_id,
    read_access_token,
    read_bearer,
)
from ostiary.userpool.services import Services, load_clients
from ostiary.userpool.site import Site, load_site, raw_query
from ostiary.web.body import BodyTooLarge, NotAForm, read_form
from ostiary.web.replies import json_reply, redirect

_log: Final = logging.getLogger(__name__)


async def authorize(services: Services, request: Request) -> Response:
    """
    Answer an authorization request: an error, a silent code, or the sign-in page.

    Spec: RFC 6749 §4.1.1.
    """
    asked = await read_asked(services, request)
    if isinstance(asked, Response):
        return asked
    site, authorization = asked.site, asked.authorization
    session = await read_session(services, site, request)
    if session is not None and is_fresh_enough(
        authorization, auth_time=session.auth_time, now=services.now()
    ):
        return redirect(
            await answer_request(
                services,
                site.pool,
                asked.client,
                session.user,
                authorization,
                auth_time=session.auth_time,
            )
        )
    if "none" in authorization.prompts:
        return redirect(build_error_redirect(refuse(authorization, "login_required")))
    return redirect(site.url("/login", raw_query(request)))


async def _read_client(
    services: Services, request: Request
) -> tuple[Site, PoolClient, Client, Parameters]:
    try:
        parameters = parse_parameters(await read_form(request))
    except (NotAForm, BodyTooLarge, MalformedForm) as error:
        raise TokenRefused("invalid_request", str(error)) from error
    token.check_once(parameters)
    given = read_credentials(request.headers.get("authorization"), parameters)
    site = await load_site(services, request, given.client_id)
    found = await load_clients(services, site.pool, given.client_id)
    client = check_client(found[1] if found else None, given)
    if found is None:
        raise TokenRefused("invalid_client", "unknown client")
    return site, found[0], client, parameters


def _refused(error: TokenRefused, request: Request) -> Response:
    _log.info("%s refused: %s (%s)", request.scope["path"], error.code, error.detail)
    headers = {}
    if error.code == "invalid_client" and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="ostiary"'
    return json_reply({"error": error.code}, status=error.status, headers=headers)


async def exchange(services: Services, request: Request) -> Response:
    """
    The token endpoint.

    Spec: RFC 6749 §3.2.
    """
    try:
        site, stored, client, parameters = await _read_client(services, request)
        match token.read_grant_type(parameters, client):
            case "authorization_code":
                tokens = await grants.exchange_code(
                    services,
                    site.pool,
                    stored,
                    client,
                    token.read_code_exchange(parameters),
                )
            case "refresh_token":
                given = token.read_needed(parameters, "refresh_token")
                tokens = await grants.refresh(services, site.pool, stored, given)
            case "client_credentials":
                tokens = await issue_client_token(
                    services, site.pool, stored, client, parameters
                )
    except TokenRefused as error:
        return _refused(error, request)
    return json_reply(tokens)


async def revoke(services: Services, request: Request) -> Response:
    """
    The revocation endpoint.

    Spec: RFC 7009 §2.
    """
    try:
        site, stored, client, parameters = await _read_client(services, request)
        given = token.read_needed(parameters, "token")
        await grants.revoke(services, site.pool, stored, client, given)
    except TokenRefused as error:
        status = 401 if error.code == "invalid_client" else error.status
        return _refused(TokenRefused(error.code, error.detail, status=status), request)
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


def _userinfo_error(code: str, description: str, status: int) -> Response:
    challenge = f'error="{code}", error_description="{description}"'
    return json_reply(
        {"error": code, "error_description": description},
        status=status,
        headers={"WWW-Authenticate": f"Bearer {challenge}"},
    )


async def userinfo(services: Services, request: Request) -> Response:
    """
    What the bearer of an access token may know of its user.

    Spec: OpenID Connect Core 1.0 §5.3, RFC 6750 §3.
    """
    text = read_bearer(request.headers.get("authorization"))
    if text is None:
        return _userinfo_error("invalid_request", messages.USERINFO_BAD_REQUEST, 400)
    site = await load_site(services, request, find_client_id(text))
    found = await read_access_token(services, site.pool, text)
    if found is None:
        return _userinfo_error("invalid_token", messages.USERINFO_BAD_TOKEN, 401)
    scopes = tuple(str(found.claims.get("scope", "")).split())
    if "openid" not in scopes:
        return _userinfo_error("insufficient_scope", messages.USERINFO_NO_OPENID, 403)
    loaded = await load_clients(services, site.pool, str(found.claims.get("client_id")))
    if loaded is None:
        return _userinfo_error("invalid_token", messages.USERINFO_BAD_TOKEN, 401)
    attributes = readable(
        found.user.attributes,
        loaded[0].settings.ReadAttributes,
        strict=services.config.strict,
    )
    return json_reply(
        build_userinfo(
            attributes,
            sub=found.user.sub,
            username=found.user.username,
            scopes=scopes,
        )
    )
