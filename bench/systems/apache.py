"""
Apache: mod_proxy alone, and mod_auth_openidc with bearers and with sessions.

One child process of the event MPM with 64 threads. Sessions come from real code flows. Two
kinds: mod_auth_openidc's default (`server-cache`: a random cookie, the session in shared
memory of this one node) and `client-cookie` (the sealed session in the cookie, as ours).
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load import HOST
from bench.people import CLIENT_ID, build_request, spoil
from bench.processes import free_port, read_version
from bench.rows import SIZES, Requests, Row, Stage, always
from bench.walk import sign_in

PACKAGES = ("apache2", "libapache2-mod-auth-openidc")
MODULES = Path("/usr/lib/apache2/modules")
FLOWS = 20
MAIN = string.Template("""
ServerRoot "$folder"
ServerName $host
PidFile "$folder/httpd.pid"
DefaultRuntimeDir "$folder"
Mutex default:$folder
ErrorLog "$folder/error.log"
LogLevel warn
$modules
User www-data
Group www-data
StartServers 1
ServerLimit 1
ThreadLimit 64
ThreadsPerChild 64
MinSpareThreads 1
MaxSpareThreads 64
MaxRequestWorkers 64
MaxConnectionsPerChild 0
ListenBacklog 1024
KeepAlive On
KeepAliveTimeout 300
MaxKeepAliveRequests 0
SSLSessionCache none
SSLProtocol -all +TLSv1.2 +TLSv1.3
$hosts
""")
VIRTUAL = string.Template("""
Listen 127.0.0.1:$port
<VirtualHost 127.0.0.1:$port>
  ServerName $host
  $tls
  ProxyPass "/" "http://127.0.0.1:$upstream/"
  $auth
</VirtualHost>
""")
BEARER = string.Template("""
  OIDCOAuthVerifyCertFiles "$kid#$public_key"
  OIDCOAuthRemoteUserClaim sub
  <Location "/">
    AuthType oauth20
    Require valid-user
  </Location>
""")
SESSION = string.Template("""
  OIDCProviderMetadataURL $issuer/.well-known/openid-configuration
  OIDCClientID $client
  OIDCClientSecret bench-secret
  OIDCProviderTokenEndpointAuth client_secret_post
  OIDCPKCEMethod S256
  OIDCRedirectURI /callback
  OIDCScope "openid email profile"
  OIDCCryptoPassphrase $passphrase
  OIDCSessionInactivityTimeout 3600
  OIDCSessionType $kind
  <Location "/">
    AuthType openid-connect
    Require valid-user
  </Location>
""")
MODULE_NAMES = (
    "mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http",
    "socache_shmcb", "ssl", "auth_openidc",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One virtual host pair: a port without TLS and one with it."""

    name: str
    auth: str
    plain: int
    tls: int


def find_binary() -> str | None:
    """Where Apache is."""
    return shutil.which("apache2", path="/usr/sbin:/usr/bin")


def missing() -> tuple[str, ...]:
    """The Debian packages that are needed and not there."""
    if not find_binary():
        return PACKAGES
    return () if (MODULES / "mod_auth_openidc.so").exists() else PACKAGES[1:]


def _versions() -> tuple[str, str]:
    """Of Apache, and of mod_auth_openidc as its module says."""
    binary = find_binary()
    assert binary is not None
    module = (MODULES / "mod_auth_openidc.so").read_bytes()
    found = re.search(rb"mod_auth_openidc-(\d[\d.]*)", module)
    openidc = found[1].decode() if found else "unknown"
    return read_version([binary, "-v"], r"Apache/(\S+)"), openidc


def _write(stage: Stage, cases: list[_Case]) -> Path:
    folder = stage.folder / "apache"
    folder.mkdir(mode=0o711)
    secure = (
        f"SSLEngine on\n  SSLCertificateFile {stage.certificate}\n"
        f"  SSLCertificateKeyFile {stage.key}"
    )
    hosts = [
        VIRTUAL.substitute(
            port=port, host=HOST, tls=tls, auth=case.auth, upstream=stage.upstream_port
        )
        for case in cases
        for port, tls in ((case.plain, ""), (case.tls, secure))
    ]
    modules = [f"LoadModule {n}_module {MODULES / f'mod_{n}.so'}" for n in MODULE_NAMES]
    path = folder / "httpd.conf"
    path.write_text(
        MAIN.substitute(
            folder=folder, host=HOST, modules="\n".join(modules), hosts="\n".join(hosts)
        )
    )
    return path


def _sessions(stage: Stage, port: int, *, tls: bool, path: str) -> list[bytes]:
    """Requests with the sessions of freshly signed-in people."""
    url = f"{'https' if tls else 'http'}://{HOST}:{port}/64"
    cookies = [
        sign_in(url, stage.provider.issuer, n, stage.client_tls)[0]
        for n in range(FLOWS)
    ]
    return [
        build_request(path, f"Cookie: {cookie}", host=f"{HOST}:{port}")
        for cookie in cookies
    ]


def _again(stage: Stage, port: int, *, tls: bool, path: str) -> Requests:
    """Sign in before every round, so that no cookie is due to be written again in it."""
    return lambda _: _sessions(stage, port, tls=tls, path=path)


def _kept(stage: Stage, port: int, *, tls: bool, path: str) -> Requests:
    """Sign in once; the sessions stay in the server's memory."""
    made: list[Sequence[bytes]] = []

    def requests(_: int) -> Sequence[bytes]:
        if not made:
            made.append(_sessions(stage, port, tls=tls, path=path))
        return made[0]

    return requests


def _refused_sessions(path: str) -> tuple[bytes, ...]:
    script = ("X-Requested-With: XMLHttpRequest", "Accept: application/json")
    forged = "Cookie: mod_auth_openidc_session=7c0ff1e5-0000-4000-8000-000000000000"
    return build_request(path, *script), build_request(path, *script, forged)


def _bearers(stage: Stage, path: str) -> tuple[Requests, tuple[bytes, ...]]:
    tokens = [person.access for person in stage.people]
    requests = [build_request(path, f"Authorization: Bearer {t}") for t in tokens]
    forged = build_request(path, f"Authorization: Bearer {spoil(tokens[0])}")
    return always(*requests), (build_request(path), forged)


def _cases(stage: Stage) -> list[_Case]:
    public_key = stage.folder / "provider.pem"
    public_key.write_bytes(stage.provider.public_pem())
    values = {
        "issuer": stage.provider.issuer,
        "kid": stage.provider.key.kid,
        "public_key": public_key,
        "client": CLIENT_ID,
        "passphrase": os.urandom(16).hex(),
    }
    auths = {
        "plain": "",
        "bearer": BEARER.substitute(values),
        "session": SESSION.substitute(values, kind="server-cache"),
        "session in cookie": SESSION.substitute(values, kind="client-cookie"),
    }
    return [
        _Case(name=name, auth=auth, plain=free_port(), tls=free_port())
        for name, auth in auths.items()
    ]


def start(stage: Stage) -> list[Row]:
    """Start Apache with all its cases; their rows."""
    cases = _cases(stage)
    binary = find_binary()
    assert binary is not None
    process = stage.children.start(
        "apache", binary, "-f", str(_write(stage, cases)), "-DFOREGROUND"
    )
    ports = itertools.chain.from_iterable((case.plain, case.tls) for case in cases)
    stage.children.wait_for(process, *ports)
    apache, openidc = _versions()
    rows = []
    for case in cases:
        for target in stage.targets(case.plain, case.tls):
            path = SIZES[target.reply_bytes]
            refused: tuple[bytes, ...] = ()
            requests = always(build_request(path))
            if case.name == "bearer":
                requests, refused = _bearers(stage, path)
            elif case.name != "plain":
                make = _kept if case.name == "session" else _again
                requests = make(
                    stage, target.port, tls=target.tls is not None, path=path
                )
                refused = _refused_sessions(path)
            is_plain = case.name == "plain"
            rows.append(
                Row(
                    system="apache" if is_plain else "mod_auth_openidc",
                    version=apache if is_plain else f"{openidc}, Apache {apache}",
                    case=case.name,
                    target=target,
                    root=process.pid,
                    requests=requests,
                    refused=refused,
                )
            )
    return rows
