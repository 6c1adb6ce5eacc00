"""
The plugin as an adapter: an exchange becomes a sign-in request, a step becomes a reply.

Spec: oidc-plugin §3 (pipeline), §8 (headers), §18 (replies).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ostiary.http.challenge import build_bearer_challenge
from ostiary.http.head import find_all
from ostiary.http.url import build_origin
from ostiary.kit import (
    IDENTITY_FIELDS,
    NEEDS_IO,
    AccessResult,
    Allowed,
    ConfirmLogout,
    Exchange,
    OpenidConnectConfig,
    OwnCookies,
    Refused,
    Reply,
    Respond,
    SendAway,
    Services,
    Step,
    compile_party,
    error_reply,
    fold_names,
    redirect_reply,
)
from ostiary.plugins.openid_connect.texts import PAGES

_CREDENTIALS = (b"authorization", b"access-token", b"x-access-token")


# Browsers send cookies along with anybody's WebSocket: whose page it is says Origin (T-X10).
_FOREIGN_PAGE = Refused(
    status=403,
    code="foreign_page",
    message="Forbidden",
    detail="a page of another origin asked for a WebSocket with a session",
)


class OpenidConnect:
    """One configured `openid-connect` plugin."""

    __slots__ = (
        "_assertion_header",
        "_assertions",
        "_cleared",
        "_foreign_origins",
        "_log",
        "_realm",
        "_signin",
        "own_cookies",
        "party",
    )

    def __init__(
        self, config: OpenidConnectConfig, row_id: str, services: Services
    ) -> None:
        self.party = compile_party(config, row_id)
        schemes = (self.party.secure, self.party.plain)
        self.own_cookies = OwnCookies(
            names=frozenset(
                name
                for s in schemes
                for name in (*s.session_chunks, *self.party.remember_chunks(s))
            ),
            prefixes=tuple(f"{s.flow}{sign}" for s in schemes for sign in "_-"),
        )
        self._signin = services.signin
        self._log = services.log
        self._realm = urlsplit(config.issuer).hostname or "ostiary"
        own = config.ostiary
        self._foreign_origins = (own.websocket_origins if own else None) or ()
        header = own.upstream_assertion_header if own else None
        self._assertion_header = None if header is None else header.encode("ascii")
        self._assertions = services.assertions
        cleared = set(self.party.managed_headers)
        if self._assertion_header is not None:
            cleared.add(self._assertion_header)
        if config.hide_credentials:
            cleared.update(_CREDENTIALS)
        self._cleared = fold_names(cleared)

    def access(self, exchange: Exchange) -> AccessResult:
        """Answer from memory, or say that I/O is needed."""
        if exchange.method == b"OPTIONS" and not self.party.config.run_on_preflight:
            self._protect(exchange)
            return None
        if self.party.config.anonymous and exchange.credential is not None:
            self._protect(exchange)
            return None  # another plugin has authenticated this request already
        step = self._signin.decide(exchange, self.party)
        return NEEDS_IO if step is None else self._carry_out(step, exchange)

    async def access_io(self, exchange: Exchange) -> Reply | None:
        """Everything else: logins, callbacks, refreshes, first sights."""
        step = await self._signin.authenticate(exchange, self.party)
        return self._carry_out(step, exchange)

    def _protect(self, exchange: Exchange) -> None:
        """Whatever we may say about the user, the client must not be able to say itself."""
        exchange.clear(self._cleared)

    def _carry_out(self, step: Step, exchange: Exchange) -> Reply | None:
        match step:
            case Allowed():
                if (
                    exchange.websocket
                    and step.is_ambient
                    and not self._is_own_page(exchange)
                ):
                    return self._refuse(_FOREIGN_PAGE, exchange)
                self._protect(exchange)
                exchange.drop(IDENTITY_FIELDS)  # what another plugin said before
                if step.clear:
                    exchange.clear(fold_names(step.clear))
                if self._assertion_header is not None:
                    exchange.set_upstream(
                        self._assertion_header, self._assert(step, exchange)
                    )
                for name, value in step.upstream_fields:
                    exchange.set_upstream(name, value)
                exchange.downstream_fields += step.downstream_fields
                exchange.stripped_query += step.strip_query
                exchange.stripped_cookies |= step.strip_cookies
                exchange.new_body = step.new_body
                exchange.bound_to += step.marks
                exchange.subject = step.subject
                exchange.consumer = step.consumer
                exchange.credential = step.credential
                exchange.groups = step.groups
                return None
            case SendAway():
                return redirect_reply(step.status, step.location, step.fields)
            case Respond():
                kind = (b"Content-Type", b"application/json; charset=utf-8")
                return Reply(status=200, fields=(kind, *step.fields), body=step.body)
            case ConfirmLogout():
                return error_reply(
                    403,
                    "Logging out needs a confirmation: the request came from another site",
                    kind=exchange.error_kind,
                    request_id=exchange.request_id,
                    fields=((b"Cache-Control", b"no-store"),),
                    title="Do you want to log out?",
                    text="Another site asked to log you out here. Nothing has happened yet.",
                    action_url=step.action,
                    action_label="Log out" if step.action else None,
                )
            case Refused():
                return self._refuse(step, exchange)

    def _assert(self, step: Allowed, exchange: Exchange) -> bytes:
        """What the upstream can verify: who the user is, said by us, to this service only."""
        assert self._assertions is not None
        return self._assertions.sign(
            subject=step.subject,
            audience=exchange.service_id or "",
            method=step.method,
            session_id=None if step.session is None else step.session.id,
        )

    def _is_own_page(self, exchange: Exchange) -> bool:
        """Tell whether a page of ours opens this WebSocket; without Origin it is no page."""
        origins = find_all(exchange.fields, b"origin")
        if not origins:
            return True
        own = build_origin(exchange.scheme, exchange.host, exchange.port)
        allowed = (own, *self._foreign_origins)
        return len(origins) == 1 and origins[0].decode("latin-1") in allowed

    def _refuse(self, step: Refused, exchange: Exchange) -> Reply:
        level = "error" if step.status >= 500 else "info"
        self._log(level, f"{step.code}: {step.detail}")
        fields = list(step.fields)
        if step.challenge:
            challenge = build_bearer_challenge(self._realm, error=step.error)
            fields.append((b"WWW-Authenticate", challenge))
        if step.retry_after_s is not None:
            fields.append((b"Retry-After", str(step.retry_after_s).encode()))
        title, text = PAGES.get(step.code, PAGES["unauthorized"])
        return error_reply(
            step.status,
            step.message,
            kind=exchange.error_kind,
            request_id=exchange.request_id,
            fields=tuple(fields),
            title=title,
            text=text,
            action_url=step.login_url,
            action_label="Sign in again" if step.login_url else None,
            extra={"login_url": step.login_url} if step.login_url else None,
        )
