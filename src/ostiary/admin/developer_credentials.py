"""
`/developers/{developer}/credentials/{plugin}`: what a developer calls services with as themselves.

They are judged and made complete as those of consumers are, and kept apart from them. What is
generated is shown in the answer that makes it, and nowhere else. Through the portal nobody chooses
what opens something, but a password.

Spec: portal §§1.6, 1.7; decision 0049.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.application_keys import take_ttl
from ostiary.admin.autofill import new_key
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import allow
from ostiary.admin.collisions import is_taken
from ostiary.admin.credential_rows import (
    CREDENTIALS,
    as_consumers,
    key_of,
    read_built,
    show_credential,
)
from ostiary.admin.developer_usage import answer_days, read_since, read_usage
from ostiary.admin.entities import Entities
from ostiary.admin.known_rows import answer_known
from ostiary.admin.rows import is_uuid, read_every
from ostiary.admin.scope import is_by_portal, scoped
from ostiary.model.credentials import KeyAuth
from ostiary.model.developer_credentials import (
    BASIC_AUTH,
    CREDENTIAL_KINDS,
    CREDENTIAL_PLUGINS,
    JWT,
    KEY_AUTH,
    DeveloperCredential,
    read_public_key,
)
from ostiary.model.kinds import EVERY_KIND, KINDS
from ostiary.model.portal import APPROVED, Developer
from ostiary.model.row import Row
from ostiary.model.words import Problem
from ostiary.model.workspaces import Workspace
from ostiary.ports.config_store import (
    ConfigReads,
    ConfigWrites,
    UniqueViolation,
)
from ostiary.ports.usage import UsageStore

MAX_CREDENTIALS: Final = 20
_DEVELOPERS: Final = EVERY_KIND["developers"]
_CREDENTIAL: Final = "{developer_credentials}"
PATHS: Final = (
    *(
        f"/developers/{{developers}}/credentials/{plugin}{rest}"
        for plugin in CREDENTIAL_PLUGINS
        for rest in ("", f"/{_CREDENTIAL}")
    ),
    "/developers/{developers}/usage",
)
# What may be said of one, by whom.
_OF_ADMINS: Final[Mapping[str, frozenset[str]]] = {
    KEY_AUTH: frozenset({"key"}),
    BASIC_AUTH: frozenset({"username", "password"}),
    JWT: frozenset({"key", "secret", "algorithm", "rsa_public_key"}),
}
_OF_PORTAL: Final[Mapping[str, frozenset[str]]] = {
    KEY_AUTH: frozenset(),
    BASIC_AUTH: frozenset({"password"}),
    JWT: frozenset({"algorithm", "rsa_public_key"}),
}
# What they are, whoever says so: tools send back what they were shown.
_OURS: Final = frozenset({"consumer", "developer"})
_NAME_FIELD: Final[Mapping[str, str]] = {
    KEY_AUTH: "key",
    BASIC_AUTH: "username",
    JWT: "key",
}


def _is_printable(value: object) -> bool:
    """What is no text is judged elsewhere."""
    return not isinstance(value, str) or value.isprintable()


class CredentialDesk(Protocol):
    """What a portal says of credentials that developers make for themselves."""

    def is_on(self, workspace: Workspace) -> bool:
        """Whether the workspace has a portal."""
        ...

    def credential_plugins(self, workspace: Workspace) -> Sequence[str]:
        """The plugins that developers may make credentials of."""
        ...

    def judge_password(
        self, workspace: Workspace, password: str, email: str
    ) -> str | None:
        """Why a password is not taken, None for one that is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialEndpoints:
    """A developer's own credentials, and how much their applications are used."""

    desk: CredentialDesk
    usage: UsageStore | None = None

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about what follows `developers`.

        Raises:
            Refused: It cannot be done.
        """
        # Roles say who may by path, whatever they say of rows.
        entities = replace(scoped(request), rights=None)
        if not entities.writable:
            raise refusals.not_found()
        match [*steps]:
            case [key, "usage"]:
                found = _Call(request, entities, self.desk, key, "")
                return await _run(request, {"GET": lambda: self._show_usage(found)})
            case [key, "credentials", plugin, *rest] if len(rest) <= 1:
                if plugin not in CREDENTIAL_PLUGINS:
                    listed = ", ".join(CREDENTIAL_PLUGINS)
                    text = f"developers have credentials of these plugins only: {listed}"  # fmt: skip
                    raise refusals.say(404, text)
                call = _Call(request, entities, self.desk, key, plugin)
                await call.check_self_service(entities.store)
                return await call.answer(rest)
        raise refusals.not_found()

    async def _show_usage(self, call: _Call) -> Response:
        """`GET /developers/{developer}/usage`: requests of all their applications, by day."""
        reads = call.entities.store
        since = read_since(call.request, call.entities.autofill.now())
        developer = await call.find_developer(reads)
        where = {"developer": developer.id or ""}
        mine = [row.id or "" for row in await read_every(reads, "applications", where)]
        return answer_days(await read_usage(self.usage, mine, since=since))


async def _run(request: Request, verbs: Mapping[str, Any]) -> Response:
    """Answer by the verb. Raises Refused."""
    method = "GET" if request.method == "HEAD" else request.method
    if method == "OPTIONS":
        return allow(tuple(verbs))
    handler = verbs.get(method)
    if handler is None:
        raise refusals.not_allowed(verbs)
    answer: Response = await handler()
    return answer


@dataclass(frozen=True, slots=True)
class _Call:
    """One request about the credentials of one developer, for one plugin."""

    request: Request
    entities: Entities
    desk: CredentialDesk
    key: str
    plugin: str

    @property
    def _is_by_portal(self) -> bool:
        return is_by_portal(self.request)

    async def answer(self, rest: Sequence[str]) -> Response:
        """All of them, or one."""
        if not rest:
            return await _run(self.request, {"GET": self.list, "POST": self.create})
        (key,) = rest
        return await _run(
            self.request,
            {
                "GET": lambda: self.show(key),
                "PATCH": lambda: self.change(key),
                "DELETE": lambda: self.delete(key),
            },
        )

    async def _find_workspace(self, reads: ConfigReads) -> Workspace:
        row = await self.entities.find(
            reads, KINDS["workspaces"], self.entities.workspace
        )
        assert isinstance(row, Workspace)
        return row

    async def check_self_service(self, reads: ConfigReads) -> None:
        """
        Let a developer go on where the portal gives out credentials of the plugin.

        Raises:
            Refused: It does not.
        """
        if not self._is_by_portal:
            return
        workspace = await self._find_workspace(reads)
        if self.plugin not in self.desk.credential_plugins(workspace):
            raise refusals.not_found()

    async def find_developer(self, reads: ConfigReads) -> Developer:
        """
        The developer of an id or address.

        Raises:
            Refused: There is none.
        """
        key = self.key if is_uuid(self.key) else self.key.lower()
        row = await self.entities.find(reads, _DEVELOPERS, key)
        if not isinstance(row, Developer):
            raise refusals.not_found()
        return row

    async def _read(
        self, reads: ConfigReads, developer: Developer
    ) -> list[DeveloperCredential]:
        """Those there are, the oldest first."""
        mine = {"developer": developer.id or ""}
        rows = [
            row
            for row in await read_every(reads, CREDENTIALS.name, mine)
            if isinstance(row, DeveloperCredential) and row.plugin == self.plugin
        ]
        return sorted(rows, key=lambda row: (row.created_at or 0, row.id or ""))

    async def _find(self, reads: ConfigReads, key: str) -> DeveloperCredential:
        """One of the developer's, for the plugin, by id. Raises Refused."""
        developer = await self.find_developer(reads)
        row = await reads.get(CREDENTIALS.name, key) if is_uuid(key) else None
        is_theirs = isinstance(row, DeveloperCredential) and (
            (row.developer, row.plugin) == (developer.id, self.plugin)
        )
        if not isinstance(row, DeveloperCredential) or not is_theirs:
            raise refusals.not_found()
        return row

    async def list(self) -> Response:
        """`GET …/credentials/{plugin}`."""
        reads = self.entities.store
        rows = await self._read(reads, await self.find_developer(reads))
        return answer_known(self.request, rows, [show_credential(row) for row in rows])

    async def show(self, key: str) -> Response:
        """`GET …/credentials/{plugin}/{credential}`."""
        return JSONResponse(show_credential(await self._find(self.entities.store, key)))

    async def delete(self, key: str) -> Response:
        """`DELETE …/credentials/{plugin}/{credential}`: it opens nothing from now on."""
        async with self.entities.writing() as write:
            await self.entities.remove(write, await self._find(write, key))
        return Response(status_code=204)

    async def create(self) -> Response:
        """`POST …/credentials/{plugin}`: what is not given is generated, and shown this once."""
        given, ttl = take_ttl(self._read_fields(await read_given(self.request)))
        made: dict[str, str] = {}
        async with self.entities.writing() as write:
            # Inside the write: whoever decides about them meanwhile was first.
            await self.check_self_service(write)
            workspace = await self._find_workspace(write)
            if not self.desk.is_on(workspace):
                raise refusals.say(400, "the portal of this workspace is off")
            developer = await self.find_developer(write)
            if developer.status != APPROVED:
                text = "only an approved developer can have credentials"
                raise refusals.say(400, text)
            self._judge_password(workspace, developer, given)
            if len(await self._read(write, developer)) >= MAX_CREDENTIALS:
                text = f"a developer has at most {MAX_CREDENTIALS} credentials of {self.plugin}: delete one first"
                raise refusals.say(400, text)
            row = await self._make(write, developer, given, made)
            row = row.model_copy(
                update={
                    "self_made": self._is_by_portal,
                    "expires_at": self._ends_at(ttl),
                }
            )
            await write.add(row)
        return JSONResponse(show_credential(row, made), status_code=201)

    async def change(self, key: str) -> Response:
        """`PATCH …/credentials/{plugin}/{credential}`; with `ttl` it ends sooner, never later."""
        given, ttl = take_ttl(self._read_fields(await read_given(self.request)))
        made: dict[str, str] = {}
        async with self.entities.writing() as write:
            await self.check_self_service(write)
            row = before = await self._find(write, key)
            developer = await self.find_developer(write)
            workspace = await self._find_workspace(write)
            self._judge_password(workspace, developer, given)
            if given.data:
                row = await self._make(write, developer, given, made, before)
                # What a developer has changed is theirs, and no longer as an admin made it.
                is_theirs = before.self_made or self._is_by_portal
                row = row.model_copy(update={"self_made": is_theirs})
            ends = self._ends_at(ttl)
            if ends is not None and (row.expires_at is None or ends < row.expires_at):
                row = row.model_copy(update={"expires_at": ends})
            if row != before:
                now = int(self.entities.autofill.now())
                row = row.model_copy(update={"updated_at": now})
                await write.put(row)
        return JSONResponse(show_credential(row, made))

    def _ends_at(self, ttl: int | None) -> int | None:
        return None if ttl is None else int(self.entities.autofill.now()) + ttl

    def _read_fields(self, given: Given) -> Given:
        """
        What may be said of one, by whoever asks.

        Raises:
            Refused: Something else is said.
        """
        data = {k: v for k, v in given.data.items() if k not in _OURS and v is not None}
        known = _OF_ADMINS[self.plugin]
        own = _OF_PORTAL[self.plugin] if self._is_by_portal else known
        wrong: list[Problem] = []
        for name, value in data.items():
            if name in own and value == "":
                # It would be generated, and told to nobody.
                wrong.append(((name,), "length must be at least 1"))
            elif name == _NAME_FIELD[self.plugin] and not _is_printable(value):
                # It would never match, or be no value of a field for upstreams.
                wrong.append(((name,), "must have no control characters"))
            elif name not in own and name != "ttl":
                text = "is chosen here: leave it out" if name in known else "unknown field"  # fmt: skip
                wrong.append(((name,), text))
        if wrong:
            raise refusals.schema_violation(wrong)
        return Given(data=data, is_form=given.is_form)

    def _judge_password(
        self, workspace: Workspace, developer: Developer, given: Given
    ) -> None:
        """
        A password that a developer chooses is as good as one of the portal.

        Raises:
            Refused: It is not.
        """
        password = given.data.get("password")
        if not self._is_by_portal or not isinstance(password, str):
            return
        wrong = self.desk.judge_password(workspace, password, developer.email)
        if wrong:
            raise refusals.schema_violation([(("password",), wrong)])

    def _with_own_key(self, row: DeveloperCredential) -> DeveloperCredential:
        """
        The same with its public key alone, which its algorithm can be verified with.

        Raises:
            Refused: It cannot be.
        """
        if row.rsa_public_key is None or row.algorithm is None:
            return row
        try:
            pem = read_public_key(
                row.rsa_public_key, row.algorithm, is_chosen=self._is_by_portal
            )
        except ValueError as error:
            problem: Problem = (("rsa_public_key",), str(error))
            raise refusals.schema_violation([problem]) from error
        return row.model_copy(update={"rsa_public_key": pem})

    async def _make(
        self,
        write: ConfigWrites,
        developer: Developer,
        given: Given,
        made: dict[str, str],
        before: DeveloperCredential | None = None,
    ) -> DeveloperCredential:
        """
        The credential that is meant; secrets that are generated for it are put into `made`.

        Raises:
            Refused: It is wrong, or another has its name.
        """
        data = {**given.data}
        if self.plugin == BASIC_AUTH and before is None:
            self._choose_pair(data, made)
        kind = KINDS[CREDENTIAL_KINDS[self.plugin]]
        mine = {**data, "consumer": {"id": developer.id}}
        built = await self.entities.build(
            write,
            kind,
            Given(data=mine, is_form=given.is_form),
            before=None if before is None else as_consumers(before),
        )
        row = self._with_own_key(read_built(self.plugin, built, before))
        if self.plugin == KEY_AUTH and before is not None and "key" not in data:
            return before
        if self.plugin == KEY_AUTH and "key" not in data:
            assert isinstance(built, KeyAuth)
            made["key"] = built.key
        had_secret = before is not None and before.secret is not None
        if row.secret is not None and not had_secret and "secret" not in data:
            made["secret"] = row.secret
        if before is None or before.name != row.name:
            await self._check_free(write, built, row)
        return row

    def _choose_pair(self, data: dict[str, Any], made: dict[str, str]) -> None:
        """A username and a password where none are given."""
        entropy = self.entities.autofill.entropy
        if "username" not in data:
            data["username"] = f"dev-{new_key(entropy)[:16].lower()}"
        if "password" not in data:
            data["password"] = made["password"] = new_key(entropy)

    async def _check_free(
        self, reads: ConfigReads, built: Row, row: DeveloperCredential
    ) -> None:
        """What opens something is one's alone: of all consumers and developers. Raises Refused."""
        if not await is_taken(reads, built):
            found = await reads.find(CREDENTIAL_KINDS[self.plugin], key_of(built))
            if found is None:
                return
        field = _NAME_FIELD[self.plugin]
        said = row.value if self.plugin == BASIC_AUTH else "in use"
        taken = UniqueViolation(CREDENTIALS.name, {field: said})
        raise refusals.unique_violation(taken)
