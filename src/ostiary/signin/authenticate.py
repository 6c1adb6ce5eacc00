"""
One sign-in for every door: a request goes in, a named step comes out.

`decide` answers from memory when it can, without I/O; `authenticate` does the rest. Whatever
goes wrong ends in a refusal, never in "let through".

Spec: oidc-plugin §3 (pipeline), §4.1 (precedence), §18 (replies); decisions D2, D4-D6, D9, D14.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ostiary.http.cookies import parse_cookies
from ostiary.http.forms import MalformedForm, parse_form
from ostiary.http.head import Field, find_all
from ostiary.http.negotiate import is_navigation
from ostiary.oidc.claims import read_text
from ostiary.oidc.errors import CallbackRefused
from ostiary.oidc.rp.authorization import AuthorizationResponse, find_response
from ostiary.ports.fetch import FetchFailed
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.cookie import SessionTooLarge
from ostiary.sessions.session import Session, SessionInvalid
from ostiary.signin import refusals
from ostiary.signin.admission import Admission, consumer_fields
from ostiary.signin.arguments import (
    NO_ARGUMENTS,
    Arguments,
    body_kind,
    read_arguments,
    read_query_loosely,
)
from ostiary.signin.backchannel import ARGUMENT as LOGOUT_TOKEN
from ostiary.signin.backchannel import BackChannel
from ostiary.signin.callback import Callback
from ostiary.signin.claims import Forbidden
from ostiary.signin.credentials import (
    NOTHING,
    choose_client,
    find_token,
    hide,
    reads_body,
)
from ostiary.signin.endpoints import Endpoints
from ostiary.signin.entry import SignedIn, run_login_action
from ostiary.signin.flow import LOOP_AFTER, FlowInvalid, count_begun
from ostiary.signin.issuer import Issuers, ProviderUnavailable
from ostiary.signin.kept import Kept
from ostiary.signin.ledger import SeenSession
from ostiary.signin.live import ENDED_CHANNEL, Live, LiveToken, digest
from ostiary.signin.login import Login
from ostiary.signin.logout import Logout, is_logout, may_be_posted_logout
from ostiary.signin.memory import Memory
from ostiary.signin.once import Once
from ostiary.signin.party import Party
from ostiary.signin.presented import Presentation, Presented, Unauthorized
from ostiary.signin.session import OpenedSession, SessionKeeper
from ostiary.signin.sources import Sources
from ostiary.signin.tokens import TokenClient
from ostiary.signin.trace import TRACE, TracedFetch, Tracer, build_log
from ostiary.signin.values import Allowed, Refused, SigninRequest, Step, Toolbox

_BASIC = frozenset({"password", "client_credentials"})


class Signin:
    """The relying party of one worker, for any number of parties."""

    def __init__(self, tools: Toolbox) -> None:
        tools = replace(
            tools,
            log=build_log(tools.log),
            fetch=TracedFetch(tools.fetch, tools.clock),
        )
        self._tools = tools
        self._tracer = Tracer(tools.clock, tools.keep_trace)
        self._live = Live()
        self._once = Once(tools)
        self.issuers = Issuers(tools, self._once)
        self._memory = Memory(self._live, self.issuers)
        endpoints = Endpoints(tools)
        tokens = TokenClient(tools, self.issuers, endpoints)
        self._sessions = SessionKeeper(
            tools, self._once, self._live, self.issuers, tokens
        )
        kept = Kept(tools, self._once, self._sessions.sealer)
        sources = Sources(tools, self.issuers, endpoints, kept)
        self._admission = Admission(tools, self.issuers, sources)
        self._presentation = Presentation(
            tools, self.issuers, endpoints, tokens, sources, kept
        )
        self._login = Login(tools, self.issuers, self._sessions)
        self._callback = Callback(
            tools, self.issuers, tokens, self._sessions, self._admission, self._refuse
        )
        self._logout = Logout(tools, self.issuers, tokens, self._sessions)
        self._backchannel = BackChannel(tools, self._live, self.issuers)
        tools.shared.subscribe(ENDED_CHANNEL, self._hear_end)

    async def close(self, within_s: float) -> None:
        """Finish what is under way for people who may have gone; call it before the ports close."""
        await self._once.close(within_s)

    def _hear_end(self, message: bytes) -> None:
        self._live.forget_session(message.decode())

    def list_sessions(self, plugins: Collection[str]) -> list[SeenSession]:
        """The sessions of some plugins that requests have come with lately, the latest first."""
        return self._live.seen.list(plugins, now=self._tools.clock.now())

    async def end_session(self, name: str, plugins: Collection[str]) -> bool:
        """
        End one of them everywhere, and for good; tell whether it was known here.

        Raises:
            SharedUnavailable: Not everybody could be told. It is listed still, to be ended again.
        """
        found = self._live.seen.find(name, plugins)
        try:
            for seen in found:
                await self._sessions.end(seen.party, seen.session, for_good=True)
        except SharedUnavailable:
            for seen in found:
                self._live.seen.put(seen)
            raise
        return bool(found)

    def forget_sessions(self) -> None:
        """Look at every session anew: word of an end may have been missed."""
        self._live.forget_sessions()

    def decide(self, request: SigninRequest, party: Party) -> Step | None:
        """
        The step for a request that needs no I/O, or None.

        Only two kinds do: a session seen before that needs no writing, and a token seen before.
        """
        if self._may_be_special(request, party):
            return None
        return self._memory.answer(request, party, now=self._tools.clock.now())

    def _may_be_special(self, request: SigninRequest, party: Party) -> bool:
        """Tell whether a request may be a logout or a callback: both need more than memory."""
        config = party.config
        if request.method == b"POST" and (
            config.logout_post_arg
            or config.response_mode == "form_post"
            or party.hears_logout
        ):
            return True
        return bool(
            (request.target.query is not None or config.logout_uri_suffix)
            and (is_logout(request, party) or self._may_be_callback(request, party))
        )

    async def authenticate(self, request: SigninRequest, party: Party) -> Step:
        """The step for any request. Never raises for what the request or the provider did."""
        trace = self._tracer.begin()
        if trace is None:
            return await self._judge(request, party)
        token = TRACE.set(trace)
        try:
            step = await self._judge(request, party)
        finally:
            TRACE.reset(token)
        self._tracer.end(trace, request, party.issuer, step)
        return step

    async def _judge(self, request: SigninRequest, party: Party) -> Step:
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
        except SessionInvalid as error:  # it ended while it was being renewed
            return refusals.unauthorized(party, client, detail=error.reason)
        except SessionTooLarge as error:
            return refusals.unexpected(
                party, client, code="session_too_large", detail=str(error)
            )
        except Exception as error:  # noqa: BLE001 - what nobody thought of lets nobody in
            what = f"sign-in failed: {type(error).__name__}"
            self._tools.log("error", what)
            return refusals.unexpected(party, client, code="unexpected", detail=what)

    async def _steps(self, request: SigninRequest, party: Party) -> Step:
        arguments: Arguments | None = None
        if may_be_posted_logout(request, party):
            arguments = await read_arguments(request, body=True)
        if is_logout(request, party, arguments):
            opened, _ = await self._open(request, party, refresh=False)
            return await self._logout.run(request, party, opened)
        order = await self._find_order(request, party)
        if order is not None:
            return await self._backchannel.run(party, order)
        try:
            response = await self._find_callback(request, party)
        except CallbackRefused as error:
            return refusals.bad_callback(
                "callback_mismatch", error.detail, login_url=None
            )
        opened, spent = await self._open(request, party)
        if response is not None:
            return await self._callback.finish(request, party, response, opened)
        if opened is not None:
            return await self._answer_session(request, party, opened)
        if arguments is None:
            arguments = await read_arguments(request, body=reads_body(request, party))
        return await self._answer_presented(request, party, arguments, spent)

    async def _answer_presented(
        self,
        request: SigninRequest,
        party: Party,
        arguments: Arguments,
        spent: tuple[Field, ...],
    ) -> Step:
        """The step for a request without a session: by its credentials, or for their lack."""
        index = choose_client(request, party, arguments)
        client = party.client(index)
        try:
            presented = await self._presentation.judge(request, party, arguments)
            if presented is not None:
                return await self._admit(request, party, arguments, presented)
        except Unauthorized as error:
            refused = refusals.unauthorized(
                party, client, detail=error.detail, error=error.error, fields=spent
            )
            return self._refuse(request, party, refused, arguments)
        except Forbidden as error:
            refused = refusals.forbidden(
                party, client, detail=error.what, error="insufficient_scope"
            )
            return self._refuse(request, party, refused, arguments)
        if not _starts_flows(party):
            refused = refusals.unauthorized(
                party, client, detail="no credentials were found", fields=spent
            )
        elif is_navigation(request.method, request.fields):
            if self._is_lost_answer(request, party):
                # Beginning anew would go on for ever where the provider refuses at once.
                return refusals.bad_callback(
                    "login_failed",
                    "an answer without a state came to the redirect URI",
                    login_url=request.origin + (request.route_prefix or "/"),
                )
            return await self._login.begin(request, party, client=index, fields=spent)
        else:
            refused = refusals.unauthorized(
                party,
                client,
                detail="no credentials, and not a navigation that could sign in",
                login_url=request.origin + request.target.raw_path,
                fields=spent,
            )
        if spent and isinstance(refused, Refused):
            refused = replace(refused, code="session_expired")
        return self._refuse(request, party, refused, arguments)

    def _is_lost_answer(self, request: SigninRequest, party: Party) -> bool:
        """
        Tell whether a provider's answer came without the state that would say for whom.

        A `code` alone may be the application's own argument, until it has come again and again.
        """
        names = {name for name, _ in read_query_loosely(request)}
        if "state" in names or not names & {"error", "code"}:
            return False
        if "error" not in names:
            cookies = parse_cookies(find_all(request.fields, b"cookie"))
            cookie_names = party.names(request.scheme)
            begun = count_begun(cookie_names, cookies, self._tools.clock.now())
            if begun < LOOP_AFTER:
                return False
        return self._login.is_callback_path(request, party)

    def _refuse(
        self,
        request: SigninRequest,
        party: Party,
        refused: Step,
        arguments: Arguments = NO_ARGUMENTS,
    ) -> Step:
        """
        The refusal, unless there is a consumer for whoever is nobody (oidc-plugin §7.7).

        What was presented and refused does not reach the upstream either.
        """
        name = party.config.anonymous
        if not name:
            return refused
        consumer = request.consumers.find(name, by=("id", "username"))
        if consumer is None:
            return refusals.unexpected(
                party,
                party.client(0),
                code="anonymous_missing",
                detail="anonymous consumer was not found",
            )
        gone = refused.fields if isinstance(refused, Refused) else ()
        cookies = tuple(f for f in gone if f[0].lower() == b"set-cookie")
        answer = Allowed(
            method="anonymous",
            subject="",
            session=None,
            consumer=consumer,
            upstream_fields=(
                *consumer_fields(consumer),
                (b"x-anonymous-consumer", b"true"),
            ),
            downstream_fields=(*cookies, (b"Vary", party.vary)),
        )
        found = find_token(request, party, arguments)
        hidden = NOTHING if found is None else found.hidden
        return hide(answer, request, party, hidden, arguments)

    async def _admit(
        self,
        request: SigninRequest,
        party: Party,
        arguments: Arguments,
        presented: Presented,
    ) -> Step:
        """
        Let the owner of a good credential in.

        Raises:
            Forbidden: A requirement is not met.
        """
        is_ambient = bool(presented.hidden.cookies) or presented.method in _BASIC
        allowed = await self._admission.admit(
            request,
            party,
            presented.identity,
            method=presented.method,
            ends=presented.ends,
            is_ambient=is_ambient,
            vary=party.vary,
        )
        alone = party.remembers_tokens and not party.asks_user_info and not is_ambient
        if presented.text is not None and alone:
            self._live.tokens.put(
                digest(party.fingerprint, presented.text),
                LiveToken(
                    ends=presented.ends,
                    key_thumbprint=presented.key_thumbprint,
                    provider=self.issuers.peek(party),
                    consumers=request.consumers,
                    fresh_until=presented.fresh_until,
                    answer=allowed,
                ),
            )
        session, started = await self._start_session(request, party, presented)
        fields = (*presented.fields, *started)
        if presented.tokens is not None:
            told = presented.identity.introspection
            who = SignedIn(
                party=party,
                method=presented.method,
                client=presented.client,
                tokens=presented.tokens,
                introspection=None if told is None else told.claims,
                url=request.origin + request.target.raw,
                fields=fields,
            )
            action = run_login_action(who, now=self._tools.clock.now())
            if action is not None:
                return action
        if session is not None or fields:
            allowed = replace(
                allowed,
                session=session,
                marks=() if session is None else self._sessions.marks(party, session),
                downstream_fields=(*allowed.downstream_fields, *fields),
            )
        return hide(allowed, request, party, presented.hidden, arguments)

    async def _start_session(
        self, request: SigninRequest, party: Party, presented: Presented
    ) -> tuple[Session | None, tuple[Field, ...]]:
        """The session that a grant starts and its cookies; none where there is none to start."""
        tokens = presented.tokens
        kept_out = party.config.disable_session or ()
        if (
            tokens is None
            or "session" not in party.methods
            or presented.method in kept_out
        ):
            return None, ()
        session = self._sessions.new_session(
            tokens,
            subject=presented.identity.subject,
            sid=read_text(presented.identity.id_claims, "sid"),
            client=presented.client,
            method=presented.method,
        )
        present = {n for n, _ in parse_cookies(find_all(request.fields, b"cookie"))}
        try:
            fields = await self._sessions.start(request, party, session, present)
        except SessionTooLarge as error:
            self._tools.log("error", f"no session was started: {error}")
            return None, ()
        return session, fields

    async def _open(
        self, request: SigninRequest, party: Party, *, refresh: bool = True
    ) -> tuple[OpenedSession | None, tuple[Field, ...]]:
        """The request's session if it is good; else the fields that delete its cookies."""
        if "session" not in party.methods:
            return None, ()
        cookies = parse_cookies(find_all(request.fields, b"cookie"))
        if not cookies:
            return None, ()
        try:
            return await self._sessions.open(
                request, party, cookies, refresh=refresh
            ), ()
        except SessionInvalid as error:
            self._tools.log("info", f"session was not found ({error.reason})")
            return None, self._sessions.give_up(request, party, cookies, error.reason)

    async def _answer_session(
        self, request: SigninRequest, party: Party, opened: OpenedSession
    ) -> Step:
        try:
            admitted = await self._admission.admit(
                request,
                party,
                opened.identity,
                method="session",
                ends=opened.session.expires_at,
                is_ambient=True,
                vary=b"Cookie",  # what its owner sees is not for others
            )
        except Forbidden as error:
            fields: tuple[Field, ...] = ()
            if party.config.forbidden_destroy_session:
                await self._sessions.end(party, opened.session)
                fields = self._sessions.delete_cookies(party, request.scheme, None)
            elif opened.must_save:
                fields = await self._sessions.save(request, party, opened)
            client = party.client(opened.session.client)
            refused = refusals.forbidden(
                party,
                client,
                detail=error.what,
                error="insufficient_scope",
                fields=fields,
            )
            return self._refuse(request, party, refused)
        answer = await self._sessions.allow(request, party, opened, admitted)
        return hide(answer, request, party, NOTHING)

    async def _find_order(
        self, request: SigninRequest, party: Party
    ) -> Arguments | None:
        """The arguments of a request by which the provider logs somebody out, else None."""
        if (
            not party.hears_logout
            or request.method != b"POST"
            or body_kind(request) != "form"
            or not self._login.is_callback_path(request, party)
        ):
            return None
        arguments = await read_arguments(request, body=True)
        has_one = any(name == LOGOUT_TOKEN for name, _ in arguments.body)
        return arguments if has_one else None

    async def _find_callback(
        self, request: SigninRequest, party: Party
    ) -> AuthorizationResponse | None:
        """
        An authorization response that arrived where this party receives them.

        Raises:
            CallbackRefused: There is one, and it is malformed or came in another way than asked.
        """
        if not self._may_be_callback(request, party):
            return None
        if request.method == b"POST":
            arguments = await read_arguments(request, body=True)
            return find_response(arguments.body)
        if party.config.response_mode != "form_post":
            try:
                return find_response(parse_form(request.target.query or ""))
            except MalformedForm as error:
                raise CallbackRefused(f"the response is {error}") from error
        pairs = read_query_loosely(request)
        # Any other state is an argument of the application's own.
        if any(k == "state" and self._callback.is_ours(v, party) for k, v in pairs):
            # Beginning anew would go on for ever with a provider that does not know the mode.
            raise CallbackRefused(
                "the provider answered by query, asked for was response_mode form_post"
            )
        return None

    def _may_be_callback(self, request: SigninRequest, party: Party) -> bool:
        if request.method == b"POST":
            arrived = (
                party.config.response_mode == "form_post"
                and body_kind(request) == "form"
            )
        else:
            query = request.target.query
            arrived = (
                query is not None and "state=" in query and request.method == b"GET"
            )
        return (
            arrived
            and "authorization_code" in party.methods
            and self._login.is_callback_path(request, party)
        )


def _starts_flows(party: Party) -> bool:
    """Tell whether people without credentials are sent to the provider (oidc-plugin §7.7)."""
    config = party.config
    anonymous_first = bool(config.anonymous) and not (
        config.ostiary and config.ostiary.sign_in_before_anonymous
    )
    return (
        "authorization_code" in party.methods
        and bool(party.clients)
        and not anonymous_first
    )
