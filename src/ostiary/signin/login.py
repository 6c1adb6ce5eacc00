"""
The authorization code flow of a party begins: where the browser is sent, and with what.

Spec: OpenID Connect Core 1.0 §3.1.2; RFC 9700 §2.1; oidc-plugin §9.1-9.3; decisions D1, D2, D8.
"""

from __future__ import annotations

from ostiary.http.cookies import parse_cookies
from ostiary.http.forms import MalformedForm, Pairs, parse_form
from ostiary.http.head import Field, find_all
from ostiary.jose.encoding import encode_base64url
from ostiary.oidc.rp.authorization import AuthorizationRequest, build_authorization_url
from ostiary.signin import refusals
from ostiary.signin.flow import (
    LOOP_AFTER,
    LOOP_WINDOW_S,
    SECRET_BYTES,
    Flow,
    build_flow_id,
    count_recent,
    derive_secrets,
    find_cause,
    forget_recent,
    hash_secret,
    seal_state,
    start_cookies,
)
from ostiary.signin.issuer import Issuers
from ostiary.signin.party import Client, Party
from ostiary.signin.session import SessionKeeper
from ostiary.signin.values import SendAway, SigninRequest, Step, Toolbox

STATE = b"ostiary flow state"
SECRETS = b"ostiary flow secrets"


def derive_redirect_uri(request: SigninRequest, party: Party) -> str:
    """
    The redirect URI of a request when none is configured (decision D8).

    The route's plain prefix, so that one URI can be registered for all paths below it.
    """
    from_request = (
        party.config.ostiary and party.config.ostiary.redirect_uri_from == "request"
    )
    if request.route_prefix is None or from_request:
        return request.origin + request.target.raw_path
    return request.origin + request.route_prefix.rstrip("/")


def _from_client(request: SigninRequest, allowed: tuple[str, ...] | None) -> Pairs:
    if not allowed or not request.target.query:
        return ()
    try:
        pairs = parse_form(request.target.query)
    except MalformedForm:
        return ()
    return tuple((k, v) for k, v in pairs if k in allowed)


class Login:
    """Begins sign-ins."""

    def __init__(
        self, tools: Toolbox, issuers: Issuers, sessions: SessionKeeper
    ) -> None:
        self._tools = tools
        self._issuers = issuers
        self._sessions = sessions

    def is_callback_path(self, request: SigninRequest, party: Party) -> bool:
        """Tell whether authorization responses of this party arrive at this path."""
        client = party.client(0)
        if client is None:
            return False
        configured = [c.redirect_uri for c in party.clients if c.redirect_uri]
        expected = configured or [derive_redirect_uri(request, party)]
        here = request.origin + request.target.raw_path
        return any(
            here.rstrip("/") == uri.partition("?")[0].rstrip("/") for uri in expected
        )

    async def begin(
        self,
        request: SigninRequest,
        party: Party,
        *,
        client: int = 0,
        fields: tuple[Field, ...] = (),
    ) -> Step:
        """
        Send the browser to the provider, as one of the clients.

        Raises:
            ProviderUnavailable, SharedUnavailable, FlowInvalid.
        """
        names = party.names(request.scheme)
        cookies = parse_cookies(find_all(request.fields, b"cookie"))
        if count_recent(names, cookies) >= LOOP_AFTER:
            return refusals.loop(
                find_cause(names, cookies),
                f"{LOOP_AFTER} sign-ins within {LOOP_WINDOW_S} s",
                login_url=request.origin + request.target.raw_path,
                fields=forget_recent(names),
            )
        provider = await self._issuers.load(party)
        endpoint = (
            party.config.authorization_endpoint
            or provider.metadata.authorization_endpoint
        )
        who = party.client(client)
        if endpoint is None or who is None:
            return refusals.unexpected(
                party,
                who,
                code="provider_unreachable",
                detail="no authorization_endpoint",
            )
        now = self._tools.clock.now()
        secret = encode_base64url(self._tools.entropy.bytes(SECRET_BYTES))
        flow = Flow(
            id=build_flow_id(now, self._tools.entropy.bytes(6)),
            target=request.target.raw,
            client=client,
            started_at=int(now),
            redirect_uri=who.redirect_uri or derive_redirect_uri(request, party),
            secret_hash=hash_secret(secret),
        )
        location = self._authorization_url(endpoint, party, who, flow, secret, request)
        self._tools.log("info", "redirecting client to openid connect provider")
        return SendAway(
            status=302,
            location=location,
            why="login",
            fields=(
                *fields,
                *start_cookies(names, flow.id, secret, cookies),
                refusals.NO_STORE,
            ),
        )

    def _authorization_url(
        self,
        endpoint: str,
        party: Party,
        client: Client,
        flow: Flow,
        secret: str,
        request: SigninRequest,
    ) -> str:
        config = party.config
        sealer = self._sessions.sealer(party, STATE)
        secrets = derive_secrets(
            self._sessions.sealer(party, SECRETS).key(sealer.current_id), secret
        )
        extra = tuple(
            zip(
                config.authorization_query_args_names or (),
                config.authorization_query_args_values or (),
                strict=False,
            )
        )
        return build_authorization_url(
            endpoint,
            AuthorizationRequest(
                client_id=client.client_id,
                redirect_uri=flow.redirect_uri,
                state=seal_state(
                    flow,
                    sealer,
                    binding=party.instance.encode(),
                    nonce=self._tools.entropy.bytes(12),
                ),
                nonce=secrets.nonce,
                response_mode=config.response_mode,
                scope=" ".join(config.scopes or ()) or None,
                verifier=secrets.verifier
                if config.require_proof_key_for_code_exchange is not False
                else None,
                max_age_s=None if config.max_age is None else int(config.max_age),
                audience=" ".join(config.audience or ()) or None,
                extra=(
                    *extra,
                    *_from_client(request, config.authorization_query_args_client),
                ),
            ),
        )
