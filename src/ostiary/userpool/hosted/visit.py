"""
One visit to a hosted page: whose page, for which client, with which request and form.

Every page under `/login` and its neighbours accepts the parameters of an authorization
request in its query, and judges them again each time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.forms import MalformedForm
from ostiary.jose.errors import JoseError
from ostiary.model.pool import PoolClient, User
from ostiary.oidc.op.authorize import (
    AuthorizationRequest,
    build_code_redirect,
    build_error_redirect,
    check_authorization,
)
from ostiary.oidc.op.client import origin_of
from ostiary.oidc.op.errors import RedirectError, ShowError
from ostiary.oidc.op.parameters import parse_parameters
from ostiary.pages import render
from ostiary.userpool import grants, messages
from ostiary.userpool.hosted.session import start_session
from ostiary.userpool.identifiers import new_uuid
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services, load_clients
from ostiary.userpool.site import Site, load_site, raw_query, read_query
from ostiary.web import csrf
from ostiary.web.body import BodyTooLarge, NotAForm, read_form
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie
from ostiary.web.replies import page, redirect

PENDING: Final = "pending-signup"
_PENDING_S: Final = 3600
_PURPOSE: Final = "pending sign-up, bound to a password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to a hosted page whose parameters were found right."""

    services: Services
    request: Request
    site: Site
    client: PoolClient
    authorization: AuthorizationRequest
    csrf_token: str = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    is_own_form: bool

    @property
    def query(self) -> str:
        return raw_query(self.request)

    @property
    def hides_existence(self) -> bool:
        """Whether nobody may learn here who has an account."""
        return self.client.settings.PreventUserExistenceErrors == "ENABLED"

    def code_refusal(self, error: AccountError) -> str:
        """What may be said of a code that did not work: expired or used up tells of a user."""
        return messages.CODE_WRONG if self.hides_existence else error.message

    def url(self, path: str) -> str:
        """Another page of the same visit."""
        return self.site.url(path, self.query)

    def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page of this visit, with the token its forms need."""
        settings = self.site.pool.settings
        body = render(
            template,
            csrf=self.csrf_token,
            client_name=self.client.name,
            email_names=settings.has_email_names,
            login_url=self.url("/login"),
            **values,
        )
        origin = origin_of(self.authorization.redirect_uri)
        response = page(body, status=status, form_action=(origin,) if origin else ())
        set_cookie(
            response,
            csrf.COOKIE,
            self.csrf_token,
            path=self.site.cookie_path,
            max_age_s=None,
        )
        return response

    async def finish(self, user: User) -> Response:
        """Sign the browser in and send it back to the client with a code."""
        code = await grants.issue_code(
            self.services,
            user,
            self.authorization,
            auth_time=int(self.services.now()),
        )
        response = redirect(build_code_redirect(self.authorization, code))
        await start_session(self.services, self.site, user, response)
        delete_cookie(response, PENDING, path=self.site.cookie_path)
        return response

    def remember_pending(self, response: Response, user: User) -> None:
        """Let this browser, and no other, be signed in when the mailed code is right."""
        until = self.services.now() + _PENDING_S
        text = json.dumps([user.pool_id, user.username, until, _password_digest(user)])
        sealed = self.services.vault.wrap(text.encode(), purpose=_PURPOSE)
        set_cookie(
            response,
            PENDING,
            base64.urlsafe_b64encode(sealed).decode("ascii"),
            path=self.site.cookie_path,
            max_age_s=_PENDING_S,
        )

    async def read_pending(self) -> User | None:
        """The user that this browser signed up as, or proved the password of."""
        cookie = read_cookie(self.request, PENDING)
        if cookie is None:
            return None
        try:
            sealed = base64.b64decode(cookie, altchars=b"-_", validate=True)
            text = self.services.vault.unwrap(sealed, purpose=_PURPOSE)
        except (JoseError, ValueError):
            return None
        pool_id, username, expires_at, digest = json.loads(text)
        if pool_id != self.site.pool.id or self.services.now() >= expires_at:
            return None
        user = await self.services.config.store.load_user(
            pool_id=pool_id, username=username
        )
        if user is None or not hmac.compare_digest(_password_digest(user), digest):
            return None
        return user


def _password_digest(user: User) -> str:
    # A new password ends what the old one had proven.
    kept = user.password.argon2 if user.password else ""
    return hashlib.sha256(kept.encode("ascii")).hexdigest()


async def open_visit(services: Services, request: Request) -> Visit | Response:
    """The visit that a request makes, or where to send the browser instead."""
    site = await load_site(services, request)
    parameters = read_query(request)
    found = await load_clients(services, site.pool, parameters.get("client_id"))
    judged = check_authorization(parameters, found[1] if found else None)
    if isinstance(judged, ShowError) or found is None:
        code = judged.code if isinstance(judged, ShowError) else "invalid_request"
        shown = (("error", code), ("client_id", parameters.get("client_id") or ""))
        return redirect(site.url("/error", urlencode(shown)))
    if isinstance(judged, RedirectError):
        return redirect(build_error_redirect(judged))
    cookie = read_cookie(request, csrf.COOKIE)
    form = await _read_fields(request) if request.method == "POST" else None
    return Visit(
        services=services,
        request=request,
        site=site,
        client=found[0],
        authorization=judged,
        csrf_token=cookie
        if cookie is not None and csrf.is_token(cookie)
        else new_uuid(services.config.entropy),
        form=form or {},
        is_own_form=form is not None
        and csrf.is_own_form(
            request,
            cookie=cookie,
            field=form.get("_csrf"),
            home=services.config.domain_url(
                site.pool.domain or site.pool.custom_domain
            ),
        ),
    )


async def _read_fields(request: Request) -> Mapping[str, str] | None:
    try:
        return parse_parameters(await read_form(request)).values
    except (NotAForm, BodyTooLarge, MalformedForm):
        # No form of ours, whatever the browser says of the page it came from.
        return None
