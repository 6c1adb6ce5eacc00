"""
Carries the steps out: asks the provider, and writes down what was sent, what came, and how each rule went.

It keeps nothing: a run goes in and a run comes out.

Spec: RFC 6749, RFC 7636, OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; decision D7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from ostiary.debugger import judging
from ostiary.debugger.causes import find_causes, tell_cors
from ostiary.debugger.client import (
    TRIED,
    build_post,
    build_sign_in_url,
    build_sign_out_url,
    can_sign,
    check_sign_out,
    choose_method,
    find_endpoint,
    is_cognito,
)
from ostiary.debugger.judging import read_object, read_words, text_of
from ostiary.debugger.probing import check_probe, probe
from ostiary.debugger.reach import AllowList
from ostiary.debugger.redaction import Redactor, build_redactor, clean
from ostiary.debugger.situation import Situation, name_client_error
from ostiary.debugger.values import Flow, Held, Kind, Run, Setup, Step
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.forms import Pairs, first
from ostiary.http.url import origin_of
from ostiary.jose.encoding import encode_base64url
from ostiary.jose.keys import KeySet
from ostiary.oidc.rp.checks import Check
from ostiary.oidc.rp.metadata import discovery_request, jwks_request, normalise_issuer
from ostiary.oidc.rp.tokens import (
    client_credentials_request,
    code_request,
    refresh_request,
    revocation_request,
)
from ostiary.oidc.rp.verify import Rules
from ostiary.ports.clock import Clock, Entropy
from ostiary.ports.fetch import Fetch, FetchFailed, FetchLimits

TIMEOUT_S: Final = 10.0
MAX_BODY_BYTES: Final = 512 * 1024
MAX_CAUSE: Final = 1500
MAX_ARGUMENT: Final = 4096
# Whoever has typed these needs no discovery: a provider without it can be debugged, too.
_ENOUGH: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# A provider that nobody has signed in at says these to whoever asks without cookies.
_EXPECTED: Final = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, or why nothing did."""

    request: OutgoingRequest
    now: float
    took_ms: float
    reply: IncomingReply | None = None
    failure: FetchFailed | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Asks providers for whoever debugs."""

    fetch: Fetch
    clock: Clock
    entropy: Entropy
    allows: AllowList

    # Asking.

    async def _ask(self, run: Run, request: OutgoingRequest, *, is_typed: bool) -> Answer:  # fmt: skip
        """Send one request; a URL out of metadata goes no further than the issuer's own place."""
        begun = self.clock.now()
        issuer_host = urlsplit(run.setup.issuer).hostname
        reply, failure = None, None
        try:
            limits = FetchLimits(
                timeout_s=TIMEOUT_S,
                max_body_bytes=MAX_BODY_BYTES,
                beside=None if is_typed else issuer_host,
                reach=self.allows.choose(request.url),
            )
            found = await self.fetch.send(request, limits)
            fields = {name: clean(value) for name, value in found.fields.items()}
            reply = replace(found, fields=fields)
        except FetchFailed as error:
            failure = error
        now = self.clock.now()
        took = round((now - begun) * 1000, 1)
        return Answer(request=request, now=now, took_ms=took, reply=reply, failure=failure)  # fmt: skip

    async def _post(
        self, run: Run, endpoint: str, pairs: list[tuple[str, str]], method: str = ""
    ) -> Answer:
        """Send a form as the client to an endpoint that there is."""
        request = build_post(
            run,
            find_endpoint(run, endpoint),
            pairs,
            jti=self._chance(),
            now=self.clock.now(),
            method=method,
        )
        return await self._ask(run, request, is_typed=bool(run.setup.endpoint(endpoint)))  # fmt: skip

    def _chance(self) -> str:
        return encode_base64url(self.entropy.bytes(32))

    # Writing down.

    def _write(
        self,
        run: Run,
        kind: Kind,
        title: str,
        answer: Answer,
        checks: tuple[Check, ...],
        *,
        code: str = "",
        used: str = "",
        flow: Flow | None = None,
        **more: Any,  # Any: fields of Situation
    ) -> Step:
        """A step out of what was asked and answered, with its causes."""
        redactor = build_redactor(run, flow=flow, code=code, used=used)
        document = read_object(answer.reply) if answer.reply is not None else None
        words = dict(zip(("error", "description"), read_words(document), strict=True))
        situation = Situation(
            kind=kind,
            setup=run.setup,
            document=run.document,
            now=answer.now,
            failure=answer.failure,
            reply=answer.reply,
            checks=checks,
            **{
                "id_token": text_of(document, "id_token"),
                **_redact_words(redactor, {**words, **more}),
            },
        )
        got = None if answer.reply is None else redactor.got(answer.reply, answer.took_ms)  # fmt: skip
        causes = tuple(
            replace(c, text=redactor.text(c.text)[:MAX_CAUSE])
            for c in find_causes(situation)
        )
        return Step(
            kind=kind,
            title=title,
            at=answer.now,
            sent=redactor.sent(answer.request),
            got=got,
            failure="" if answer.failure is None else answer.failure.reason,
            checks=_redact(redactor, checks),
            causes=causes,
        )

    def _missing(self, kind: Kind, title: str, endpoint: str) -> Step:
        """A step that there is no endpoint for."""
        text = f"The provider does not say where its {endpoint} is, and none was typed."
        return Step(kind=kind, title=title, at=self.clock.now(), failure=text)

    # The steps.

    async def discover(self, setup: Setup, *, origin: str = "") -> Run:
        """
        Ask who the provider is, and for its keys.

        Args:
            origin: Where a script would run whose calls are tried for CORS; empty: none is tried.
        """
        run = Run(setup=setup)
        if setup.issuer and not all(setup.endpoint(name) for name in _ENOUGH):
            answer = await self._ask(run, discovery_request(setup.issuer), is_typed=True)  # fmt: skip
            checks = () if answer.reply is None else judging.check_discovery(answer.reply, setup, answer.now)  # fmt: skip
            step = self._write(run, "discovery", "Discovery", answer, checks)
            good = answer.reply is not None and answer.reply.status == 200
            document = read_object(answer.reply) if answer.reply and good else None
            run = replace(run, document=document, steps=(step,))
            if not step.is_good and any(c.code != "clock_off" for c in step.causes):
                return run
        run = await self._load_keys(run)
        return await self._try_cors(run, origin) if origin else run

    async def _load_keys(self, run: Run) -> Run:
        url = find_endpoint(run, "jwks_uri")
        if not url:
            return run
        is_typed = bool(run.setup.endpoint("jwks_uri"))
        answer = await self._ask(run, jwks_request(url), is_typed=is_typed)
        checks = () if answer.reply is None else judging.check_keys(answer.reply, answer.now)  # fmt: skip
        step = self._write(run, "keys", "Signing keys", answer, checks)
        keys = None if answer.reply is None else read_object(answer.reply)
        return replace(run, keys=keys, steps=(*run.steps, step))

    async def _try_cors(self, run: Run, origin: str) -> Run:
        """Ask as a browser does before a script may call, without a script."""
        url = find_endpoint(run, "token_endpoint")
        if not url or origin_of(url) == origin:
            return run
        request = OutgoingRequest(
            method="OPTIONS",
            url=url,
            fields=(
                ("Origin", origin),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "content-type"),
            ),
        )
        is_typed = bool(run.setup.endpoint("token_endpoint"))
        answer = await self._ask(run, request, is_typed=is_typed)
        if answer.reply is None:
            return run
        allowed = answer.reply.fields.get("access-control-allow-origin", "")
        cause = tell_cors(allows=allowed in {"*", origin}, origin=origin)
        if cause is None:
            return run
        redactor = build_redactor(run)
        step = Step(
            kind="cors",
            title="CORS preflight",
            at=answer.now,
            sent=redactor.sent(request),
            got=redactor.got(answer.reply, answer.took_ms),
            causes=(cause,),
        )
        return replace(run, steps=(*run.steps, step))

    async def prepare(self, run: Run) -> Run:
        """Make a sign-in, and see what the provider makes of it before a person goes there."""
        flow = Flow(
            state=self._chance(),
            nonce=self._chance(),
            verifier=self._chance(),
            begun_at=self.clock.now(),
        )
        run = replace(run, flow=flow, held=Held())
        title = "Authorization request"
        if not find_endpoint(run, "authorization_endpoint"):
            step = self._missing("authorization", title, "authorization_endpoint")
            return replace(run, flow=None, steps=(*run.steps, step))
        answer = await self._ask(
            run,
            OutgoingRequest(
                method="GET",
                url=build_sign_in_url(run, flow),
                fields=(("Accept", "text/html"),),
            ),
            is_typed=bool(run.setup.endpoint("authorization_endpoint")),
        )
        checks: tuple[Check, ...] = ()
        more: dict[str, Any] = {}
        if answer.reply is not None:
            found = probe(answer.reply, run.setup.redirect_uri)
            if found.error in _EXPECTED:
                found = replace(found, refuses=False)
            checks = tuple(check_probe(found, "a sign-in page, or straight back"))
            if found.refuses:
                more = {"error": found.error, "description": found.description}
        step = self._write(run, "authorization", title, answer, checks, flow=flow, **more)  # fmt: skip
        return replace(run, steps=(*run.steps, replace(step, actor="browser")))

    def recall(self, run: Run, flow: Flow) -> Run:
        """The step that a sign-in began with, for a page that has not carried it."""
        request = OutgoingRequest(
            method="GET", url=build_sign_in_url(run, flow), fields=()
        )
        step = Step(
            kind="authorization",
            title="Authorization request",
            actor="browser",
            at=flow.begun_at,
            sent=build_redactor(run, flow=flow).sent(request),
        )
        return replace(run, steps=(*run.steps, step))

    async def finish(self, run: Run, flow: Flow, answer: Pairs) -> Run:
        """
        Judge what came back with the browser, and change the code into tokens.

        Args:
            run: With the provider's document and keys.
            answer: The arguments of the redirect URI.
        """
        redactor = build_redactor(run, flow=flow, code=first(answer, "code") or "")
        now = self.clock.now()
        checks = judging.check_answer(answer, run.setup, run.document, flow)
        situation = Situation(
            kind="callback",
            setup=run.setup,
            document=run.document,
            now=now,
            checks=checks,
            error=redactor.text(first(answer, "error") or ""),
            description=redactor.text(first(answer, "error_description") or ""),
        )
        causes = find_causes(situation)
        step = Step(
            kind="callback",
            title="Answer at the redirect URI",
            actor="browser",
            at=now,
            sent=redactor.sent(
                OutgoingRequest(method="GET", url=run.setup.redirect_uri)
            ),
            checks=_redact(redactor, checks),
            causes=tuple(replace(c, text=redactor.text(c.text)) for c in causes),
        )
        pairs = tuple(redactor.pair(n, v[:MAX_ARGUMENT]) for n, v in answer)
        if step.sent is not None:
            step = replace(step, sent=replace(step.sent, pairs=pairs))
        run = replace(run, flow=None, steps=(*run.steps, step))
        code = first(answer, "code")
        return await self._redeem(run, flow, code) if step.is_good and code else run

    async def _redeem(self, run: Run, flow: Flow, code: str) -> Run:
        title = "Token request"
        pairs = code_request(
            code=code,
            redirect_uri=run.setup.redirect_uri,
            verifier=flow.verifier if run.setup.uses_pkce else None,
        )
        return await self._ask_for_tokens(
            run, "token", title, pairs, flow=flow, code=code
        )

    async def _ask_for_tokens(
        self,
        run: Run,
        kind: Kind,
        title: str,
        pairs: list[tuple[str, str]],
        *,
        flow: Flow | None = None,
        code: str = "",
    ) -> Run:
        """Ask the token endpoint, judge every token, and hold what may be used later."""
        if not find_endpoint(run, "token_endpoint"):
            step = self._missing(kind, title, "token_endpoint")
            return replace(run, steps=(*run.steps, step))
        answer = await self._post(run, "token_endpoint", pairs)
        document = read_object(answer.reply) if answer.reply is not None else None
        is_good = answer.reply is not None and answer.reply.status == 200
        # GitHub says 200 to everything.
        given = document if is_good and not text_of(document, "error") else None
        checks = self._judge_tokens(run, kind, answer, given, flow)
        used = run.held.refresh_token
        if given is not None:
            run = replace(run, held=_hold(run.held, given, kind, flow))
        trials, more = await self._find_out(run, answer, document, flow)
        step = self._write(run, kind, title, answer, checks, flow=flow, code=code, used=used, **more)  # fmt: skip
        shown = judging.show_tokens(given) if given is not None else ()
        step = replace(step, tokens=shown, trials=trials)
        return replace(run, steps=(*run.steps, step))

    def _judge_tokens(
        self,
        run: Run,
        kind: Kind,
        answer: Answer,
        given: Mapping[str, Any] | None,
        flow: Flow | None,
    ) -> tuple[Check, ...]:
        if answer.reply is None:
            return ()
        checks = [*judging.check_token_reply(answer.reply, answer.now)]
        if flow is not None:
            checks += judging.check_pkce(run.setup, flow, answer.reply)
        if given is None:
            return tuple(checks)
        if kind != "refresh":
            checks += judging.check_scope(run.setup, given)
        asks_openid = "openid" in run.setup.scope.split()
        checks += judging.check_tokens(
            given,
            run.setup,
            *_read_known(run),
            nonce=None if flow is None else flow.nonce,
            now=answer.now,
            needs_id_token=kind == "token" and asks_openid,
        )
        if kind == "refresh" and text_of(given, "id_token"):
            fresh = judging.show_token("", text_of(given, "id_token")).claims or {}
            checks += judging.check_same_person("sub", fresh.get("sub"), run.held.id_token)  # fmt: skip
        return tuple(checks)

    async def _find_out(
        self,
        run: Run,
        answer: Answer,
        document: Mapping[str, Any] | None,
        flow: Flow | None = None,
    ) -> tuple[tuple[Step, ...], dict[str, Any]]:
        """How a refused client would be let in: a made-up code, sent in each other way."""
        used = choose_method(run.setup, run.document)
        more: dict[str, Any] = {"auth_method": used}
        if answer.reply is None or used == "none" or not find_endpoint(run, "token_endpoint"):  # fmt: skip
            return (), more
        if not name_client_error(read_words(document)[0], answer.reply.status):
            return (), more
        trials, outcomes = [], []
        # The one that was used, too: it may have been let in, and refused for what it asked.
        signs = can_sign(run.setup.client_secret)
        for method in dict.fromkeys((used, *TRIED)):
            if method == "client_secret_jwt" and not signs:
                continue
            chance = self._chance()
            pairs = code_request(code=chance, redirect_uri=run.setup.redirect_uri, verifier=chance)  # fmt: skip
            tried = await self._post(run, "token_endpoint", pairs, method)
            if tried.reply is None:
                continue
            error, status = read_words(read_object(tried.reply))[0], tried.reply.status
            outcomes.append((method, name_client_error(error, status) or error or f"an answer ({status})"))  # fmt: skip
            redactor = build_redactor(run, flow=flow, code=chance)
            how = "without a secret" if method == "none" else f"as {method}"
            trials.append(
                Step(
                    kind="trial",
                    title=f"Tried {how}, with a made-up code",
                    at=tried.now,
                    sent=redactor.sent(tried.request),
                    got=redactor.got(tried.reply, tried.took_ms),
                )
            )
        return tuple(trials), {**more, "trials": tuple(outcomes)}

    async def refresh(self, run: Run) -> Run:
        """Renew the tokens."""
        pairs = refresh_request(refresh_token=run.held.refresh_token)
        return await self._ask_for_tokens(run, "refresh", "Refresh", pairs)

    async def use_client_credentials(self, run: Run) -> Run:
        """Ask for a token of the client's own."""
        title = "Client credentials"
        # Scopes about people are none for a client.
        scopes = set(run.setup.scope.split()) - {"openid", "profile", "email", "offline_access", "phone", "address"}  # fmt: skip
        asked = " ".join(s for s in run.setup.scope.split() if s in scopes)
        pairs = client_credentials_request(scope=asked or None)
        if run.setup.audience:
            pairs.append(("audience", run.setup.audience))
        return await self._ask_for_tokens(run, "client_credentials", title, pairs)

    async def ask_userinfo(self, run: Run) -> Run:
        """Ask who the access token's person is."""
        title = "UserInfo"
        url = find_endpoint(run, "userinfo_endpoint")
        if not url:
            step = self._missing("userinfo", title, "userinfo_endpoint")
            return replace(run, steps=(*run.steps, step))
        request = OutgoingRequest(
            method="GET",
            url=url,
            fields=(
                ("Accept", "application/json"),
                ("Authorization", f"Bearer {run.held.access_token}"),
            ),
        )
        is_typed = bool(run.setup.endpoint("userinfo_endpoint"))
        answer = await self._ask(run, request, is_typed=is_typed)
        checks: tuple[Check, ...] = ()
        if answer.reply is not None:
            held, known = run.held.id_token, _read_known(run)
            checks = judging.check_userinfo(answer.reply, held, *known, answer.now)
        step = self._write(run, "userinfo", title, answer, checks)
        shown = () if answer.reply is None else judging.decode_claims(answer.reply, "UserInfo")  # fmt: skip
        return replace(run, steps=(*run.steps, replace(step, tokens=shown)))

    async def introspect(self, run: Run) -> Run:
        """Ask whether the access token is good."""
        return await self._tell(
            run,
            "introspection",
            "Introspection",
            "introspection_endpoint",
            "access_token",
            lambda reply: judging.check_introspection(
                reply, *_read_known(run), self.clock.now()
            ),
        )

    async def revoke(self, run: Run) -> Run:
        """Take a token back: the refresh token if there is one, else the access token."""
        name = "refresh_token" if run.held.refresh_token else "access_token"
        run = await self._tell(
            run,
            "revocation",
            f"Revocation of the {name.replace('_', ' ')}",
            "revocation_endpoint",
            name,
            lambda reply: (judging.check_status(reply),),
        )
        if run.steps[-1].is_good:
            held = replace(run.held, refresh_token="") if run.held.refresh_token else replace(run.held, access_token="")  # fmt: skip
            run = replace(run, held=held)
        return run

    async def _tell(
        self,
        run: Run,
        kind: Kind,
        title: str,
        endpoint: str,
        token: str,
        judge: Callable[[IncomingReply], tuple[Check, ...]],
    ) -> Run:
        """Show a token to an endpoint that is for clients."""
        if not find_endpoint(run, endpoint):
            step = self._missing(kind, title, endpoint)
            return replace(run, steps=(*run.steps, step))
        pairs = revocation_request(token=getattr(run.held, token), hint=token)
        answer = await self._post(run, endpoint, pairs)
        checks = () if answer.reply is None else judge(answer.reply)
        document = read_object(answer.reply) if answer.reply is not None else None
        trials, more = await self._find_out(run, answer, document)
        step = self._write(run, kind, title, answer, checks, **more)
        return replace(run, steps=(*run.steps, replace(step, trials=trials)))

    async def sign_out(self, run: Run) -> Run:
        """See what the provider makes of a logout before a person goes there."""
        title = "Logout"
        url = build_sign_out_url(run)
        if url is None:
            step = self._missing("logout", title, "end_session_endpoint")
            if is_cognito(run):
                text = "Amazon Cognito's logout needs an address to come back to (logout_uri), and none was typed."
                step = replace(step, failure=text)
            return replace(run, steps=(*run.steps, step))
        answer = await self._ask(
            run,
            OutgoingRequest(method="GET", url=url, fields=(("Accept", "text/html"),)),
            is_typed=bool(run.setup.endpoint("end_session_endpoint")),
        )
        checks = [*check_sign_out(run, url)]
        more: dict[str, Any] = {}
        if answer.reply is not None:
            found = probe(answer.reply, run.setup.logout_redirect_uri)
            checks += check_probe(found, "a page, or a way back")
            if found.refuses:
                more = {"error": found.error, "description": found.description}
        step = self._write(run, "logout", title, answer, tuple(checks), **more)
        return replace(run, steps=(*run.steps, replace(step, actor="browser")))


def _read_known(run: Run) -> tuple[KeySet, Rules]:
    """What replies and tokens of a run are held against."""
    rules = judging.build_rules(run.setup, run.document)
    return judging.read_keys(run.keys), rules


def _redact_words(redactor: Redactor, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a situation with words that may be cut: what is left of a secret is one, too."""
    names = ("error", "description")
    return {**fields, **{n: redactor.text(clean(fields[n])) for n in names}}


def _redact(redactor: Redactor, checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The checks of a step without what is secret: a provider may repeat it in its words."""
    return tuple(
        replace(c, expected=redactor.text(c.expected), got=redactor.text(clean(c.got)))
        for c in checks
    )


def _hold(held: Held, given: Mapping[str, Any], kind: Kind, flow: Flow | None) -> Held:
    """What later steps use: the newest of each; a client's own token leaves no person's."""
    found = Held() if kind == "client_credentials" else held
    names = ("access_token", "id_token", "refresh_token")
    fresh = {name: text_of(given, name) for name in names if text_of(given, name)}
    return replace(found, **fresh, **({} if flow is None else {"nonce": flow.nonce}))


def is_about_same(run: Run, setup: Setup) -> bool:
    """Whether what is known of a provider still holds for what was typed since."""
    return (
        normalise_issuer(run.setup.issuer) == normalise_issuer(setup.issuer)
        and run.setup.endpoints == setup.endpoints
    )
