"""What a plugin's author may use, and nothing else."""

from __future__ import annotations

from ostiary.http.head import Field, Fields, FoldedNames, Reply, fold_names
from ostiary.kit.catalog import Catalog, PluginType, Services
from ostiary.kit.exchange import (
    NEEDS_IO,
    AccessResult,
    Exchange,
    Handler,
    NeedsIo,
    OwnCookies,
)
from ostiary.kit.replies import error_reply, redirect_reply
from ostiary.model.fields import Entity
from ostiary.ports.body import Body
from ostiary.signin.authenticate import Signin
from ostiary.signin.party import Party, compile_party
from ostiary.signin.schema import OpenidConnectConfig, describe_warnings
from ostiary.signin.values import (
    Allowed,
    ConfirmLogout,
    Refused,
    Respond,
    SendAway,
    SigninRequest,
    Step,
)

__all__ = [
    "NEEDS_IO",
    "AccessResult",
    "Allowed",
    "Body",
    "Catalog",
    "ConfirmLogout",
    "Entity",
    "Exchange",
    "Field",
    "Fields",
    "FoldedNames",
    "Handler",
    "NeedsIo",
    "OpenidConnectConfig",
    "OwnCookies",
    "Party",
    "PluginType",
    "Refused",
    "Reply",
    "Respond",
    "SendAway",
    "Services",
    "Signin",
    "SigninRequest",
    "Step",
    "compile_party",
    "describe_warnings",
    "error_reply",
    "fold_names",
    "redirect_reply",
]
