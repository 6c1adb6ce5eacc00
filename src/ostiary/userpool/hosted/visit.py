"""
One visit to a hosted page: whose page, for which client, with which request and form.

Every page under `/login` and its neighbours accepts the parameters of an authorization
request in its query, and judges them again each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.forms import MalformedForm
from ostiary.model.pool import PoolClient, User
from ostiary.oidc.op.authorize import AuthorizationRequest
from ostiary.oidc.op.client import origin_of
from ostiary.oidc.op.parameters import parse_parameters
from ostiary.pages import LAYERED_DESIGN, render
from ostiary.pages.languages import Words
from ostiary.userpool import messages
from ostiary.userpool.answering import answer_request
from ostiary.userpool.asking import read_asked
from ostiary.userpool.hosted import language
from ostiary.userpool.hosted.look import Look, load_look
from ostiary.userpool.hosted.session import start_session
from ostiary.userpool.identifiers import new_uuid
from ostiary.userpool.passwords import describe_policy
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services
from ostiary.userpool.site import Site, raw_query
from ostiary.web import csrf
from ostiary.web.body import BodyTooLarge, NotAForm, read_form
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie
from ostiary.web.replies import page, redirect

PENDING: Final = "pending-signup"
# What may hold a text of `messages`, or of a trigger.
_SPOKEN: Final = ("error", "notice", "password_error")


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
    words: Words
    look: Look | None

    @property
    def query(self) -> str:
        return raw_query(self.request)

    @property
    def hides_existence(self) -> bool:
        """Whether nobody may learn here who has an account."""
        return self.client.settings.hides_existence

    @property
    def password_rules(self) -> tuple[str, ...]:
        """What a new password must hold, in the page's language."""
        policy = self.site.pool.settings.Policies.PasswordPolicy
        length = self.words.say(
            "at least {count} characters", count=policy.MinimumLength
        )
        return (length, *map(self.words.say, describe_policy(policy)[1:]))

    def code_refusal(self, error: AccountError) -> str:
        """What may be said of a code that did not work: expired or used up tells of a user."""
        return messages.CODE_WRONG if self.hides_existence else error.message

    def url(self, path: str) -> str:
        """Another page of the same visit."""
        return self.site.url(path, self.query)

    def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page of this visit, with the token its forms need."""
        say = self.words.say
        spoken = {n: say(str(values[n])) for n in _SPOKEN if values.get(n)}
        design = {"design": LAYERED_DESIGN} if self.look else {}
        body = render(
            template,
            **design,
            csrf=self.csrf_token,
            client_name=self.client.name,
            email_names=self.site.pool.settings.has_email_names,
            login_url=self.url("/login"),
            t=say,
            language=self.words.language,
            languages=language.build_links(self.site, self.request),
            look=self.look,
            **{**values, **spoken},
        )
        # A client may send people on to another of its addresses: a portal's API to its pages.
        settings = self.client.settings
        uris = (self.authorization.redirect_uri, *(settings.CallbackURLs or ()))
        origins = tuple(dict.fromkeys(filter(None, map(origin_of, uris))))
        response = page(
            body,
            status=status,
            form_action=origins,
            styles=(LAYERED_DESIGN,) if self.look else (),
            has_own_files=self.look is not None,
        )
        self._keep(response, csrf.COOKIE, self.csrf_token)
        language.keep(self.site, self.request, response)
        return response

    def _keep(self, response: Response, name: str, value: str) -> None:
        path = self.site.cookie_path
        set_cookie(response, name, value, path=path, max_age_s=None)

    async def finish(self, user: User) -> Response:
        """Sign the browser in and send it back to the client with what was asked for."""
        location = await answer_request(
            self.services,
            self.site.pool,
            self.client,
            user,
            self.authorization,
            auth_time=int(self.services.now()),
        )
        response = redirect(location)
        await start_session(self.services, self.site, user, response)
        delete_cookie(response, PENDING, path=self.site.cookie_path)
        return response


async def open_visit(services: Services, request: Request) -> Visit | Response:
    """The visit that a request makes, or where to send the browser instead."""
    asked = await read_asked(services, request)
    if isinstance(asked, Response):
        return asked
    site = asked.site
    cookie = read_cookie(request, csrf.COOKIE)
    form = await _read_fields(request) if request.method == "POST" else None
    return Visit(
        services=services,
        request=request,
        site=site,
        client=asked.client,
        authorization=asked.authorization,
        csrf_token=cookie
        if cookie is not None and csrf.is_token(cookie)
        else new_uuid(services.config.entropy),
        form=form or {},
        is_own_form=form is not None and _is_own(services, request, site, cookie, form),
        words=language.choose(request),
        look=await load_look(services, site, asked.client.id),
    )


def _is_own(
    services: Services,
    request: Request,
    site: Site,
    cookie: str | None,
    form: Mapping[str, str],
) -> bool:
    home = services.config.domain_url(site.pool.domain or site.pool.custom_domain)
    return csrf.is_own_form(request, cookie=cookie, field=form.get("_csrf"), home=home)


async def _read_fields(request: Request) -> Mapping[str, str] | None:
    try:
        return parse_parameters(await read_form(request)).values
    except (NotAForm, BodyTooLarge, MalformedForm):
        # No form of ours, whatever the browser says of the page it came from.
        return None
