"""Certificates by the name a client asks for, over real TLS, changed while it serves."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from ostiary.gateway.certificates import CertificateTable, Served
from ostiary.gateway.decision import KeyPair
from ostiary.node.tls import build_server_tls
from ostiary.proxy.tls import ServerTls, load_pair
from ostiary.settings import Settings
from tests.proxy.certificates import Issued, issue, public_pem
from tests.proxy.support import RawClient, Stage, always_ok, get

AUTHORITY = issue("authority.test", ca=True)
SHOP = issue("shop.test", "gate.test", by=AUTHORITY)
SHOP_AGAIN = issue("shop.test", "gate.test", by=AUTHORITY)
SHOP_RSA = issue("shop.test", "gate.test", by=AUTHORITY, kind="RSA")


def pair(issued: Issued) -> KeyPair:
    return KeyPair(cert=issued.pem, key=issued.key_pem)


def table(name: str, *issued: Issued, identity: str = "1") -> CertificateTable:
    served = Served(id=identity, pairs=tuple(pair(one) for one in issued))
    return CertificateTable(certificates={identity: served}, names={name: identity})


class Built:
    """Counts the contexts that are made."""

    def __init__(self, tls: ServerTls) -> None:
        self.count = 0
        self._inner = tls._build
        tls._build = self

    def __call__(self, served: Served) -> ssl.SSLContext:
        self.count += 1
        return self._inner(served)


async def serve(stage: Stage, cert: Path) -> ServerTls:
    upstream = await stage.upstream(always_ok)
    tls = build_server_tls(Settings(), cert, cert)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, upstream.port), tls=tls.context
    )
    return tls


def asking(cert: Path, ciphers: str | None = None) -> ssl.SSLContext:
    """A client that trusts our authority, and the listener's own certificate."""
    context = ssl.create_default_context(cadata=AUTHORITY.pem + public_pem(cert))
    if ciphers is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    return context


def shown(client: RawClient) -> bytes:
    thing: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
    found = thing.getpeercert(binary_form=True)
    assert found is not None
    return found


def der(issued: Issued) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.pem)


def own(cert: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(public_pem(cert))


@pytest.mark.spec("Kong#1.8")
async def test_a_known_name_gets_its_certificate_and_others_the_listeners_own(
    stage: Stage, cert: Path
) -> None:
    tls = await serve(stage, cert)
    tls.serve(table("gate.test", SHOP))

    client = await stage.client(tls=asking(cert))
    await client.ask(get())

    assert shown(client) == der(SHOP)
    assert stage.decider.peers[0].sni == "gate.test"

    tls.serve(table("other.test", SHOP))

    assert shown(await stage.client(tls=asking(cert))) == own(cert)


@pytest.mark.spec("Kong#1.8")
async def test_a_new_certificate_is_for_new_handshakes_and_drops_nobody(
    stage: Stage, cert: Path
) -> None:
    tls = await serve(stage, cert)
    tls.serve(table("*", SHOP))
    old = await stage.client(tls=asking(cert))
    before = await old.ask(get())

    tls.serve(table("*", SHOP_AGAIN))
    new = await stage.client(tls=asking(cert))
    answers = [before, await old.ask(get()), await new.ask(get())]

    assert [body for _, body in answers] == [b"ok"] * 3
    assert (shown(old), shown(new)) == (der(SHOP), der(SHOP_AGAIN))


async def test_a_context_is_made_once_for_each_certificate(
    stage: Stage, cert: Path
) -> None:
    tls = await serve(stage, cert)
    built = Built(tls)
    tls.serve(table("*", SHOP))
    for _ in range(3):
        await stage.client(tls=asking(cert))
    tls.serve(table("*.test", SHOP))
    await stage.client(tls=asking(cert))

    assert built.count == 1

    tls.serve(table("*.test", SHOP_AGAIN))
    await stage.client(tls=asking(cert))

    assert built.count == 2


@pytest.mark.spec("Kong#1.8")
@pytest.mark.parametrize(
    ("ciphers", "expected"), [("ECDHE-RSA", SHOP_RSA), ("ECDHE-ECDSA", SHOP)]
)
async def test_a_client_gets_the_kind_of_key_that_it_can_use(
    stage: Stage, cert: Path, ciphers: str, expected: Issued
) -> None:
    tls = await serve(stage, cert)
    tls.serve(table("*", SHOP_RSA, SHOP))
    context = asking(cert, f"{ciphers}-AES128-GCM-SHA256")

    assert shown(await stage.client(tls=context)) == der(expected)


async def test_a_certificate_that_cannot_be_read_leaves_the_listeners_own(
    stage: Stage, cert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = await serve(stage, cert)
    broken = Served(id="1", pairs=(KeyPair(cert=SHOP.pem, key=SHOP_AGAIN.key_pem),))
    tls.serve(CertificateTable(certificates={"1": broken}, names={"*": "1"}))

    assert shown(await stage.client(tls=asking(cert))) == own(cert)
    assert "PRIVATE" not in caplog.text
    assert "certificate 1 cannot be served" in caplog.text


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_key_touches_no_disk_or_is_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[tuple[Sequence[Path], int]] = []

    class Watched(ssl.SSLContext):
        def load_cert_chain(self, certfile: str, *rest: object, **more: object) -> None:  # type: ignore[override]  # watched
            seen.append(
                (list(tmp_path.iterdir()), Path(certfile).stat().st_mode & 0o077)
            )
            super().load_cert_chain(certfile, *rest, **more)  # type: ignore[arg-type]  # passed on

    load_pair(Watched(ssl.PROTOCOL_TLS_SERVER), pair(SHOP))

    files, others = seen[0]
    assert (files == []) == in_memory
    assert in_memory or others == 0
    assert list(tmp_path.iterdir()) == []


def test_an_encrypted_key_is_refused_without_asking_anybody() -> None:
    from cryptography.hazmat.primitives import serialization

    locked = SHOP.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()

    with pytest.raises(OSError, match="encrypted"):
        load_pair(
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), KeyPair(cert=SHOP.pem, key=locked)
        )
