"""
Operations that are answered with the API's own OperationNotEnabledException, and why.

They are about what one machine does not have: other regions, Amazon's limits and threat models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_REPLICAS: Final = "there is one region"
_LIMITS: Final = "limits are not bought here"
_SESSIONS: Final = "sessions are not tracked one by one; sign out globally instead"
_PROVIDERS: Final = "nobody signs in through other providers yet"
_EVENTS: Final = "there is no threat protection that records events"

LEFT_OUT: Final[Mapping[str, str]] = {
    "AdminDisableProviderForUser": _PROVIDERS,
    "AdminLinkProviderForUser": _PROVIDERS,
    "AdminListUserAuthEvents": _EVENTS,
    "AdminListUserSessions": _SESSIONS,
    "AdminRevokeUserSession": _SESSIONS,
    "AdminUpdateAuthEventFeedback": _EVENTS,
    "CreateUserPoolReplica": _REPLICAS,
    "DeleteUserPoolReplica": _REPLICAS,
    "GetClientToken": "use the token endpoint's client_credentials grant",
    "GetDerivedToken": "token exchange is not served",
    "GetProvisionedLimit": _LIMITS,
    "GetUserPoolClientSessionConfiguration": _SESSIONS,
    "GetUserPoolSessionConfiguration": _SESSIONS,
    "ListUserPoolReplicas": _REPLICAS,
    "ListUserSessions": _SESSIONS,
    "RevokeUserSession": _SESSIONS,
    "SetUserPoolClientSessionConfiguration": _SESSIONS,
    "SetUserPoolSessionConfiguration": _SESSIONS,
    "UpdateAuthEventFeedback": _EVENTS,
    "UpdateProvisionedLimit": _LIMITS,
    "UpdateUserPoolReplica": _REPLICAS,
}
