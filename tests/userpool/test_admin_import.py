"""User import, from the empty job to the people in the pool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from ostiary.model.pool import RecordKind, User
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.userpool import importing
from ostiary.userpool.import_jobs import ImportJob, JobStatus, build_record, read_job
from ostiary.userpool.services import build_services
from tests.userpool.pool_kit import Answer, PoolSite
from tests.userpool.pool_sdk import Sdk

ROLE = "arn:aws:iam::000000000000:role/logs"
NOT_FOUND = "ResourceNotFoundException"
NOT_MET = "PreconditionNotMetException"


@pytest.fixture
async def pool_id(site: PoolSite) -> str:
    made = await site.call(
        "CreateUserPool", PoolName="p", AutoVerifiedAttributes=["email"]
    )
    pool_id: str = made["UserPool"]["Id"]
    return pool_id


async def make_job(sdk: Sdk, pool_id: str) -> Any:
    made = await sdk.call(
        "CreateUserImportJob",
        UserPoolId=pool_id,
        JobName="people",
        CloudWatchLogsRoleArn=ROLE,
    )
    return made["UserImportJob"]


async def put(site: PoolSite, url: str, body: bytes) -> Answer:
    browser = site.browser(host="cognito-idp.localhost:9443")
    headers = {"x-amz-server-side-encryption": "aws:kms"}
    return await browser.request("PUT", urlsplit(url).path, body=body, headers=headers)


async def make_file(sdk: Sdk, pool_id: str, *people: dict[str, str]) -> bytes:
    header = (await sdk.call("GetCSVHeader", UserPoolId=pool_id))["CSVHeader"]
    usual = {"cognito:mfa_enabled": "false", "email_verified": "true"}
    rows = [",".join((usual | p).get(name, "") for name in header) for p in people]
    return "\n".join([",".join(header), *rows, ""]).encode()


def person(name: str, **more: str) -> dict[str, str]:
    return {"cognito:username": name, "email": f"{name}@example.org", **more}


async def test_a_row_that_no_store_can_hold_fails_alone(
    site: PoolSite, sdk: Sdk, pool_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user = site.config.store.add_user

    async def refuse_bob(user: User) -> None:
        if user.username == "bob":
            raise StoreUnavailable("a value it cannot hold")
        await add_user(user)

    monkeypatch.setattr(site.config.store, "add_user", refuse_bob)
    job = await make_job(sdk, pool_id)
    named = {"UserPoolId": pool_id, "JobId": job["JobId"]}
    file = await make_file(
        sdk, pool_id, person("ada"), person("bob"), person("a b"), person("eve")
    )
    await put(site, job["PreSignedUrl"], file)
    await sdk.call("StartUserImportJob", **named)
    await site.settle()
    ended = (await sdk.call("DescribeUserImportJob", **named))["UserImportJob"]

    assert (ended["Status"], ended["ImportedUsers"], ended["FailedUsers"]) == (
        "Succeeded",
        2,
        2,
    )


async def test_people_are_imported_and_must_reset_their_passwords(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    job = await make_job(sdk, pool_id)
    named = {"UserPoolId": pool_id, "JobId": job["JobId"]}
    file = await make_file(
        sdk,
        pool_id,
        person("ada"),
        person("bob", phone_number="+4912345", **{"cognito:mfa_enabled": "true"}),
        person("ada"),
        person("eve", email="nonsense"),
    )

    assert job["Status"] == "Created"
    assert job["JobId"].startswith("import-")

    sent = await put(site, job["PreSignedUrl"], b"\xef\xbb\xbf" + file)
    started = await sdk.call("StartUserImportJob", **named)
    await site.settle()
    ended = (await sdk.call("DescribeUserImportJob", **named))["UserImportJob"]

    assert sent.status == 200
    assert started["UserImportJob"]["Status"] == "Pending"
    assert "PreSignedUrl" not in started["UserImportJob"]
    assert ended["Status"] == "Succeeded"
    assert ended["CompletionDate"] >= ended["StartDate"]
    assert (ended["ImportedUsers"], ended["SkippedUsers"], ended["FailedUsers"]) == (
        2,
        1,
        1,
    )

    users = (await sdk.call("ListUsers", UserPoolId=pool_id))["Users"]
    assert {u["Username"]: u["UserStatus"] for u in users} == {
        "ada": "RESET_REQUIRED",
        "bob": "RESET_REQUIRED",
    }
    bob = await site.config.store.load_user(pool_id=pool_id, username="bob")
    assert bob is not None
    assert bob.factors.sms
    left = await site.config.store.load_record(
        pool_id=pool_id, kind=RecordKind.IMPORT_FILE, name=job["JobId"]
    )
    assert left is None


async def test_a_file_of_another_shape_fails_the_job(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    job = await make_job(sdk, pool_id)
    named = {"UserPoolId": pool_id, "JobId": job["JobId"]}
    await put(site, job["PreSignedUrl"], b"name,email\nAda,a@b.example\n")
    await sdk.call("StartUserImportJob", **named)
    await site.settle()
    ended = (await sdk.call("DescribeUserImportJob", **named))["UserImportJob"]

    assert (ended["Status"], ended["CompletionMessage"]) == ("Failed", "InvalidHeader")
    assert ended["ImportedUsers"] == 0


async def test_the_address_takes_only_what_it_was_made_for(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    job = await make_job(sdk, pool_id)
    url, named = job["PreSignedUrl"], {"UserPoolId": pool_id, "JobId": job["JobId"]}

    assert (await put(site, f"{url}x", b"")).status == 403
    assert (await put(site, url.replace("_import/", "_import/A"), b"")).status == 403
    assert (await put(site, url, b"\xff\xfe")).status == 400
    assert (await put(site, url, bytes(5 * 1024 * 1024 + 1))).status == 413
    assert (await put(site, url, await make_file(sdk, pool_id))).status == 200

    await sdk.call("StartUserImportJob", **named)
    await site.settle()

    assert (await put(site, url, b"")).status == 409

    late = await make_job(sdk, pool_id)
    site.clock.pass_s(24 * 3600 + 1)

    assert (await put(site, late["PreSignedUrl"], b"")).status == 403
    expired = {"UserPoolId": pool_id, "JobId": late["JobId"]}
    found = (await sdk.call("DescribeUserImportJob", **expired))["UserImportJob"]
    assert found["Status"] == "Expired"
    code, text = await sdk.refused("StartUserImportJob", **expired)
    assert (code, "Expired" in text) == (NOT_MET, True)


async def test_a_job_starts_once_and_with_a_file(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    job = await make_job(sdk, pool_id)
    named = {"UserPoolId": pool_id, "JobId": job["JobId"]}
    code, text = await sdk.refused("StartUserImportJob", **named)

    assert code == NOT_MET
    assert "no file" in text

    await put(site, job["PreSignedUrl"], await make_file(sdk, pool_id))
    await sdk.call("StartUserImportJob", **named)
    await site.settle()

    for operation in ("StartUserImportJob", "StopUserImportJob"):
        code, text = await sdk.refused(operation, **named)

        assert code == NOT_MET
        assert text.endswith("its status is Succeeded.")


async def running_job(site: PoolSite, sdk: Sdk, pool_id: str) -> ImportJob:
    """A job that another node has begun just now."""
    made = await make_job(sdk, pool_id)
    job = ImportJob(
        id=made["JobId"],
        pool_id=pool_id,
        name="people",
        role_arn=ROLE,
        created_at=site.clock.at,
        modified_at=site.clock.at,
        started_at=site.clock.at,
        status=JobStatus.IN_PROGRESS,
    )
    await site.config.store.save_record(build_record(job))
    return job


async def test_a_job_that_is_told_to_stop_stops(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    job = await running_job(site, sdk, pool_id)
    stopping = await sdk.call("StopUserImportJob", UserPoolId=pool_id, JobId=job.id)
    pool = await site.config.store.load_pool(pool_id)
    assert pool is not None
    text = (await make_file(sdk, pool_id, person("ada"))).decode()

    await importing.run_import(build_services(site.config), pool, job, text)

    ended = await sdk.call("DescribeUserImportJob", UserPoolId=pool_id, JobId=job.id)
    assert stopping["UserImportJob"]["Status"] == "Stopping"
    assert ended["UserImportJob"]["Status"] == "Stopped"
    assert (await sdk.call("ListUsers", UserPoolId=pool_id))["Users"] == []


async def test_a_node_that_stops_interrupts_its_imports(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    job = await running_job(site, sdk, pool_id)
    pool = await site.config.store.load_pool(pool_id)
    assert pool is not None
    text = (await make_file(sdk, pool_id, person("ada"))).decode()
    services = build_services(site.config)
    await services.errands.close()

    await importing.run_import(services, pool, job, text)

    ended = await sdk.call("DescribeUserImportJob", UserPoolId=pool_id, JobId=job.id)
    assert ended["UserImportJob"]["Status"] == "Failed"
    assert ended["UserImportJob"]["CompletionMessage"] == "Interrupted"
    assert (await sdk.call("ListUsers", UserPoolId=pool_id))["Users"] == []


async def test_a_pool_stays_as_it_is_while_people_are_imported(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    await running_job(site, sdk, pool_id)
    waiting = await make_job(sdk, pool_id)
    await put(site, waiting["PreSignedUrl"], await make_file(sdk, pool_id))
    attribute = {"Name": "x", "AttributeDataType": "String"}

    for operation, members in (
        ("UpdateUserPool", {}),
        ("DeleteUserPool", {}),
        ("AddCustomAttributes", {"CustomAttributes": [attribute]}),
    ):
        code, _ = await sdk.refused(operation, UserPoolId=pool_id, **members)

        assert code == "UserImportInProgressException"
    assert await sdk.refused(
        "StartUserImportJob", UserPoolId=pool_id, JobId=waiting["JobId"]
    ) == (NOT_MET, "Another user import job is running.")


async def test_a_job_whose_node_is_gone_has_failed(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    job = await running_job(site, sdk, pool_id)
    site.clock.pass_s(601)
    found = await sdk.call("DescribeUserImportJob", UserPoolId=pool_id, JobId=job.id)
    await sdk.call("UpdateUserPool", UserPoolId=pool_id)

    assert found["UserImportJob"]["Status"] == "Failed"
    assert found["UserImportJob"]["CompletionMessage"] == "Interrupted"


async def test_jobs_are_listed_in_pages(sdk: Sdk, pool_id: str) -> None:
    where = {"UserPoolId": pool_id, "MaxResults": 2}

    assert "UserImportJobs" not in await sdk.call("ListUserImportJobs", **where)

    made = {(await make_job(sdk, pool_id))["JobId"] for _ in range(3)}
    first = await sdk.call("ListUserImportJobs", **where)
    token = {"PaginationToken": first["PaginationToken"]}
    second = await sdk.call("ListUserImportJobs", **where, **token)

    listed = first["UserImportJobs"] + second["UserImportJobs"]
    assert {job["JobId"] for job in listed} == made
    assert "PaginationToken" not in second


@pytest.mark.parametrize("operation", ["Describe", "Start", "Stop"])
async def test_a_job_that_is_not_there_is_named_so(
    sdk: Sdk, pool_id: str, operation: str
) -> None:
    assert await sdk.refused(
        f"{operation}UserImportJob", UserPoolId=pool_id, JobId="import-x"
    ) == (NOT_FOUND, "User import job import-x does not exist.")


async def test_hashes_of_passwords_are_not_imported(sdk: Sdk, pool_id: str) -> None:
    refused = await sdk.refused(
        "CreateUserImportJob",
        UserPoolId=pool_id,
        JobName="people",
        CloudWatchLogsRoleArn=ROLE,
        PasswordHashingAlgorithm="BCRYPT",
    )

    assert refused == (
        "InvalidParameterException",
        "PasswordHashingAlgorithm is not supported yet.",
    )


def test_a_job_is_stored_and_read_as_it_was() -> None:
    job = ImportJob(
        id="import-x",
        pool_id="p",
        name="n",
        role_arn=ROLE,
        created_at=1,
        modified_at=2,
        counts=(1, 2, 3),
        message="InvalidFile",
    )
    done = replace(job, status=JobStatus.FAILED, started_at=1.5, completed_at=2.5)

    for one in (job, done):
        assert read_job(build_record(one)) == one
