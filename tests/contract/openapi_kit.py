"""
What the Admin API's document says is held against what the Admin API answers.

Requests are made of the document by schemathesis, right ones and wrong ones, and go to the real
application in this process. Most of their paths name rows that are there. Every operation begins
with the same rows, so that none depends on another.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from requests.adapters import BaseAdapter
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.config import GenerationConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi import checks as openapi_checks
from urllib3 import HTTPHeaderDict, HTTPResponse

from ostiary.adapters.sql.config_rows import Sealer
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore
from ostiary.adapters.sql.engine import Database
from ostiary.admin.access import Users
from ostiary.admin.admins import AdminEndpoints
from ostiary.admin.audit import AuditRules
from ostiary.admin.rbac import RbacEndpoints
from ostiary.admin.sessions import SessionsFound, SiteSession
from ostiary.gateway.health_view import build_balancer_page, build_health_page
from ostiary.model.balancing import Upstream
from ostiary.node.traffic import Traffic
from ostiary.plugins import CATALOG
from tests.contract.openapi_rows import FILE, NAMES, hire
from tests.unit.admin.admin_kit import KEY, NOW, Node, Numbers, database_node
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.admin.rows_kit import SAMPLES, furnish, place_ids
from tests.unit.demo.asgi import Reply

Json = dict[str, Any]
Ask = Callable[[requests.PreparedRequest], requests.Response]
BASE = "http://localhost"
GUI = "https://gw.example:8445"
JSON = "application/json"
# Any: of every kind of schema that schemathesis knows.
AnyCase: TypeAlias = Case[Any]
AnyOperation: TypeAlias = APIOperation[Any, Any, Any, Any]
PLUGINS = {name: kind.priority for name, kind in CATALOG.items()}


class WellFormedRefused(Failure):
    """What the document says can be sent was refused for its form."""

    kind_title = "Refused for its form"


_OF_FORM = re.compile(
    r"unknown field|expected an? (?:string|number|integer|boolean|array|set|map|record)"
)


def well_formed_acceptance(_: Any, response: Response, case: AnyCase) -> None:
    """
    JSON of the document is never refused for types and names; for what it means it may be.

    A change of a plugin need not name it: whose config it is, is not known to the document. Nor
    does it say what is in a file.
    """
    is_right = case.meta is not None and case.meta.generation.mode.is_positive
    is_json = case.media_type == JSON and case.path != "/config"
    if not (is_right and is_json and response.status_code == 400):
        return
    message = json.loads(response.content)["message"]
    if case.method == "PATCH":
        message = re.sub(r"config\.[^;]*", "", message)
    if _OF_FORM.search(message) and "a record of" not in message:
        raise WellFormedRefused(operation=case.operation.label, message=message)


def _has_leeway(value: Any) -> bool:
    """
    Whether there is something that Kong does not look at closely.

    Its empty record is an empty array as well, and of a reference by id nothing else is read.
    """
    if isinstance(value, list):
        return any(_has_leeway(inner) for inner in value)
    if not isinstance(value, dict):
        return False
    inner = [v for v in value.values() if isinstance(v, dict)]
    return (
        not value
        or any("id" in v and len(v) > 1 for v in inner)
        or any(_has_leeway(v) for v in value.values())
    )


def malformed_rejection(context: Any, response: Response, case: AnyCase) -> None:
    """
    JSON that is not of the document is refused.

    In a PUT what the path says takes the place of what the body says, as the id does in a PATCH.
    """
    is_new = case.method == "POST"
    is_change = case.method == "PATCH" and "id" not in str(case.body)
    is_judged = (is_new or is_change) and not _has_leeway(case.body)
    if case.media_type == JSON and is_judged:
        openapi_checks.negative_data_rejection(context, response, case)


CHECKS: tuple[CheckFunction, ...] = (
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.unsupported_method,
    openapi_checks.allow_header_conformance,
    well_formed_acceptance,
    malformed_rejection,
)
OVER_TIME: tuple[CheckFunction, ...] = (
    openapi_checks.use_after_free,
    openapi_checks.ensure_resource_availability,
)


def close(document: Json) -> Json:
    """The same, but no object of a reply may have a property that is not named."""

    def walk(value: Any, *, is_reply: bool) -> Any:
        if isinstance(value, list):
            return [walk(inner, is_reply=is_reply) for inner in value]
        if not isinstance(value, dict):
            return value
        found = {k: walk(v, is_reply=is_reply) for k, v in value.items()}
        if is_reply and "properties" in value and "additionalProperties" not in value:
            found["additionalProperties"] = False
        return found

    components = document["components"]
    schemas = {
        name: walk(schema, is_reply=not name.endswith(("Input", "Reference")))
        for name, schema in components["schemas"].items()
    }
    return {**document, "components": {**components, "schemas": schemas}}


async def send(
    app: Any,
    method: str,
    target: str,
    *,
    headers: Iterable[tuple[str, Any]],
    body: bytes,
) -> Reply:
    """One request; fields and path as they are on the wire."""
    path, _, query = target.partition("?")
    fields = [("host", "localhost"), *headers]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1",
        "method": method, "scheme": "http", "path": unquote(path),
        "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(_bytes(n).lower(), _bytes(v)) for n, v in fields],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> Json:
        return {"type": "http.request", "body": body, "more_body": False}

    async def tell(message: Any) -> None:
        said.append(message)

    await app(scope, receive, tell)
    return Reply(
        status=said[0]["status"],
        headers={n.decode().lower(): v.decode() for n, v in said[0]["headers"]},
        body=b"".join(m.get("body", b"") for m in said[1:]),
    )


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("latin-1", "replace")


class _Adapter(BaseAdapter):
    """Requests go to an application of this process."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def send(  # type: ignore[override]  # how it is sent does not matter here
        self, request: requests.PreparedRequest, **_: Any
    ) -> requests.Response:
        reply = self._site.answer(request)
        fields = HTTPHeaderDict(reply.headers)
        fields.pop("content-length", None)  # what is planted is longer or shorter
        response = requests.Response()
        response.status_code = reply.status
        response.reason = HTTPStatus(reply.status).phrase
        response.headers.update(reply.headers)
        response.encoding = "utf-8"
        response.request = request
        response.url = request.url or ""
        response.elapsed = timedelta(0)
        response.raw = HTTPResponse(
            BytesIO(reply.body), headers=fields, status=reply.status,
            preload_content=False, version=11,
        )  # fmt: skip
        return response

    def close(self) -> None:
        pass


class Site:
    """A node of its own for whoever asks, with the same rows each time."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[Node]]) -> None:
        self._make = make
        self._runner = asyncio.Runner()
        self._node: Node | None = None
        self.document: Json = {}
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", _Adapter(self))

    def answer(self, request: requests.PreparedRequest) -> Reply:
        """What the application says to a request."""
        assert self._node is not None
        body = request.body or b""
        assert isinstance(body, str | bytes)
        target = (request.url or "").removeprefix(BASE)
        return self._runner.run(
            send(
                self._node.app,
                str(request.method),
                target,
                headers=[*request.headers.items()],
                body=body.encode() if isinstance(body, str) else body,
            )
        )

    @contextmanager
    def fresh(self) -> Iterator[Node]:
        """A node whose rows are as they were made."""
        context = self._make()
        self._node = self._runner.run(context.__aenter__())
        try:
            yield self._node
        finally:
            self._runner.run(context.__aexit__(None, None, None))
            self._node = None

    def close(self) -> None:
        self._runner.close()


class _Node(Node):
    """With numbers and healths as a node of its own tells them."""

    async def targets(self, upstream: Upstream, rows: Sequence[Json]) -> list[Json]:
        page = build_health_page(upstream, rows, (), node_id="n")
        found: list[Json] = page["data"]
        return found

    async def balancer(self, upstream: Upstream) -> Json:
        found: Json = build_balancer_page(upstream, (), node_id="n")["data"]
        return found

    async def expose(self, accept: str) -> tuple[bytes, str]:
        kind = (
            "application/openmetrics-text" if "openmetrics" in accept else "text/plain"
        )
        return b"metrics 1\n", f"{kind}; version=1.0.0; charset=utf-8"


class _OneSession:
    """Somebody is signed in at the Manager."""

    async def find_all(self, _: str) -> SessionsFound:
        ada = SiteSession(id="s", site="manager", who="ada", began_at=NOW)
        return SessionsFound(rows=[ada])

    async def end(self, identity: str, _: str) -> bool:
        return identity == "s"


def database_site(folder: Path) -> Site:
    """Over a database, every row of which can be written."""
    made: list[bytes] = []

    @asynccontextmanager
    async def furnished() -> AsyncIterator[Node]:
        if not made:
            (folder / "first").mkdir()
            async with database_node(folder / "first") as node:
                ids = await furnish(node)
                for sample in SAMPLES:
                    body = place_ids(sample.body, ids)
                    reply = await node.send("POST", sample.path, body)
                    assert reply.status == 201, reply.text
                await hire(node)
            made.append((folder / "first" / "config.db").read_bytes())
        path = folder / "config.db"
        path.write_bytes(made[0])
        store = SqlConfigStore(Database(f"sqlite:///{path}", steps=STEPS), Sealer(KEY))
        users = Users(store, secret=KEY)
        node = _Node(
            store=store,
            rbac=RbacEndpoints(users=users, entropy=Numbers()),
            sessions=_OneSession(),
            traffic=Traffic(),
            admins=AdminEndpoints(
                users=users, entropy=Numbers(), now=lambda: NOW, gui_url=GUI
            ),
            audit=AuditRules(log=store.audit, ttl_s=3600),
            portal=OpenDesk(),
        )
        node.view.plugins = PLUGINS
        try:
            yield node
        finally:
            await store.close()

    return _documented(Site(furnished))


def file_site() -> Site:
    """Over a file, which is replaced as a whole."""

    @asynccontextmanager
    async def furnished() -> AsyncIterator[Node]:
        node = _Node(FILE)
        node.view.plugins = PLUGINS
        yield node

    return _documented(Site(furnished))


def _documented(site: Site) -> Site:
    with site.fresh():
        site.document = site.session.get(f"{BASE}/openapi.json").json()
    return site


def _choices(path: str, name: str) -> tuple[str, ...]:
    if name == "name":
        return ("key-auth", "openid-connect", "env", "routes", "plugins")
    return NAMES.get(name, ())


# What samples refer to, by what it is called there.
_REFERRED = {
    "@service": {"name": "parent"}, "@route": {"name": "way"},
    "@consumer": {"username": "ada"}, "@upstream": {"name": "pool.internal"},
    "@set": {"name": "ring"}, "@certificate": None,
}  # fmt: skip


def _by_name(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {name: _by_name(found) for name, found in value.items()}
        return _REFERRED.get(str(value.get("id")), inner)
    return value


BODIES: Mapping[str, Json] = {
    **{sample.path.rpartition("/")[2]: _by_name(sample.body) for sample in SAMPLES},
    "config": FILE,
}


def enrich(case: AnyCase, pick: int) -> None:
    """Let a body be one that could be, but for a few of the fields that were made up."""
    steps = [step for step in case.path.split("/") if not step.startswith("{")]
    sample = BODIES.get(steps[-1])
    if sample is None or not isinstance(case.body, dict) or not pick % 3:
        return
    made = sorted(case.body.items())
    if steps[-1] == "plugins":  # a config goes with its name
        made = [item for item in made if item[0] not in {"name", "config"}]
    few = [item for n, item in enumerate(made) if (pick >> 4) + n * 7 & 3 == 0]
    body = {**sample, **dict(few[:3])}
    if case.path == "/config":
        body = {**sample, "key_sets": [{"name": f"x{pick}"}]}
    key = next((k for k in ("name", "username", "key") if k in sample), None)
    if (
        key is not None
        and steps[-1] not in {"plugins", "vaults"}
        and case.method == "POST"
    ):
        body[key] = f"x{pick}.{sample[key]}"
    if case.path.startswith("/plugins") and case.method == "POST":
        body["instance_name"] = f"x{pick}"
    case.body = body
    if pick % 4:
        case.media_type = JSON


def steer(case: AnyCase, pick: int) -> None:
    """Let a path name rows that are there, three times of four."""
    for place, name in enumerate(sorted(case.path_parameters or {})):
        choices = _choices(case.path, name)
        turn = pick >> (4 * place) & 15
        if choices and turn % 4:
            case.path_parameters[name] = choices[turn % len(choices)]


@dataclass(slots=True, kw_only=True)
class Told:
    """What was found out: problems, each once, and how often each status was answered."""

    problems: dict[tuple[str, str], str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)
    steps: Counter[tuple[str, int]] = field(default_factory=Counter)

    def hear(self, case: AnyCase, error: FailureGroup) -> None:
        for failure in error.exceptions:
            label = case.operation.label
            shown = f"{failure}\n{case.method} {case.formatted_path} {case.query} {case.media_type} {case.body!r}"
            self.problems.setdefault((label, type(failure).__name__), shown[:1500])

    def report(self) -> str:
        """Everything that is wrong, as text."""
        return "\n\n".join(
            f"{label}: {text}" for (label, _), text in self.problems.items()
        )


def load(site: Site, document: Json | None = None) -> BaseSchema:
    """The document, closed, as schemathesis reads it."""
    return schemathesis.openapi.from_dict(close(document or site.document))


def operations(schema: BaseSchema) -> Iterator[AnyOperation]:
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


def judge(site: Site, case: AnyCase, told: Told) -> None:
    """Send a case and hold the answer against the document."""
    told.asked.add(case.operation.label)
    response = case.call(base_url=BASE, session=site.session)
    told.statuses[response.status_code] += 1
    try:
        case.validate_response(response, checks=[*CHECKS])
    except FailureGroup as error:
        told.hear(case, error)


def explore(
    site: Site,
    operation: AnyOperation,
    *,
    mode: GenerationMode,
    examples: int,
    told: Told,
) -> None:
    """Requests of one operation, as many as `examples` says."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(
        case=operation.as_strategy(generation_mode=mode), pick=st.integers(0, 2**16 - 1)
    )
    def run(case: AnyCase, pick: int) -> None:
        steer(case, pick)
        if mode is GenerationMode.POSITIVE:
            enrich(case, pick)
        judge(site, case, told)

    with site.fresh(), suppress(Unsatisfiable):  # nothing can be wrong with some
        run()


def cover(
    site: Site,
    operation: AnyOperation,
    *,
    modes: list[GenerationMode],
    told: Told,
    most: int | None = None,
) -> None:
    """The edges of every parameter and field of one operation."""
    cases = operation.schema.iter_coverage_cases(
        operation,
        generation_modes=modes,
        generation_config=GenerationConfig(modes=modes),
    )
    with site.fresh():
        # Neighbours are alike: with a bound, those further on are looked at, too.
        chosen = cases if most is None else islice(cases, 0, 3 * most, 3)
        for count, case in enumerate(chosen):
            steer(case, 0x1111 if count % 2 else 0)
            judge(site, case, told)


def live(site: Site, told: Told, *, paths: str, lives: int) -> None:
    """Rows from their first day to their last, by the links of the document."""
    schema = load(site).include(path_regex=paths)

    class Life(schema.as_state_machine()):  # type: ignore[misc]  # made of the document
        def setup(self) -> None:
            self.node = site.fresh()
            self.node.__enter__()

        def teardown(self) -> None:
            self.node.__exit__(None, None, None)

        def get_call_kwargs(self, case: AnyCase) -> Json:
            return {"session": site.session, "base_url": BASE}

        def validate_response(
            self, response: Response, case: AnyCase, *_: Any, **__: Any
        ) -> None:
            told.asked.add(case.operation.label)
            told.statuses[response.status_code] += 1
            told.steps[case.method, response.status_code] += 1
            checks = [*CHECKS, *OVER_TIME]
            case.validate_response(response, checks=checks, recorder=self.recorder)

    # Not all of the tools' chance is derandomized: the order of tests must not decide.
    random.seed(1)
    Life.run(
        settings=settings(
            max_examples=lives,
            stateful_step_count=6,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
    )
