"""
The authorization code flow of a party ends: from the provider's answer to a session.

Every way in which an answer can be wrong has its own refusal; none restarts the flow by
itself, because that is how redirect loops are made.

Spec: OpenID Connect Core 1.0 §3.1.2.5-3.1.3; RFC 9207; oidc-plugin §9.4-9.6; decisions D4, D5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ostiary.http.cookies import build_delete_cookie, build_set_cookie, parse_cookies
from ostiary.http.head import Field, find_all
from ostiary.jose.errors import JoseError
from ostiary.oidc.claims import read_text
from ostiary.oidc.errors import CallbackRefused, OidcError, ProviderError
from ostiary.oidc.rp.authorization import AuthorizationResponse, check_response
from ostiary.sessions.cookie import SessionTooLarge
from ostiary.signin import refusals
from ostiary.signin.admission import Admission
from ostiary.signin.arguments import read_arguments
from ostiary.signin.claims import Forbidden
from ostiary.signin.endpoints import Asked
from ostiary.signin.entry import SignedIn, run_login_action
from ostiary.signin.flow import (
    Flow,
    FlowInvalid,
    FlowSecrets,
    check_age,
    count_recent,
    derive_secrets,
    find_secret,
    open_state,
    seen_attributes,
    seen_name,
)
from ostiary.signin.issuer import Issuers
from ostiary.signin.login import SECRETS, STATE
from ostiary.signin.party import Party
from ostiary.signin.session import OpenedSession, SessionKeeper
from ostiary.signin.tokens import Granted, TokenClient
from ostiary.signin.values import (
    Allowed,
    Refused,
    SendAway,
    SigninRequest,
    Step,
    Toolbox,
)

# What a person, not a fault, makes a provider answer; anybody could fill the log with it.
_DECLINED = frozenset(
    {"access_denied", "login_required", "interaction_required", "consent_required"}
)
_RESPONSE_ARGUMENTS = ("code", "state", "iss", "session_state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """One answer being judged: its request and flow, and the cookies to be set so far."""

    request: SigninRequest
    party: Party
    flow: Flow
    opened: OpenedSession | None
    fields: tuple[Field, ...] = field(repr=False)

    @property
    def retry_url(self) -> str:
        """Where "sign in again" leads."""
        return self.request.origin + (self.flow.target or "/")


def _go_to_target(back: Return) -> SendAway:
    """303 to the page that was asked for: always on this origin, always a path."""
    target = back.flow.target
    if not target.startswith("/"):
        target = back.request.route_prefix or "/"
    return SendAway(
        status=303,
        location=back.request.origin + target,
        why="signed_in",
        fields=(*back.fields, refusals.NO_STORE),
    )


def _check_scheme(request: SigninRequest, flow: Flow) -> None:
    """
    The scheme of the redirect URI: behind a proxy that hides it no cookie can be found.

    Raises:
        FlowInvalid: The answer came over another one.
    """
    promised = flow.redirect_uri.partition(":")[0]
    if promised != request.scheme:
        raise FlowInvalid(
            "callback_mismatch",
            f"the answer came over {request.scheme}, the redirect URI is {promised}: a proxy in "
            "front must send X-Forwarded-Proto, and its address must be in trusted_ips",
        )


class Callback:
    """Finishes sign-ins. `refuse` makes a refusal what it is where there is an anonymous consumer."""

    def __init__(
        self,
        tools: Toolbox,
        issuers: Issuers,
        tokens: TokenClient,
        sessions: SessionKeeper,
        admission: Admission,
        refuse: Callable[[SigninRequest, Party, Step], Step],
    ) -> None:
        self._tools = tools
        self._admission = admission
        self._or_anonymous = refuse
        self._issuers = issuers
        self._tokens = tokens
        self._sessions = sessions

    def is_ours(self, state: str, party: Party) -> bool:
        """Tell whether a state is of a sign-in of this party, whoever's and whenever."""
        try:
            self._open_state(state, party)
        except FlowInvalid:
            return False
        return True

    def _open_state(self, state: str, party: Party) -> tuple[Flow, bytes]:
        sealer = self._sessions.sealer(party, STATE)
        return open_state(state, sealer, binding=party.instance.encode())

    async def finish(
        self,
        request: SigninRequest,
        party: Party,
        response: AuthorizationResponse,
        opened: OpenedSession | None,
    ) -> Step:
        """
        Change an authorization response into a session.

        Raises:
            ProviderUnavailable, SharedUnavailable, FetchFailed: Nothing can be said now.
        """
        try:
            flow, key_id = self._open_state(response.state, party)
        except FlowInvalid as error:
            return self._refuse(request, error, target=None)
        names = party.names(request.scheme)
        cookie = f"{names.flow}_{flow.id}"
        back = Return(
            request=request,
            party=party,
            flow=flow,
            opened=opened,
            fields=(
                (b"Set-Cookie", build_delete_cookie(cookie, names.flow_attributes)),
            ),
        )
        cookies = parse_cookies(find_all(request.fields, b"cookie"))
        if opened is not None and all(name != cookie for name, _ in cookies):
            # A finished flow opened again (back button, second tab): go where it led.
            return _go_to_target(replace(back, fields=()))
        try:
            _check_scheme(request, flow)
            secret = find_secret(flow, cookies, names)
            check_age(
                flow,
                party.config.authorization_rolling_timeout,
                self._tools.clock.now(),
            )
        except FlowInvalid as error:
            return self._refuse(request, error, target=flow.target)
        lease = max(60.0, party.config.authorization_rolling_timeout)
        if not await self._tools.shared.add(f"flow:{flow.id}", b"1", ttl_s=lease):
            if opened is not None:
                return _go_to_target(back)
            return self._refuse(
                request,
                FlowInvalid("callback_mismatch", "the flow was finished before"),
                target=flow.target,
            )
        secrets = derive_secrets(
            self._sessions.sealer(party, SECRETS).key(key_id), secret
        )
        return await self._exchange(back, response, secrets)

    def _refuse(
        self, request: SigninRequest, error: FlowInvalid, *, target: str | None
    ) -> Refused:
        self._tools.log("warn", f"callback refused: {error.detail}")
        path = target or request.route_prefix or request.target.path
        return refusals.bad_callback(
            error.code, error.detail, login_url=request.origin + path
        )

    async def _exchange(
        self, back: Return, response: AuthorizationResponse, secrets: FlowSecrets
    ) -> Step:
        provider = await self._issuers.load(back.party)
        try:
            code = check_response(response, provider.metadata)
            granted = await self._tokens.exchange(
                back.party,
                provider,
                back.flow,
                code=code,
                secrets=secrets,
                asked=Asked(request=back.request),
            )
        except CallbackRefused as error:
            self._tools.log("warn", f"callback refused: {error.detail}")
            return refusals.bad_callback(
                "callback_mismatch",
                error.detail,
                login_url=back.retry_url,
                fields=back.fields,
            )
        except (OidcError, JoseError) as error:
            declined = isinstance(error, ProviderError) and error.error in _DECLINED
            level = "info" if declined else "error"
            self._tools.log(level, f"the sign-in failed: {error.detail}")
            refused = refusals.unauthorized(
                back.party,
                back.party.client(back.flow.client),
                detail=error.detail,
                login_url=back.retry_url,
                fields=back.fields,
            )
            return (
                replace(refused, code="login_failed")
                if isinstance(refused, Refused)
                else refused
            )
        return await self._start_session(back, granted)

    async def _start_session(self, back: Return, granted: Granted) -> Step:
        party = back.party
        session = self._sessions.new_session(
            granted.tokens,
            subject=str(granted.id_claims.get("sub", "")),
            sid=read_text(granted.id_claims, "sid"),
            client=back.flow.client,
            method="authorization_code",
        )
        fresh = OpenedSession(
            session=session, identity=self._sessions.identify(session), text=None
        )
        client = party.client(back.flow.client)
        starts = "session" in party.methods and "authorization_code" not in (
            party.config.disable_session or ()
        )
        try:
            allowed = await self._admission.admit(
                back.request,
                party,
                fresh.identity,
                method="authorization_code",
                ends=granted.tokens.expires_at,
                is_ambient=True,
                vary=b"Cookie",
            )
            if starts:
                back = replace(
                    back,
                    fields=(*back.fields, *await self._session_fields(back, fresh)),
                )
        except Forbidden as error:
            refused = refusals.forbidden(
                party,
                client,
                detail=error.what,
                error="insufficient_scope",
                fields=back.fields,
            )
            step = self._or_anonymous(back.request, party, refused)
            return await self._strip(back, step) if isinstance(step, Allowed) else step
        except SessionTooLarge as error:
            return refusals.unexpected(
                party,
                client,
                code="session_too_large",
                detail=str(error),
                fields=back.fields,
            )
        self._tools.log("info", "signed in by authorization code")
        back = replace(back, fields=(*back.fields, *granted.replay))
        who = SignedIn(
            party=party,
            method="authorization_code",
            client=back.flow.client,
            tokens=granted.tokens,
            url=back.request.origin + (back.flow.target or "/"),
            fields=back.fields,
        )
        action = run_login_action(who, now=self._tools.clock.now())
        if action is not None:
            return action
        if starts:
            return _go_to_target(back)
        fields = (*allowed.downstream_fields, *back.fields)
        return await self._strip(back, replace(allowed, downstream_fields=fields))

    async def _session_fields(
        self, back: Return, fresh: OpenedSession
    ) -> tuple[Field, ...]:
        names = back.party.names(back.request.scheme)
        cookies = parse_cookies(find_all(back.request.fields, b"cookie"))
        fields = await self._sessions.start(
            back.request, back.party, fresh.session, {n for n, _ in cookies}
        )
        if back.opened is not None:
            return fields
        count = str(count_recent(names, cookies) + 1)
        return (
            *fields,
            (
                b"Set-Cookie",
                build_set_cookie(seen_name(names), count, seen_attributes(names)),
            ),
        )

    @staticmethod
    async def _strip(back: Return, allowed: Allowed) -> Allowed:
        """The callback itself goes upstream, but nothing of the provider's answer does (D4)."""
        new_body = None
        if back.request.method == b"POST":  # it was there that the answer came
            arguments = await read_arguments(back.request, body=True)
            new_body = arguments.body_without(_RESPONSE_ARGUMENTS)
        return replace(
            allowed,
            downstream_fields=(
                *allowed.downstream_fields,
                (b"Referrer-Policy", b"no-referrer"),
            ),
            strip_query=_RESPONSE_ARGUMENTS,
            new_body=new_body,
        )
