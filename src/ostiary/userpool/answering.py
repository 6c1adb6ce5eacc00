"""
What a signed-in person's browser takes back to the client: a code, tokens, or an error.

Spec: RFC 6749 §4.1.2, §4.2.2; cognito §1.3.
"""

from __future__ import annotations

from ostiary.model.pool import Pool, PoolClient, User
from ostiary.oidc.op.authorize import (
    AuthorizationRequest,
    build_code_redirect,
    build_error_redirect,
    build_token_redirect,
    refuse,
)
from ostiary.oidc.op.errors import TokenRefused
from ostiary.userpool import grants
from ostiary.userpool.services import Services


async def answer_request(
    services: Services,
    pool: Pool,
    stored: PoolClient,
    user: User,
    request: AuthorizationRequest,
    *,
    auth_time: int,
) -> str:
    """Where the browser goes with the answer to a checked request."""
    if not request.in_fragment:
        code = await grants.issue_code(services, user, request, auth_time=auth_time)
        return build_code_redirect(request, code)
    grant = grants.build_grant(services, user, request, auth_time=auth_time)
    try:
        tokens = await grants.issue_tokens(services, pool, stored, grant)
    except TokenRefused as error:
        return build_error_redirect(refuse(request, "invalid_request", error.public))
    # Never a refresh token: it would stay in the browser's history.
    await services.config.store.add_grant(grant, None)
    identity = tokens.get("id_token")
    return build_token_redirect(
        request,
        id_token=None if identity is None else str(identity),
        access_token=str(tokens["access_token"]),
        expires_in_s=stored.settings.access_token_s,
    )
