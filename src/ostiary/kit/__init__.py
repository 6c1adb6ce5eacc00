"""What a plugin's author may use, and nothing else."""

from __future__ import annotations

from ostiary.http.head import Field, Fields, FoldedNames, Reply, fold_names
from ostiary.kit.authentication import (
    IDENTITY_FIELDS,
    Admitted,
    Authenticator,
    Verdict,
    admit,
    admit_anonymous,
    can_be_told,
)
from ostiary.kit.background import Background
from ostiary.kit.catalog import PROTOCOLS, Catalog, Log, PluginType, Services
from ostiary.kit.exchange import NEEDS_IO, AccessResult, Exchange, NeedsIo
from ostiary.kit.finished import Finished
from ostiary.kit.handler import (
    NO_COOKIES,
    AccessHook,
    BodyHook,
    FinishHook,
    Handler,
    Instant,
    OwnCookies,
    ResponseHook,
    TakesApplications,
)
from ostiary.kit.replies import error_reply, exit_reply, redirect_reply, refuse
from ostiary.kit.response import Response
from ostiary.model.entity import Check, Entity
from ostiary.model.words import Problem
from ostiary.ports.body import Body, BodyTooLarge
from ostiary.ports.consumers import Consumer, Consumers, Credential
from ostiary.ports.fetch import FetchFailed, FetchLimits
from ostiary.ports.session_store import StorePlace
from ostiary.ports.shared import Counters, SharedUnavailable
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
    "IDENTITY_FIELDS",
    "NEEDS_IO",
    "NO_COOKIES",
    "PROTOCOLS",
    "AccessHook",
    "AccessResult",
    "Admitted",
    "Allowed",
    "Authenticator",
    "Background",
    "Body",
    "BodyHook",
    "BodyTooLarge",
    "Catalog",
    "Check",
    "ConfirmLogout",
    "Consumer",
    "Consumers",
    "Counters",
    "Credential",
    "Entity",
    "Exchange",
    "FetchFailed",
    "FetchLimits",
    "Field",
    "Fields",
    "FinishHook",
    "Finished",
    "FoldedNames",
    "Handler",
    "Instant",
    "Log",
    "NeedsIo",
    "OpenidConnectConfig",
    "OwnCookies",
    "Party",
    "PluginType",
    "Problem",
    "Refused",
    "Reply",
    "Respond",
    "Response",
    "ResponseHook",
    "SendAway",
    "Services",
    "SharedUnavailable",
    "Signin",
    "SigninRequest",
    "Step",
    "StorePlace",
    "TakesApplications",
    "Verdict",
    "admit",
    "admit_anonymous",
    "can_be_told",
    "compile_party",
    "describe_warnings",
    "error_reply",
    "exit_reply",
    "fold_names",
    "redirect_reply",
    "refuse",
]
