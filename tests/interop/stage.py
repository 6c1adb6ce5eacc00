"""One real node beside one certified provider; processes that speak JSON lines."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

from ostiary.adapters.certificates import make_leaf, read_pair, write_pair
from ostiary.cli.demo import steps
from tests.interop.install import FOLDER, NODE
from tests.support.node import Node
from tests.support.person import Person, Seen

HOST = "idp.localhost"
DEADLINE_S = 15.0
SHORT_S = 2
SCOPES = ["openid", "email", "profile", "read"]
OTHER_API = "https://other.localhost/api"
# The signs that RFC 6749 §2.3.1 is about: they must be form-encoded inside Basic.
AWKWARD_SECRET = "s3cret:with+signs/and%41=&?~and-enough-length"
PLAIN_SECRET = "plain-secret-of-the-post-client-0123456789"
Json = dict[str, Any]
T = TypeVar("T")


def until(check: Callable[[], T], what: str) -> T:
    """Wait, with a deadline, for something that other processes or the clock bring about."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := check()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)
    return found


class Visitor(Person):
    """A person who can stop at an address instead of going there, and forgets emptied cookies."""

    stop_at: str | None = None

    def get(
        self, url: str, *, accept: str = "text/html", form: dict[str, str] | None = None
    ) -> Seen:
        if self.stop_at is not None and url.startswith(self.stop_at):
            return Seen(url, 0, None, "", ())
        seen = super().get(url, accept=accept, form=form)
        for host, jar in self.jar.items():
            self.jar[host] = {name: value for name, value in jar.items() if value}
        return seen

    def ask(self, url: str) -> Json:
        """What reached the upstream, as JSON."""
        seen = self.get(url, accept="application/json")
        assert seen.status == 200, (seen.status, seen.text)
        return seen.json()

    def sign_in_at_provider(self, url: str, login: str = "ada") -> Seen:
        """From a protected page through the certified provider's two pages, to where it leads."""
        page = self.follow(self.get(url))
        assert asks_to_sign_in(page), (page.url, page.status, page.text)
        page = self.submit(page, login=login, password="any")
        assert 'name="prompt" value="consent"' in page.text, (page.url, page.text)
        arrived = self.submit(page)
        assert arrived.status in {0, 200}, (arrived.url, arrived.status, arrived.text)
        return arrived

    def sign_out_at_provider(self, provider: Provider) -> None:
        """End the session there, without a word to the gateway."""
        page = self.follow(self.get(f"{provider.issuer}/session/end"))
        page = self.submit(page, logout="yes")
        assert page.url.endswith("/session/end/success"), (page.url, page.text)

    def twin(self) -> Visitor:
        """Somebody with the same cookies."""
        other = copy.copy(self)
        other.jar = copy.deepcopy(self.jar)
        return other


def asks_to_sign_in(seen: Seen) -> bool:
    """Tell whether this is the certified provider's sign-in page."""
    return seen.status == 200 and 'name="prompt" value="login"' in seen.text


@dataclass(slots=True, kw_only=True)
class Provider:
    """The certified provider's address, and what it has said since it started."""

    settings: Json = field(repr=False)
    environ: dict[str, str] = field(repr=False)
    output: Path
    issuer: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on the port and with the keys it had before, and wait until it is ready."""
        before = len(self.events())
        settings = self.settings | {"port": urlsplit(self.issuer).port or 0}
        with self.output.open("ab") as log:
            self.process = process = subprocess.Popen(
                [str(NODE), str(FOLDER / "provider.mjs")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environ | {"INTEROP_PROVIDER": json.dumps(settings)},
            )

        def ready() -> list[Json]:
            assert process.poll() is None, self.output.read_text()
            return [e for e in self.events()[before:] if e["event"] == "ready"]

        self.issuer = until(ready, "the provider is ready")[0]["issuer"]

    def forget_keys(self) -> None:
        """Have it make new ones at its next start."""
        Path(self.settings["keys"]).unlink()

    def stop(self) -> None:
        """Stop it; it forgets everybody, but keeps its keys."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait(15)

    def events(self) -> list[Json]:
        """Everything it has told, oldest first."""
        lines = self.output.read_text().splitlines()
        return [
            json.loads(line)
            for line in lines
            if line.startswith("{") and line.endswith("}")
        ]

    def count(self, event: str, **facts: str) -> int:
        """How often something has happened."""
        return sum(
            {"event": event, **facts}.items() <= e.items() for e in self.events()
        )


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything the tests of this folder share."""

    node: Node
    provider: Provider
    made: steps.Made
    pool: Any = field(repr=False)  # an unmodified boto3 client, which has no types

    def visitor(self) -> Visitor:
        """Somebody nobody has seen before."""
        return Visitor(self.node.trust.ca_file)

    def page(self, route: str) -> str:
        """A page below a protected route."""
        return f"{self.node.site.gateway}/{route}/anything"

    def curl(self, url: str, *options: str) -> tuple[int, str]:
        """Status and body, by curl as it is: its own resolver, its own TLS."""
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--max-time", "15"),
                *("--cacert", str(self.node.trust.ca_file)),
                *("--write-out", "\n%{http_code}", *options, url),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body


def node_environ(ca_file: Path, **settings: object) -> dict[str, str]:
    """The environment of a Node process: our CA, and its settings as JSON."""
    return {
        **{k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
        "NODE_EXTRA_CA_CERTS": str(ca_file),
        **{name: json.dumps(value) for name, value in settings.items()},
    }


def provider_clients(gateway: str) -> list[Json]:
    """The clients as registered at the certified provider: one of each kind, and a machine."""

    def client(route: str, method: str, alg: str, secret: str | None = None) -> Json:
        here = f"{gateway}/{route}"
        return {
            "client_id": f"gateway:{route}",
            **({"client_secret": secret} if secret else {}),
            "token_endpoint_auth_method": method,
            "id_token_signed_response_alg": alg,
            "redirect_uris": [here],
            "post_logout_redirect_uris": [here],
        }

    machine = {
        "client_id": "machine",
        "client_secret": PLAIN_SECRET,
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "redirect_uris": [],
    }
    return [
        client("basic", "client_secret_basic", "RS256", AWKWARD_SECRET),
        client("post", "client_secret_post", "PS256", PLAIN_SECRET),
        client("public", "none", "ES256"),
        client("hints", "none", "RS256"),
        client("short", "client_secret_basic", "RS256", AWKWARD_SECRET),
        machine,
    ]


def gateway_routes(site: steps.Site, issuer: str) -> list[Json]:
    """A route for each client; `post` gets opaque access tokens, `api` takes bearers only."""
    api = f"{site.gateway}/api"

    def route(name: str, **config: object) -> Json:
        plugin = {
            "issuer": issuer,
            "client_id": [f"gateway:{name}"],
            "auth_methods": ["authorization_code", "session"],
            "scopes": SCOPES,
            "upstream_headers": [
                {"header": "X-User-Email", "path": ["email"]},
                {"header": "X-User-Name", "path": ["name"]},
            ],
            "logout_query_arg": "logout",
            "logout_methods": ["GET"],
            "logout_redirect_uri": [f"{site.gateway}/{name}"],
            **config,
        }
        return {
            "name": name,
            "paths": [f"/{name}"],
            "plugins": [{"name": "openid-connect", "config": plugin}],
        }

    resource = {
        "authorization_query_args_names": ["resource"],
        "authorization_query_args_values": [api],
        "token_post_args_names": ["resource"],
        "token_post_args_values": [api],
        "audience_required": [api],
    }
    bearer = {"auth_methods": ["bearer"], "scopes": ["openid"]}
    return [
        route("basic", client_secret=[AWKWARD_SECRET], **resource),
        route(
            "post",
            client_secret=[PLAIN_SECRET],
            client_auth=["client_secret_post"],
            logout_revoke=True,
        ),
        route("public", **resource, max_age=600),
        route("hints", authorization_query_args_client=["prompt", "login_hint"]),
        route("short", client_secret=[AWKWARD_SECRET], **resource),
        route("api", **bearer, audience_required=[api]),
        route("closed", **bearer),
    ]


@contextmanager
def running_provider(node: Node) -> Iterator[Provider]:
    """The certified provider with a certificate of the node's CA, ready."""
    trust = node.folder / "trust"
    ca = read_pair(node.trust.ca_file, trust / "ca.key")
    cert, key = trust / "idp.pem", trust / "idp.key"
    write_pair(*make_leaf([HOST], ca=ca, days=1), cert_path=cert, key_path=key)
    settings = {
        "host": HOST,
        "cert": str(cert),
        "key": str(key),
        "keys": str(trust / "idp-keys.json"),
        "clients": provider_clients(node.site.gateway),
        "ttl": {"gateway:short": SHORT_S},
    }
    output = node.folder / "provider.jsonl"
    output.touch()
    provider = Provider(
        settings=settings, environ=node_environ(node.trust.ca_file), output=output
    )
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()


def start_with_both(node: Node, provider: Provider) -> tuple[steps.Made, Any]:
    """Make the pool, write one file for pool and provider, start the node with it."""
    made = steps.perform(node.site, node.file, {}, lambda _: None)
    file = steps.build_declarative(node.site, made)
    file["services"][0]["routes"] += gateway_routes(node.site, provider.issuer)
    node.stop()
    node.file.write_text(yaml.safe_dump(file, sort_keys=False))
    node.start()
    return made, steps.cognito(node.site)


@contextmanager
def relying_party(
    ca_file: Path, settings: Mapping[str, object]
) -> Iterator[Callable[[Callable[[str], str]], Json]]:
    """
    The certified client as a process, and how to have it walk.

    What is yielded takes a browser (authorization URL in, callback URL out) and gives the result.
    """
    process = subprocess.Popen(
        [str(NODE), str(FOLDER / "relying_party.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=node_environ(ca_file, INTEROP_CLIENT=settings),
    )

    def walk(browse: Callable[[str], str]) -> Json:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, process.communicate(timeout=15)[1]
        callback = browse(json.loads(first)["authorization_url"])
        out, err = process.communicate(f"{callback}\n", timeout=30)
        assert out, err
        found: Json = json.loads(out)
        return found

    try:
        yield walk
    finally:
        process.kill()
        process.communicate(timeout=15)
