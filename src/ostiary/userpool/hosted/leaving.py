"""Signing out, the error page, and the confirmation link."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ostiary.oidc.op.logout import LeaveTo, LogoutMistake, SignInAgain, decide_logout
from ostiary.pages import render
from ostiary.userpool import accounts, messages
from ostiary.userpool.hosted.language import choose
from ostiary.userpool.hosted.session import end_session
from ostiary.userpool.hosted.step import COOKIE as STEP
from ostiary.userpool.hosted.visit import PENDING
from ostiary.userpool.presented_tokens import read_id_token_hint
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services, load_clients
from ostiary.userpool.site import load_site, raw_query, read_query
from ostiary.userpool.triggers import NO_CLIENT
from ostiary.web.cookies import delete_cookie
from ostiary.web.replies import page, redirect

_log: Final = logging.getLogger(__name__)
# Only words of ours are shown: an address may not put its own text on this page.
_KNOWN_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "redirect_mismatch",
        "unauthorized_client",
        "invalid_scope",
        "server_error",
        messages.REDIRECT_URI_MISSING,
        messages.CLIENT_ID_MISSING,
        "Client does not exist.",
    }
)


async def logout(services: Services, request: Request) -> Response:
    """
    End the hosted session, then go where the request may go. Refresh tokens stay.

    Spec: OpenID Connect RP-Initiated Logout 1.0 §2, as an extension.
    """
    parameters = read_query(request)
    client_id = parameters.get("client_id")
    hint = parameters.get("id_token_hint")
    site = await load_site(services, request, client_id)
    if client_id is None and hint is not None and not services.config.strict:
        client_id = await read_id_token_hint(services, site.pool, hint)
    found = await load_clients(services, site.pool, client_id)
    match decide_logout(
        parameters, found[1] if found else None, strict=services.config.strict
    ):
        case LeaveTo(location=location, completed=completed):
            if completed:
                _log.warning("logout_uri without scheme was completed to https")
            response = redirect(location)
        case SignInAgain():
            query = raw_query(request)
            if parameters.get("scope") is None and found is not None:
                query += "&" + urlencode({"scope": " ".join(found[1].scopes)})
            response = redirect(site.url("/login", query))
        case LogoutMistake(message=message):
            shown = (("error", message), ("client_id", client_id or ""))
            response = redirect(site.url("/error", urlencode(shown)))
    await end_session(services, site, request, response)
    for name in (PENDING, STEP):
        delete_cookie(response, name, path=site.cookie_path)
    return response


async def show_error(_services: Services, request: Request) -> Response:
    """The error page; its status is 400."""
    code = read_query(request).get("error") or "invalid_request"
    words = choose(request)
    return page(
        render(
            "error.html",
            t=words.say,
            language=words.language,
            status=400,
            title=words.say(messages.PAGE_ERROR),
            message=words.say("Please go back to the application and try again."),
            code=code if code in _KNOWN_ERRORS else "invalid_request",
            action_url=None,
            action_label=None,
            request_id="",
        ),
        status=400,
    )


async def confirm_by_link(services: Services, request: Request) -> Response:
    """Confirm a user by the link form of the mailed code."""
    parameters = read_query(request)
    site = await load_site(services, request)
    name = parameters.get("user_name") or ""
    user = await services.config.store.load_user(pool_id=site.pool.id, username=name)
    title, message, status = "Confirmed", "Your registration has been confirmed!", 200
    try:
        await accounts.confirm(
            services,
            site.pool,
            user,
            parameters.get("confirmation_code") or "",
            client_id=parameters.get("client_id") or NO_CLIENT,
        )
    except AccountError:
        # Expired or confirmed already would tell of a user.
        title, message, status = "Not confirmed", messages.CODE_WRONG, 400
    words = choose(request)
    body = render(
        "message.html",
        t=words.say,
        language=words.language,
        title=words.say(title),
        message=words.say(message),
        action_url=None,
        action_label=None,
    )
    return page(body, status=status)
