"""
Apache with mod_auth_openidc, a certified relying party, in front of the echo upstream.

One process with a private configuration and a virtual host for every way of being configured.
Each host is an app client of the pool, and is told to trust the node's authority and no other.
Not for `bench`, which compares its speed: here it is the pool that is looked at.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import string
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from ostiary.adapters.certificates import make_leaf, read_pair, write_pair
from tests.interop.app_clients import AppClient, make_app_client
from tests.interop.clients import WRONG_SECRET
from tests.interop.stage import Stage, until

MODULES = Path("/usr/lib/apache2/modules")
MODULE_NAMES = (
    "mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http",
    "socache_shmcb", "ssl", "auth_openidc",
)  # fmt: skip
MISSING = (
    "Apache with mod_auth_openidc is not installed; "
    "install Debian's packages apache2-bin and libapache2-mod-auth-openidc"
)
DOMAIN = "apache.localhost"
CALLBACK = "/callback"
LEFT = "/left"
STOP_S = 15
MAIN = string.Template("""
ServerRoot "$folder"
ServerName $domain
PidFile "$folder/httpd.pid"
DefaultRuntimeDir "$folder"
Mutex default:$folder
ErrorLog "$folder/error.log"
LogLevel warn
$modules
$identity
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MinSpareThreads 1
MaxSpareThreads 8
MaxRequestWorkers 8
KeepAlive Off
SSLSessionCache none
SSLProtocol -all +TLSv1.2 +TLSv1.3
Listen 127.0.0.1:$port
$hosts
""")
HOST = string.Template("""
<VirtualHost 127.0.0.1:$port>
  ServerName $host
  SSLEngine on
  SSLCertificateFile "$folder/apache.pem"
  SSLCertificateKeyFile "$folder/apache.key"
  $trust
  OIDCSSLValidateServer On
  ProxyPass $callback !
  ProxyPass / $upstream/
  $rules
</VirtualHost>
""")
DISCOVERED = "OIDCProviderMetadataURL $issuer/.well-known/openid-configuration"
STATED = """
  OIDCProviderIssuer $issuer
  OIDCProviderJwksUri $issuer/.well-known/jwks.json
  OIDCProviderAuthorizationEndpoint $pages/oauth2/authorize
  OIDCProviderTokenEndpoint $pages/oauth2/token
  OIDCProviderUserInfoEndpoint $pages/oauth2/userInfo
"""
SIGN_IN = """
  OIDCClientID $client_id
  $secret
  OIDCProviderTokenEndpointAuth $method
  OIDCCryptoPassphrase $passphrase
  OIDCRedirectURI $callback
  OIDCScope "openid email profile"
  OIDCPassUserInfoAs claims json
  OIDCInfoHook access_token id_token userinfo refresh_token
  <Location "/">
    AuthType openid-connect
    Require valid-user
  </Location>
  <Location "$left">
    AuthType None
    Require all granted
  </Location>
"""
# Cognito's access tokens have no `aud`: what they are and whom they were made for is here.
BEARERS = """
  OIDCOAuthVerifyJwksUri $issuer/.well-known/jwks.json
  OIDCOAuthSSLValidateServer On
  <Location "/">
    AuthType oauth20
    <RequireAll>
      Require claim token_use:access
      Require claim client_id:$friend
    </RequireAll>
  </Location>
"""
S256 = "OIDCPKCEMethod S256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A virtual host: what it knows of the pool, and how it proves itself there."""

    rules: str = DISCOVERED + SIGN_IN
    more: str = ""
    method: str = "client_secret_basic"
    trusts_us: bool = True
    secret: str | None = field(default=None, repr=False)


HOSTS = {
    "basic": Host(),
    "post": Host(method="client_secret_post", more=S256),
    "public": Host(method="none", more=S256),
    "impostor": Host(secret=WRONG_SECRET),
    "doubting": Host(trusts_us=False),
    # Longer than an access token lives, so that each visit refreshes it.
    "fresh": Host(more="OIDCRefreshAccessTokenBeforeExpiry 86400 logout_on_error"),
    "ending": Host(
        rules=STATED + SIGN_IN, more='OIDCProviderEndSessionEndpoint "$leaving"'
    ),
    "linking": Host(
        rules=STATED + SIGN_IN, more="OIDCRedirectURLsAllowed ^$pages/logout[?]"
    ),
    "greedy": Host(more='OIDCScope "openid phone"'),
    "api": Host(rules=BEARERS),
}
# Whose access tokens `api` takes.
FRIEND = "basic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Apache:
    """The server's addresses, its app clients, and what it has written."""

    folder: Path
    port: int
    clients: dict[str, AppClient] = field(default_factory=dict)

    def url(self, host: str, path: str = "/anything") -> str:
        """A page of a host, which is protected unless it is said otherwise."""
        return f"https://{host}.{DOMAIN}:{self.port}{path}"

    def call_back(self, host: str, **query: str) -> str:
        """The host's redirect URI, which has several purposes."""
        return f"{self.url(host, CALLBACK)}?{urlencode(query)}"

    def leaving(self, stage: Stage, host: str) -> str:
        """The pool's sign-out address as Cognito's manual has it."""
        query = {
            "client_id": self.clients[host].client_id,
            "logout_uri": self.url(host, LEFT),
        }
        return f"{stage.node.site.hosted_ui}/logout?{urlencode(query)}"

    def log(self) -> str:
        """What it has complained about."""
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""


def find_binary() -> str | None:
    """Where Apache is, if it has the module too."""
    found = shutil.which("apache2", path="/usr/sbin:/usr/bin")
    return found if (MODULES / "mod_auth_openidc.so").is_file() else None


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def build_host(stage: Stage, apache: Apache, name: str) -> str:
    """The configuration of one host."""
    host, client = HOSTS[name], apache.clients[name]
    secret = host.secret or client.client_secret
    values = {
        "folder": apache.folder,
        "port": apache.port,
        "host": f"{name}.{DOMAIN}",
        "upstream": stage.node.site.upstream,
        "trust": f'OIDCCABundlePath "{apache.folder}/ca.pem"' if host.trusts_us else "",
        "callback": CALLBACK,
        "left": LEFT,
        "issuer": stage.made.issuer(stage.node.site),
        "pages": stage.node.site.hosted_ui,
        "leaving": apache.leaving(stage, name),
        "client_id": client.client_id,
        "friend": apache.clients[FRIEND].client_id,
        "secret": f"OIDCClientSecret {secret}" if secret else "",
        "method": host.method,
        "passphrase": secrets.token_hex(16),
    }
    rules = string.Template(f"{host.rules}\n  {host.more}").substitute(values)
    return HOST.substitute(values, rules=rules)


def write_configuration(stage: Stage, apache: Apache) -> Path:
    """Everything that the server reads; its keys are for its owner only."""
    folder, trust = apache.folder, stage.node.folder / "trust"
    leaf = make_leaf(
        [f"{name}.{DOMAIN}" for name in HOSTS],
        ca=read_pair(stage.node.trust.ca_file, trust / "ca.key"),
        days=1,
    )
    write_pair(*leaf, cert_path=folder / "apache.pem", key_path=folder / "apache.key")
    shutil.copyfile(stage.node.trust.ca_file, folder / "ca.pem")
    (folder / "ca.pem").chmod(0o644)
    # Only root may give itself up for another; anybody else stays who they are.
    identity = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    path = folder / "httpd.conf"
    text = MAIN.substitute(
        folder=folder,
        domain=DOMAIN,
        port=apache.port,
        identity=identity,
        modules="\n".join(
            f"LoadModule {n}_module {MODULES / f'mod_{n}.so'}" for n in MODULE_NAMES
        ),
        hosts="".join(build_host(stage, apache, name) for name in HOSTS),
    )
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def wait_until_ready(apache: Apache, process: subprocess.Popen[bytes]) -> None:
    """Wait until it takes connections."""

    def ready() -> bool:
        assert process.poll() is None, (apache.folder / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", apache.port)) == 0

    until(ready, "Apache is ready")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it with its children, one way or the other."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def running_apache(stage: Stage) -> Iterator[Apache]:
    """
    The server, ready; gone afterwards, with its children and its folder.

    It has a session of its own, because what it does to its process group should not reach us.
    """
    binary = find_binary()
    assert binary is not None, MISSING
    with tempfile.TemporaryDirectory(prefix="ostiary-") as name:
        folder = Path(name)
        # The children are somebody else than root, and read the authority's certificate.
        folder.chmod(0o711)
        apache = Apache(folder=folder, port=free_port())
        for host, settings in HOSTS.items():
            apache.clients[host] = make_app_client(
                stage,
                with_secret=settings.method != "none",
                callback=apache.url(host, CALLBACK),
                left=apache.url(host, LEFT),
            )
        configuration = write_configuration(stage, apache)
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [binary, "-f", str(configuration), "-DFOREGROUND"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
                start_new_session=True,
            )
        try:
            wait_until_ready(apache, process)
            yield apache
        finally:
            stop(process)
