"""The user pool as a process of its own: its own database, its own keys."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from ostiary.adapters.shared.socket import SocketShared
from ostiary.adapters.smtp import SmtpMailer
from ostiary.adapters.sql import open_store
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.adapters.triggers import LocalTriggers, load_function
from ostiary.node.certificate import default_certificate
from ostiary.node.role import (
    READY_CHANNEL,
    Orders,
    build_ready,
    read_orders,
    start_logging,
    wait_for_end,
)
from ostiary.node.serving import serve_site
from ostiary.node.tls import build_tls
from ostiary.settings import Settings
from ostiary.userpool.app import create_app
from ostiary.userpool.config import UserPoolConfig
from ostiary.userpool.testing.tools import build_testing

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
                database_key=orders.database_key,
                issuer_base=issuer_base(settings),
                domain_suffix=settings.userpool_domain_suffix,
                domain_port=settings.userpool_domain_port or tls_port(settings),
                region=settings.userpool_region,
                strict=settings.userpool_strict,
            )
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
    asyncio.run(run(orders))


if __name__ == "__main__":
    main()
