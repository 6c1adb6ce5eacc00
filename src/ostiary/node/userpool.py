"""The user pool as a process of its own: its own database, its own keys."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from pathlib import Path

import uvloop
import yaml

from ostiary.adapters.shared.socket import SocketShared
from ostiary.adapters.smtp import SmtpMailer
from ostiary.adapters.sql.pool_store import open_store
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.adapters.triggers import LocalTriggers, TriggerMissing, load_function
from ostiary.node.certificate import default_certificate
from ostiary.node.role import (
    LEVELS,
    READY_CHANNEL,
    Orders,
    build_ready,
    read_orders,
    start_logging,
    wait_for_end,
)
from ostiary.node.secrets import SecretsUnsafe, open_console_token
from ostiary.node.serving import serve_site
from ostiary.node.tls import build_tls
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.settings import Settings, is_loopback
from ostiary.userpool.app import create_app
from ostiary.userpool.config import (
    ConsoleConfig,
    LoopbackOnly,
    TokenSignIn,
    UserPoolConfig,
)
from ostiary.userpool.limits import Limits
from ostiary.userpool.seed import SeedInvalid, apply_seed
from ostiary.userpool.testing.tools import build_testing
from ostiary.web.buckets import Buckets

ERRANDS_WITHIN_S = 5.0
_LOG = logging.getLogger("ostiary.userpool")


def tls_port(settings: Settings) -> int | None:
    """The port of the hosted pages."""
    return next((a.port for a in settings.userpool_listen if a.tls), None)


def issuer_base(settings: Settings) -> str:
    """What issuers start with."""
    if settings.userpool_issuer_base:
        return settings.userpool_issuer_base.rstrip("/")
    port = tls_port(settings)
    if port is not None:
        return f"https://cognito-idp.localhost:{port}"
    plain = settings.userpool_listen[0]
    return f"http://{plain.host}:{plain.port}"


def certificate(settings: Settings, prefix: Path) -> tuple[Path, Path]:
    """The certificate of the pool's TLS port."""
    if settings.userpool_ssl_cert and settings.userpool_ssl_cert_key:
        return Path(settings.userpool_ssl_cert), Path(settings.userpool_ssl_cert_key)
    return default_certificate(settings, prefix)


def build_mailer(settings: Settings) -> SmtpMailer:
    """Who takes mail and short messages."""
    return SmtpMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_sender,
        username=settings.smtp_username,
        password=settings.smtp_password,
        start_tls=settings.smtp_starttls or None,
        use_tls=settings.smtp_ssl,
        sms_domain=settings.userpool_sms_domain,
    )


def build_triggers(settings: Settings) -> LocalTriggers:
    """
    What runs for the pools' triggers.

    Raises:
        TriggerMissing: A function is not there.
    """
    return LocalTriggers(
        {
            name: target if "://" in target else load_function(target)
            for name, target in settings.userpool_triggers
        }
    )


def read_seed(path: Path) -> object:
    """
    What a seed file says.

    Raises:
        SeedInvalid: It cannot be read, or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SeedInvalid(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SeedInvalid(f"{path} is no YAML: {error}") from error


def build_console(settings: Settings, prefix: Path) -> ConsoleConfig | None:
    """
    The console, if there is one: open where the API is and nobody else comes, else behind its token.

    Spec: decision 0029.

    Raises:
        SecretsUnsafe: The token can be read by others.
    """
    if not settings.userpool_console:
        return None
    is_private = all(is_loopback(address) for address in settings.userpool_listen)
    if is_private and not settings.userpool_credentials:
        access: LoopbackOnly | TokenSignIn = LoopbackOnly()
    else:
        access = TokenSignIn(token=open_console_token(prefix))
        _LOG.log(
            LEVELS["notice"],
            "the console asks for a token; print it with: ostiary userpool console-token",
        )
    return ConsoleConfig(access=access, mailbox_url=settings.userpool_mailbox_url)


async def run(orders: Orders) -> None:
    """Serve until the end."""
    settings = orders.settings
    folder = orders.prefix / "userpool"
    folder.mkdir(mode=0o700, exist_ok=True)
    url = settings.userpool_database or f"sqlite+aiosqlite:///{folder / 'pool.db'}"
    tls = build_tls(settings, *certificate(settings, orders.prefix))
    sockets = orders.take_sockets("userpool")
    testing = build_testing(SystemClock()) if settings.userpool_testing else None
    triggers = build_triggers(settings)
    async with open_store(url) as store:
        app = create_app(
            UserPoolConfig(
                store=store,
                clock=testing.clock if testing else SystemClock(),
                entropy=SystemEntropy(),
                mailer=testing.outbox if testing else build_mailer(settings),
                testing=testing,
                triggers=triggers,
                console=build_console(settings, orders.prefix),
                credentials=dict(settings.userpool_credentials),
                limits=Limits(
                    clients=Buckets(settings.userpool_client_rate),
                    addresses=Buckets(settings.userpool_address_rate),
                ),
                database_key=orders.database_key,
                issuer_base=issuer_base(settings),
                domain_suffix=settings.userpool_domain_suffix,
                domain_port=settings.userpool_domain_port or tls_port(settings),
                region=settings.userpool_region,
                strict=settings.userpool_strict,
            )
        )
        if settings.userpool_seed is not None:
            await apply_seed(
                app.state.services, read_seed(Path(settings.userpool_seed)), _LOG.info
            )
        async with serve_site(app, sockets, tls=tls):
            shared = SocketShared(orders.node_socket)
            await shared.connect()
            await shared.publish(READY_CHANNEL, build_ready("userpool"))
            await wait_for_end()
            await shared.close()
        # Mail that was promised on a page is handed over before the store closes.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ERRANDS_WITHIN_S):
                await app.state.errands.close()
    await triggers.close()


def main() -> None:
    """Run the user pool's process."""
    orders = read_orders()
    start_logging(orders, orders.settings.admin_error_log)
    try:
        uvloop.run(run(orders))
    except (SeedInvalid, TriggerMissing, StoreUnavailable, SecretsUnsafe) as error:
        _LOG.error("the user pool cannot start: %s", error)
        sys.exit(f"Error: the user pool cannot start: {error}")


if __name__ == "__main__":
    main()
