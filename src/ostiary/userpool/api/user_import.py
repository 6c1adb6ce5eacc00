"""
Operations on user import.

Spec: cognito §3.4, §3.14.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ostiary.model.pool import Pool, RecordKind
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, check_line, invalid
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import list_kept, load_kept
from ostiary.userpool.identifiers import new_job_id
from ostiary.userpool.import_jobs import (
    RUNNING,
    ImportJob,
    JobStatus,
    build_record,
    has_running_import,
    judge_age,
    read_job,
)
from ostiary.userpool.import_rows import build_header
from ostiary.userpool.import_upload import build_upload_url
from ostiary.userpool.importing import run_import

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_STOPPABLE: Final = RUNNING - {JobStatus.STOPPING}
_GIVEN_UP: Final = frozenset({JobStatus.EXPIRED, JobStatus.FAILED})
_PAGE: Final = 50  # the model lets a page hold no more, whatever MaxResults says
Given = Mapping[str, Any]  # Any: an input that the model has checked


def _build_shape(call: Call, job: ImportJob) -> Shape:
    imported, skipped, failed = job.counts
    shape: Shape = {
        "JobName": job.name,
        "JobId": job.id,
        "UserPoolId": job.pool_id,
        "CreationDate": timestamp(job.created_at),
        "Status": job.status.value,
        "CloudWatchLogsRoleArn": job.role_arn,
        "ImportedUsers": imported,
        "SkippedUsers": skipped,
        "FailedUsers": failed,
    }
    if job.status is JobStatus.CREATED:
        shape["PreSignedUrl"] = build_upload_url(call.services, job)
    if job.started_at is not None:
        shape["StartDate"] = timestamp(job.started_at)
    if job.completed_at is not None:
        shape["CompletionDate"] = timestamp(job.completed_at)
    if job.message is not None:
        shape["CompletionMessage"] = job.message
    return shape


def _refuse(text: str) -> ApiError:
    return ApiError("PreconditionNotMetException", text)


async def _load(call: Call, given: Given) -> tuple[Pool, ImportJob]:
    pool = await load_pool(call, given["UserPoolId"])
    text = messages.JOB_MISSING.format(given["JobId"])
    record = await load_kept(
        call, pool, RecordKind.IMPORT_JOB, name=given["JobId"], text=text
    )
    job = judge_age(read_job(record), call.services.now())
    if job.status in _GIVEN_UP:
        await call.services.config.store.delete_record(
            pool_id=pool.id, kind=RecordKind.IMPORT_FILE, name=job.id
        )
    return pool, job


async def _save(call: Call, job: ImportJob) -> None:
    await call.services.config.store.save_record(build_record(job))


async def get_header(call: Call, given: t.GetCSVHeaderRequestTypeDef) -> Shape:
    """GetCSVHeader."""
    pool = await load_pool(call, given["UserPoolId"])
    return {"UserPoolId": pool.id, "CSVHeader": build_header(pool.settings)}


async def create_job(call: Call, given: Given) -> Shape:
    """CreateUserImportJob."""
    pool = await load_pool(call, given["UserPoolId"])
    if "PasswordHashingAlgorithm" in given:
        raise invalid(messages.NOT_YET.format("PasswordHashingAlgorithm"))
    now = call.services.now()
    job = ImportJob(
        id=new_job_id(call.services.config.entropy),
        pool_id=pool.id,
        name=check_line("JobName", given["JobName"]),
        role_arn=given["CloudWatchLogsRoleArn"],
        created_at=now,
        modified_at=now,
    )
    await _save(call, job)
    return {"UserImportJob": _build_shape(call, job)}


async def describe_job(
    call: Call, given: t.DescribeUserImportJobRequestTypeDef
) -> Shape:
    """DescribeUserImportJob."""
    _, job = await _load(call, given)
    return {"UserImportJob": _build_shape(call, job)}


async def list_jobs(call: Call, given: t.ListUserImportJobsRequestTypeDef) -> Shape:
    """ListUserImportJobs; the model has no empty list."""
    pool = await load_pool(call, given["UserPoolId"])
    page, token = await list_kept(
        call,
        pool,
        RecordKind.IMPORT_JOB,
        size=min(given["MaxResults"], _PAGE),
        token=given.get("PaginationToken"),
    )
    now = call.services.now()
    jobs = [_build_shape(call, judge_age(read_job(r), now)) for r in page]
    shape: Shape = {"UserImportJobs": jobs} if jobs else {}
    return shape if token is None else {**shape, "PaginationToken": token}


async def start_job(call: Call, given: t.StartUserImportJobRequestTypeDef) -> Shape:
    """StartUserImportJob: the answer does not wait for the users."""
    pool, job = await _load(call, given)
    services, kind = call.services, RecordKind.IMPORT_FILE
    if job.status is not JobStatus.CREATED:
        raise _refuse(messages.JOB_NOT_CREATED.format(job.status.value))
    if await has_running_import(services, pool.id):
        raise _refuse(messages.JOB_ANOTHER)
    file = await services.config.store.load_record(
        pool_id=pool.id, kind=kind, name=job.id
    )
    if file is None:
        raise _refuse(messages.JOB_NO_FILE)
    now = services.now()
    started = replace(job, status=JobStatus.PENDING, started_at=now, modified_at=now)
    await _save(call, started)
    services.errands.begin(run_import(services, pool, started, file.value["csv"]))
    return {"UserImportJob": _build_shape(call, started)}


async def stop_job(call: Call, given: t.StopUserImportJobRequestTypeDef) -> Shape:
    """StopUserImportJob: it stops soon; who was imported stays."""
    _, job = await _load(call, given)
    if job.status not in _STOPPABLE:
        raise _refuse(messages.JOB_NOT_RUNNING.format(job.status.value))
    stopping = replace(job, status=JobStatus.STOPPING, modified_at=call.services.now())
    await _save(call, stopping)
    return {"UserImportJob": _build_shape(call, stopping)}


OPERATIONS: Final[Operations] = {
    "GetCSVHeader": get_header,
    "CreateUserImportJob": create_job,
    "DescribeUserImportJob": describe_job,
    "ListUserImportJobs": list_jobs,
    "StartUserImportJob": start_job,
    "StopUserImportJob": stop_job,
}
