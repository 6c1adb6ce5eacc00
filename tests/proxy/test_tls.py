"""TLS on both sides, with certificates made here."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ostiary.gateway.decision import Target
from tests.proxy.support import Stage, always_ok, get, to_tls


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for gate.test and app.test, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("gate.test"), x509.DNSName("app.test")]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_context(cert: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    return context


def public_pem(cert: Path) -> str:
    text = cert.read_text()
    return text[text.index("-----BEGIN CERT") :]


async def test_a_tls_listener_serves_and_tells_the_name_asked_for(
    stage: Stage, cert: Path
) -> None:
    upstream = await stage.upstream(always_ok)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, upstream.port),
        tls=server_context(cert),
    )
    client = await stage.client(tls=ssl.create_default_context(cafile=str(cert)))

    answers = [await client.ask(get()) for _ in range(3)]
    peer = stage.decider.peers[0]

    assert [body for _, body in answers] == [b"ok"] * 3
    assert peer.tls
    assert peer.sni == "gate.test"
    assert peer.ip == "127.0.0.1"


@pytest.mark.spec("RFC6125#6")
@pytest.mark.parametrize(
    ("name", "trust", "verify", "status"),
    [
        ("app.test", "gateway", True, 200),
        ("app.test", "target", True, 200),
        ("app.test", "none", True, 502),
        ("other.test", "gateway", True, 502),
        ("other.test", "none", False, 200),
    ],
)
async def test_upstream_certificates_are_verified(
    stage: Stage, cert: Path, name: str, trust: str, verify: bool, status: int
) -> None:
    upstream = await stage.upstream(always_ok, tls=server_context(cert))
    pem = public_pem(cert)
    target = Target(
        host="127.0.0.1",
        port=upstream.port,
        tls=to_tls(name, verify=verify, ca_pem=pem if trust == "target" else None),
    )
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target),
        ca_pem=pem if trust == "gateway" else None,
    )
    client = await stage.client()

    for _ in range(2):
        head, _ = await client.ask(get())
        assert head.startswith(b"HTTP/1.1 %d " % status)
    assert status == 502 or upstream.connections == 1
