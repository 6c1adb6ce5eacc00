"""What a user-pool site is given: its ports, its names, its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ostiary.jose.keys import PrivateKey
from ostiary.ports.clock import Clock, Entropy
from ostiary.ports.mail import Mailer
from ostiary.ports.pool_store import PoolStore
from ostiary.ports.triggers import Event, TriggerHost, TriggerUnavailable
from ostiary.userpool.limits import Limits
from ostiary.userpool.testing.tools import TestingTools
from ostiary.web.buckets import Buckets
from ostiary.web.hashes import HashCost


class NoTriggers:
    """A host that knows no trigger at all."""

    async def invoke(self, arn: str, event: Event) -> object:
        del event
        raise TriggerUnavailable(f"no trigger is set up for {arn}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopbackOnly:
    """Nobody signs in at the console, and it answers loopback names only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSignIn:
    """Whoever opens the console shows this token first."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig:
    """Who may open the console, and where people find the mail that pools send."""

    access: LoopbackOnly | TokenSignIn
    mailbox_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPoolConfig:
    """
    Everything `create_app` needs.

    Args:
        issuer_base: A pool's issuer is this, a slash and the pool id.
        domain_suffix: Hosted pages live at `https://<prefix>.<domain_suffix>[:domain_port]`.
        domain_port: None where the port is 443.
        database_key: 32 bytes that seal signing keys, client secrets and page tokens.
        credentials: Secret access keys by id; with any, signatures are verified.
        limits: How often each client and address may call.
        make_key: Makes a signing key for a key id.
        hash_cost: What hashing a password takes; as much is done where there is none.
        strict: Copy Cognito where the lenient default is kinder: read lists are literal,
            logout accepts only Cognito's own forms.
        console: None where there is none.
    """

    store: PoolStore
    clock: Clock
    entropy: Entropy
    mailer: Mailer
    database_key: bytes = field(repr=False)
    issuer_base: str
    domain_suffix: str
    domain_port: int | None = None
    region: str = "ap-southeast-1"
    strict: bool = False
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: Limits = field(
        default_factory=lambda: Limits(clients=Buckets(0), addresses=Buckets(0)),
        repr=False,
    )
    make_key: Callable[[str], PrivateKey] = PrivateKey.generate_rsa
    hash_cost: HashCost = field(default_factory=HashCost)
    testing: TestingTools | None = field(default=None, repr=False)
    triggers: TriggerHost = field(default_factory=NoTriggers, repr=False)
    console: ConsoleConfig | None = None

    def issuer(self, pool_id: str) -> str:
        """The issuer of a pool's tokens."""
        return f"{self.issuer_base}/{pool_id}"

    def domain_url(self, domain: str | None) -> str | None:
        """Where a domain's hosted pages are: a prefix of ours, or a whole name, which has dots."""
        if domain is None:
            return None
        host = domain if "." in domain else f"{domain}.{self.domain_suffix}"
        port = "" if self.domain_port in {None, 443} else f":{self.domain_port}"
        return f"https://{host}{port}"
