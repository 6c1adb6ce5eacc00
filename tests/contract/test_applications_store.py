"""Applications in the store: what workers hear of, and what an import leaves of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ostiary.adapters.sql.config_store import SqlConfigStore, open_config_store
from ostiary.model.applications import (
    Application,
    ApplicationInstance,
    ApplicationKey,
    DocumentObject,
)
from ostiary.model.developer_credentials import DeveloperCredential, build_name
from ostiary.model.gateway import Service
from ostiary.model.portal import Developer
from ostiary.ports.config_store import ConfigWrites, UniqueViolation
from tests.support.postgres_server import PostgresServer, postgres_server

KEY = b"k" * 32
KEPT, GONE, DEV, APP, ONE, OTHER, SECRET, DOCUMENT, OWN = (
    f"{n}0000000-0000-4000-8000-000000000000" for n in range(1, 10)
)
USERNAME = "dev-planted"
SERVICES = (
    Service(id=KEPT, name="kept", host="k"),
    Service(id=GONE, name="gone", host="g"),
)
ROWS = (
    Developer(id=DEV, email="ada@example.com", status=0),
    Application(id=APP, name="Shop", developer=DEV, custom_id="client"),
    ApplicationInstance(id=ONE, application=APP, service=KEPT, status=0),
    ApplicationInstance(id=OTHER, application=APP, service=GONE, status=0),
    ApplicationKey(id=SECRET, application=APP, digest="0" * 64, hint="abcd"),
    DocumentObject(id=DOCUMENT, service=GONE, path="specs/a.json"),
    DeveloperCredential(
        id=OWN, developer=DEV, plugin="basic-auth",
        name=build_name("basic-auth", USERNAME), password="planted-hash",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SqlConfigStore]:
    url = f"sqlite:///{tmp_path / 'config.db'}"
    if request.param == "postgresql":
        found: PostgresServer = request.getfixturevalue("server")
        url = found.url(found.make_database())
    made = await open_config_store(url, KEY)
    async with made.writing() as write:
        await write.put_all([*SERVICES, *ROWS])
    yield made
    await made.close()


async def kinds(store: SqlConfigStore) -> set[str]:
    return {*await store.counts()}


@pytest.mark.spec("portal#1.9")
async def test_workers_hear_of_applications_and_files_do_not(
    store: SqlConfigStore,
) -> None:
    lines = [line.partition(b" ")[0] for line in (await store.lines())[1]]
    said = {type(row).__name__ for row in (await store.load()).rows}
    async with store.writing() as write:
        await write.delete("application_keys", SECRET)
    news = await store.since((await store.revision()) - 1)

    assert sorted({*lines}) == [
        b"application_instances", b"application_keys", b"applications",
        b"developer_credentials", b"services",
    ]  # fmt: skip
    assert said == {"Service"}
    assert news is not None
    assert news.gone == (("application_keys", SECRET),)


@pytest.mark.spec("portal#1.9")
async def test_an_import_ends_contracts_with_services_that_it_does_not_say(
    store: SqlConfigStore,
) -> None:
    async def bring(write: ConfigWrites) -> None:
        await write.clear()
        await write.put_all([SERVICES[0]])
        await write.prune(gone=[], new=[])

    async with store.writing() as write:
        await bring(write)

    assert await store.get("application_instances", ONE) is not None
    assert await store.get("application_instances", OTHER) is None
    assert await store.get("document_objects", DOCUMENT) is None
    assert await store.get("applications", APP) is not None
    assert await store.get("application_keys", SECRET) is not None
    assert await store.get("developer_credentials", OWN) is not None


@pytest.mark.spec("portal#1.9")
async def test_what_a_developer_has_goes_with_them(store: SqlConfigStore) -> None:
    async with store.writing() as write:
        await write.delete("developers", DEV)

    assert await kinds(store) == {"document_objects", "services"}


@pytest.mark.spec("portal#1.7")
async def test_a_developers_credential_is_found_by_its_name_alone(
    store: SqlConfigStore,
) -> None:
    wanted = {"name": build_name("basic-auth", USERNAME)}
    found = await store.find("developer_credentials", wanted)
    other = await store.find("developer_credentials", {"name": f"jwt:{USERNAME}"})
    elsewhere = store.within(GONE)

    assert isinstance(found, DeveloperCredential)
    assert (found.id, other) == (OWN, None)
    assert await elsewhere.find("developer_credentials", wanted) is None
    async with store.writing() as write:
        with pytest.raises(UniqueViolation):
            await write.add(found.model_copy(update={"id": OTHER}))
