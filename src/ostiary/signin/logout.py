"""
Logging out: here, and at the provider.

Spec: oidc-plugin §11; OpenID Connect RP-Initiated Logout 1.0; decisions D15, D16.
"""

from __future__ import annotations

from ostiary.http.forms import MalformedForm, first, parse_form
from ostiary.http.head import find
from ostiary.oidc.rp.logout import LogoutRequest, build_logout_url, complete_logout_uri
from ostiary.signin import refusals
from ostiary.signin.arguments import Arguments, body_kind
from ostiary.signin.flow import forget_recent
from ostiary.signin.issuer import Issuers, ProviderUnavailable
from ostiary.signin.party import Party
from ostiary.signin.session import OpenedSession, SessionKeeper
from ostiary.signin.tokens import TokenClient
from ostiary.signin.values import (
    ConfirmLogout,
    Respond,
    SendAway,
    SigninRequest,
    Step,
    Toolbox,
)


def may_be_posted_logout(request: SigninRequest, party: Party) -> bool:
    """Tell whether the body must be read to know whether a request asks to log out."""
    config = party.config
    return (
        config.logout_post_arg is not None
        and request.method.decode("latin-1") in (config.logout_methods or ())
        and body_kind(request) is not None
    )


def is_logout(
    request: SigninRequest, party: Party, arguments: Arguments | None = None
) -> bool:
    """
    Tell whether a request asks to log out: by method, and by argument or path.

    Args:
        arguments: With the body's, where it was read.
    """
    config = party.config
    if request.method.decode("latin-1") not in (config.logout_methods or ()):
        return False
    if find(request.fields, b"sec-purpose") is not None or find(
        request.fields, b"purpose"
    ):
        return False  # a prefetch is nobody's wish (D15)
    if config.logout_uri_suffix and request.target.path.endswith(
        config.logout_uri_suffix
    ):
        return True
    posted = config.logout_post_arg
    if posted and arguments and first(arguments.body, posted) is not None:
        return True
    if not config.logout_query_arg or not request.target.query:
        return False
    try:
        return (
            first(parse_form(request.target.query), config.logout_query_arg) is not None
        )
    except MalformedForm:
        return False


class Logout:
    """Ends sessions at the wish of their owner."""

    def __init__(
        self,
        tools: Toolbox,
        issuers: Issuers,
        tokens: TokenClient,
        sessions: SessionKeeper,
    ) -> None:
        self._tools = tools
        self._issuers = issuers
        self._tokens = tokens
        self._sessions = sessions

    async def run(
        self, request: SigninRequest, party: Party, opened: OpenedSession | None
    ) -> Step:
        """
        End the session, and send the browser to the provider to end that one too.

        Raises:
            SharedUnavailable: The other workers could not be told, so nothing was ended.
        """
        site = find(request.fields, b"sec-fetch-site")
        if site == b"cross-site":
            again = (
                request.origin + request.target.raw
                if request.method == b"GET"
                else None
            )
            return ConfirmLogout(action=again)
        names = party.names(request.scheme)
        fields = (
            *self._sessions.delete_cookies(party, request.scheme, None),
            *forget_recent(names),
            refusals.NO_STORE,
        )
        if opened is not None:
            await self._sessions.end(party, opened.session)
        location = await self._provider_logout(party, opened)
        self._tools.log("info", "logged out")
        if location is None:
            return Respond(body=b'{"message":"logged out"}', fields=fields)
        return SendAway(status=302, location=location, why="logout", fields=fields)

    async def _provider_logout(
        self, party: Party, opened: OpenedSession | None
    ) -> str | None:
        client = party.client(opened.session.client if opened else 0)
        target = client.logout_redirect_uri if client else None
        try:
            provider = await self._issuers.load(party)
        except ProviderUnavailable as error:
            self._tools.log(
                "error", f"logging out without the provider: {error.detail}"
            )
            return target
        if opened is not None and client is not None and party.config.logout_revoke:
            session = opened.session
            if party.config.logout_revoke_refresh_token and session.refresh_token:
                await self._tokens.revoke(
                    party,
                    provider,
                    client,
                    token=session.refresh_token,
                    hint="refresh_token",
                )
            if party.config.logout_revoke_access_token:
                await self._tokens.revoke(
                    party,
                    provider,
                    client,
                    token=session.access_token,
                    hint="access_token",
                )
        if target and (completed := complete_logout_uri(target)[1]):
            self._tools.log(
                "warn", f"logout_uri has no scheme; it was completed to {completed}"
            )
        return build_logout_url(
            LogoutRequest(
                issuer=provider.metadata.issuer,
                client_id=client.client_id if client else None,
                end_session_endpoint=party.config.end_session_endpoint
                or provider.metadata.end_session_endpoint,
                logout_redirect_uri=target,
                id_token=opened.session.id_token if opened else None,
            )
        )
