"""One real node beside one certified provider; processes that speak JSON lines."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

from ostiary.adapters.certificates import make_leaf, read_pair, write_pair
from ostiary.cli.demo import steps
from tests.interop.clients import (
    HOST,
    MACHINE,
    SHORT_S,
    Json,
    gateway_routes,
    heard_routes,
    hostile_route,
    make_key,
    provider_clients,
    turning_route,
)
from tests.interop.install import FOLDER, NODE
from tests.support.node import HOST as GATEWAY_HOST
from tests.support.node import Node
from tests.support.page_file import perform_page
from tests.support.person import Person, Seen

DEADLINE_S = 15.0
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


def header(found: Json, name: str) -> str | None:
    """A header as it reached the upstream."""
    return next((v for n, v in found["headers"] if n.lower() == name), None)


def gateway_cookies(visitor: Visitor) -> set[str]:
    """The names of the gateway's session cookies that somebody has."""
    return {n for n in visitor.jar.get(GATEWAY_HOST, {}) if "session" in n}


def asks_to_sign_in(seen: Seen) -> bool:
    """Tell whether this is the certified provider's sign-in page."""
    return seen.status == 200 and 'name="prompt" value="login"' in seen.text


@dataclass(slots=True, kw_only=True)
class Provider:
    """A provider's address, and what it has said since it started."""

    settings: Json = field(repr=False)
    environ: dict[str, str] = field(repr=False)
    output: Path
    script: str = "provider.mjs"
    issuer: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on the port and with the keys it had before, and wait until it is ready."""
        before = len(self.events())
        settings = self.settings | {"port": urlsplit(self.issuer).port or 0}
        with self.output.open("ab") as log:
            self.process = process = subprocess.Popen(
                [str(NODE), str(FOLDER / self.script)],
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
class Providers:
    """The certified one, another of its kind that changes its keys, a hostile one."""

    certified: Provider
    turning: Provider
    hostile: Provider
    key: Json = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything the tests of this folder share."""

    node: Node
    providers: Providers
    made: steps.Made
    pool: Any = field(repr=False)  # an unmodified boto3 client, which has no types

    @property
    def provider(self) -> Provider:
        """The certified provider."""
        return self.providers.certified

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


def machine_token(
    stage: Stage, resource: str | None = None, *, provider: Provider | None = None
) -> str:
    """An access token of the machine: a JWT for a resource, else opaque."""
    reply = ask_provider(
        stage,
        "token",
        provider=provider,
        grant_type="client_credentials",
        **({"resource": resource, "scope": "read"} if resource else {}),
    )
    token: str = reply["access_token"]
    return token


def ask_provider(
    stage: Stage, path: str, *, provider: Provider | None = None, **form: str
) -> Json:
    """What a provider answers to the machine."""
    names = ("client_id", "client_secret")
    form = {**{n: MACHINE[n] for n in names}, **form}
    status, body = stage.curl(
        f"{(provider or stage.provider).issuer}/{path}",
        *(a for n, v in form.items() for a in ("--data-urlencode", f"{n}={v}")),
    )
    found: Json = json.loads(body) if body else {}
    return {"status": status, **found}


def call(stage: Stage, route: str, token: str, *options: str) -> tuple[int, str]:
    """What the gateway answers to the bearer of a token."""
    return stage.curl(
        stage.page(route),
        *options,
        *("--header", f"Authorization: Bearer {token}"),
        *("--header", "Accept: application/json"),
    )


def read_node_keys(node: Node) -> Json:
    """The public keys that the node's clients sign with."""
    url = f"{node.site.admin}/openid-connect/jwks"
    with urllib.request.urlopen(url, timeout=10) as reply:
        found: Json = json.load(reply)
    return found


def turn_node_keys(node: Node) -> None:
    """Have the node sign with new keys from now on."""
    url = f"{node.site.admin}/openid-connect/jwks"
    request = urllib.request.Request(url, method="DELETE")
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert reply.status == 204


@contextmanager
def running_providers(node: Node) -> Iterator[Providers]:
    """The providers with a certificate of the node's CA, ready."""
    trust = node.folder / "trust"
    ca = read_pair(node.trust.ca_file, trust / "ca.key")
    cert, key = trust / "idp.pem", trust / "idp.key"
    write_pair(*make_leaf([HOST], ca=ca, days=1), cert_path=cert, key_path=key)
    client_key = make_key()

    def provider(name: str, script: str, **more: object) -> Provider:
        output = node.folder / f"{name}.jsonl"
        output.touch()
        settings = {
            "host": HOST,
            "cert": str(cert),
            "key": str(key),
            "keys": str(trust / f"{name}-keys.json"),
            **more,
        }
        environ = node_environ(node.trust.ca_file)
        return Provider(
            settings=settings, environ=environ, output=output, script=script
        )

    providers = Providers(
        certified=provider(
            "certified",
            "provider.mjs",
            clients=provider_clients(
                node.site.gateway, client_key, read_node_keys(node)
            ),
            ttl={"gateway:short": SHORT_S, "gateway:rotating": SHORT_S},
        ),
        turning=provider("turning", "provider.mjs", clients=[MACHINE], ttl={}),
        hostile=provider("hostile", "hostile.mjs"),
        key=client_key,
    )
    everyone = (providers.certified, providers.turning, providers.hostile)
    try:
        for one in everyone:
            one.start()
        yield providers
    finally:
        for one in everyone:
            one.stop()


def start_with_all(
    node: Node, providers: Providers, holding: str
) -> tuple[steps.Made, Any]:
    """Make the pool, write one file for pool and providers, start the node with it."""
    made = perform_page(node.site, node.file)
    file = steps.build_declarative(node.site, made)
    issuer = providers.certified.issuer
    file["services"][0]["routes"] += [
        *gateway_routes(node.site, issuer, providers.key),
        turning_route(node.site, providers.turning.issuer),
        hostile_route(node.site, providers.hostile.issuer),
    ]
    routes = heard_routes(node.site, issuer)
    file["services"].append({"name": "holding", "url": holding, "routes": routes})
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
