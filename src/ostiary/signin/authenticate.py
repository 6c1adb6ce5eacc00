"""
One sign-in for every door: a request goes in, a named step comes out.

`decide` answers from memory when it can, without I/O; `authenticate` does the rest. Whatever
goes wrong ends in a refusal, never in "let through".

Spec: oidc-plugin §3 (pipeline), §4.1 (precedence), §18 (replies); decisions D2, D4-D6, D9, D14.
"""

from __future__ import annotations

from dataclasses import replace

from ostiary.http.challenge import parse_bearer
from ostiary.http.cookies import parse_cookies
from ostiary.http.forms import MalformedForm, Pairs, first, parse_form
from ostiary.http.head import Field, find, find_all
from ostiary.http.negotiate import is_navigation
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import is_compact_jws
from ostiary.oidc.errors import CallbackRefused, OidcError
from ostiary.oidc.rp.authorization import AuthorizationResponse, find_response
from ostiary.ports.fetch import FetchFailed
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.cookie import find_candidates
from ostiary.sessions.session import (
    SessionInvalid,
)
from ostiary.signin import refusals
from ostiary.signin.callback import Callback
from ostiary.signin.claims import Forbidden, Identity, build_fields, check_required
from ostiary.signin.flow import FlowInvalid
from ostiary.signin.issuer import Issuers, ProviderUnavailable
from ostiary.signin.live import ENDED_CHANNEL, TOKEN_TTL_S, Live, LiveToken, digest
from ostiary.signin.login import Login
from ostiary.signin.logout import Logout, is_logout
from ostiary.signin.party import Party
from ostiary.signin.session import OpenedSession, SessionKeeper
from ostiary.signin.tokens import TokenClient
from ostiary.signin.values import Allowed, Refused, SigninRequest, Step, Toolbox

MAX_READERS = 64
# What a token's owner sees is not for others (T-X7).
_VARY = (b"Vary", b"Authorization, Access-Token, X-Access-Token")
_TOKEN_HEADERS = (b"access-token", b"x-access-token")


class Signin:
    """The relying party of one worker, for any number of parties."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools
        self._live = Live()
        self.issuers = Issuers(tools)
        tokens = TokenClient(tools, self.issuers)
        self._tokens = tokens
        self._sessions = SessionKeeper(tools, self._live, self.issuers, tokens)
        self._login = Login(tools, self.issuers, self._sessions)
        self._callback = Callback(tools, self.issuers, tokens, self._sessions)
        self._logout = Logout(tools, self.issuers, tokens, self._sessions)
        tools.shared.subscribe(ENDED_CHANNEL, self._hear_end)

    def _hear_end(self, message: bytes) -> None:
        self._live.forget_session(message.decode())

    def forget_sessions(self) -> None:
        """Look at every session anew: word of an end may have been missed."""
        self._live.forget_sessions()

    def decide(self, request: SigninRequest, party: Party) -> Step | None:
        """
        The step for a request that needs no I/O, or None.

        Only two kinds do: a session seen before that needs no writing, and a token seen before.
        """
        if (request.target.query is not None or party.config.logout_uri_suffix) and (
            is_logout(request, party) or self._may_be_callback(request, party)
        ):
            return None
        now = self._tools.clock.now()
        if "session" in party.methods:
            cookies = find_all(request.fields, b"cookie")
            key = self._session_key(party, party.names(request.scheme).session, cookies)
            if key:
                entry = self._live.sessions.get(key)
                if entry is not None and now < entry.quiet_until:
                    return entry.answer
                return None
        key = self._token_key(request, party)
        known = self._live.tokens.get(key) if key else None
        if known is None or not self._is_fresh(party, known, now):
            return None
        return self._strip_query(request, party, known.answer)

    def _strip_query(
        self, request: SigninRequest, party: Party, answer: Allowed
    ) -> Allowed:
        """The answer, taking a token out of the query where there is one to hide."""
        if request.target.query is None or not party.config.hide_credentials:
            return answer
        if "query" not in (party.config.bearer_token_param_type or ()):
            return answer
        if first(self._arguments(request), "access_token") is None:
            return answer
        return replace(answer, strip_query=("access_token",))

    def _session_key(
        self, party: Party, name: str, cookies: tuple[bytes, ...]
    ) -> bytes:
        """The key of the session a request carries; empty for none, unknown for several."""
        if not cookies:
            return b""
        found = self._live.keys.get(cookies[0]) if len(cookies) == 1 else None
        key = None if found is None else found.get((party.fingerprint, name))
        if key is None:
            candidates = find_candidates(parse_cookies(cookies), name)
            key = digest(party.fingerprint, candidates[0]) if candidates else b""
            if len(candidates) > 1:
                key = b"several"
            if len(cookies) == 1:
                self._keep_key(cookies[0], party, name, key)
        return key

    def _token_key(self, request: SigninRequest, party: Party) -> bytes:
        """The key of the bearer token a request carries; empty for none."""
        values = find_all(request.fields, b"authorization")
        value = values[0] if len(values) == 1 else b""
        found = self._live.keys.get(value) if value else None
        key = None if found is None else found.get((party.fingerprint, "bearer"))
        if key is None:
            token = self._find_bearer(request, party)
            key = b"" if token is None else digest(party.fingerprint, token)
            from_header = "header" in (party.config.bearer_token_param_type or ())
            if (
                value
                and from_header
                and token is not None
                and parse_bearer(value) == token
            ):
                self._keep_key(value, party, "bearer", key)
        return key

    def _keep_key(self, value: bytes, party: Party, what: str, key: bytes) -> None:
        known = self._live.keys.get(value)
        if known is None:
            self._live.keys.put(value, {(party.fingerprint, what): key}, len(value))
        elif len(known) < MAX_READERS:
            known[party.fingerprint, what] = key

    def _is_fresh(self, party: Party, known: LiveToken, now: float) -> bool:
        provider = self.issuers.peek(party)
        ends = known.token.expires_at
        return (
            now < known.fresh_until
            and (ends is None or now < ends + party.config.leeway)
            and provider is not None
            and (
                provider is known.provider
                or any(k.thumbprint == known.key_thumbprint for k in provider.keys.keys)
            )
        )

    async def authenticate(self, request: SigninRequest, party: Party) -> Step:
        """The step for any request. Never raises for what the request or the provider did."""
        client = party.client(0)
        try:
            return await self._steps(request, party)
        except SharedUnavailable as error:
            return refusals.store_down(str(error))
        except ProviderUnavailable as error:
            return refusals.unexpected(
                party, client, code="provider_unreachable", detail=error.detail
            )
        except FetchFailed as error:
            return refusals.unexpected(
                party, client, code="provider_unreachable", detail=error.reason
            )
        except FlowInvalid as error:
            return refusals.bad_callback(error.code, error.detail, login_url=None)

    async def _steps(self, request: SigninRequest, party: Party) -> Step:
        if is_logout(request, party):
            opened, _ = await self._open(request, party, refresh=False)
            return await self._logout.run(request, party, opened)
        try:
            response = self._find_callback(request, party)
        except CallbackRefused as error:
            return refusals.bad_callback(
                "callback_mismatch", error.detail, login_url=None
            )
        opened, spent = await self._open(request, party)
        if response is not None and "authorization_code" in party.methods:
            return await self._callback.finish(request, party, response, opened)
        if opened is not None:
            return self._answer_session(request, party, opened)
        token = self._find_bearer(request, party)
        if token is not None and is_compact_jws(token):
            return await self._answer_bearer(request, party, token)
        if "authorization_code" in party.methods and party.clients:
            if is_navigation(request.method, request.fields):
                return await self._login.begin(request, party, fields=spent)
            refused = refusals.unauthorized(
                party,
                party.client(0),
                detail="no credentials, and not a navigation that could sign in",
                login_url=request.origin + request.target.raw_path,
                fields=spent,
            )
        else:
            refused = refusals.unauthorized(
                party, party.client(0), detail="no credentials were found", fields=spent
            )
        if spent and isinstance(refused, Refused):
            return replace(refused, code="session_expired")
        return refused

    async def _open(
        self, request: SigninRequest, party: Party, *, refresh: bool = True
    ) -> tuple[OpenedSession | None, tuple[Field, ...]]:
        """The request's session if it is good; else the fields that delete its cookies."""
        if "session" not in party.methods:
            return None, ()
        cookies = parse_cookies(find_all(request.fields, b"cookie"))
        try:
            return await self._sessions.open(
                request, party, cookies, refresh=refresh
            ), ()
        except SessionInvalid as error:
            self._tools.log("info", f"session was not found ({error.reason})")
            kept = not party.config.unauthorized_destroy_session
            if kept or error.reason == "missing session cookie":
                return None, ()
            present = {name for name, _ in cookies}
            return None, self._sessions.delete_cookies(party, request.scheme, present)

    def _answer_session(
        self, request: SigninRequest, party: Party, opened: OpenedSession
    ) -> Step:
        try:
            check_required(party, opened.identity)
        except Forbidden as error:
            fields = (
                self._sessions.delete_cookies(party, request.scheme, None)
                if party.config.forbidden_destroy_session
                else ()
            )
            client = party.client(opened.session.client)
            return refusals.forbidden(
                party,
                client,
                detail=error.what,
                error="insufficient_scope",
                fields=fields,
            )
        return self._sessions.allow(request, party, opened)

    async def _answer_bearer(
        self, request: SigninRequest, party: Party, token: str
    ) -> Step:
        client = party.client(0)
        provider = await self.issuers.load(party)
        try:
            verified = await self._tokens.verify_bearer(party, provider, token)
        except (OidcError, JoseError) as error:
            return refusals.unauthorized(
                party,
                client,
                detail=f"unable to verify bearer token ({error.detail})",
                error="invalid_token",
            )
        identity = Identity(access_token=token, access_claims=verified.claims)
        try:
            check_required(party, identity)
        except Forbidden as error:
            return refusals.forbidden(
                party, client, detail=error.what, error="insufficient_scope"
            )
        answer = Allowed(
            method="bearer",
            subject=identity.subject,
            session=None,
            upstream_fields=build_fields(
                party.upstream_tokens, party.upstream_claims, identity
            ),
            downstream_fields=(
                *build_fields(
                    party.downstream_tokens, party.downstream_claims, identity
                ),
                _VARY,
            ),
        )
        entry = LiveToken(
            token=verified,
            key_thumbprint=verified.key_thumbprint,
            provider=provider,
            fresh_until=self._tools.clock.now() + TOKEN_TTL_S,
            answer=answer,
        )
        self._live.tokens.put(digest(party.fingerprint, token), entry)
        return self._strip_query(request, party, answer)

    @staticmethod
    def _arguments(request: SigninRequest) -> Pairs:
        try:
            return parse_form(request.target.query or "")
        except MalformedForm:
            return ()

    def _find_bearer(self, request: SigninRequest, party: Party) -> str | None:
        """The first bearer token in the places the configuration names."""
        if "bearer" not in party.methods:
            return None
        if len(find_all(request.fields, b"authorization")) > 1:
            return None  # two answers to "who are you" are none (T-H8)
        places = party.config.bearer_token_param_type or ()
        if "header" in places:
            token = parse_bearer(find(request.fields, b"authorization"))
            if token is not None:
                return token
            for name in _TOKEN_HEADERS:
                value = find(request.fields, name)
                if value is not None and value.isascii():
                    return value.decode("ascii").removeprefix("Bearer ")
        if "query" in places and request.target.query:
            return first(self._arguments(request), "access_token")
        return None

    def _find_callback(
        self, request: SigninRequest, party: Party
    ) -> AuthorizationResponse | None:
        """An authorization response that arrived where this party receives them."""
        if not self._may_be_callback(request, party):
            return None
        return find_response(self._arguments(request))

    def _may_be_callback(self, request: SigninRequest, party: Party) -> bool:
        query = request.target.query
        return (
            query is not None
            and "state=" in query
            and request.method == b"GET"
            and self._login.is_callback_path(request, party)
        )
