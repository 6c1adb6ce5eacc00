"""
User import jobs as values: what one is, where it stands, when it is given up.

Spec: cognito §3.2 (statuses), §3.14 (import).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from ostiary.model.pool import Record, RecordKind
from ostiary.userpool.services import Services

EXPIRES_AFTER_S: Final = 24 * 3600
# A job notes its progress more often than this; one that does not has lost its node.
SILENT_AFTER_S: Final = 600
INTERRUPTED: Final = "Interrupted"
_MAX_JOBS: Final = 1000


class JobStatus(StrEnum):
    """Where a job stands, in the API's words."""

    CREATED = "Created"
    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    EXPIRED = "Expired"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


RUNNING: Final = frozenset(
    {JobStatus.PENDING, JobStatus.IN_PROGRESS, JobStatus.STOPPING}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """A job. `counts` are users imported, skipped, failed."""

    id: str
    pool_id: str
    name: str
    role_arn: str
    created_at: float
    modified_at: float
    status: JobStatus = JobStatus.CREATED
    started_at: float | None = None
    completed_at: float | None = None
    counts: tuple[int, int, int] = (0, 0, 0)
    message: str | None = None


def read_job(record: Record) -> ImportJob:
    """A job from what is stored."""
    value: Mapping[str, Any] = record.value  # Any: JSON
    return ImportJob(
        id=record.name,
        pool_id=record.pool_id,
        name=value["name"],
        role_arn=value["role_arn"],
        created_at=record.created_at,
        modified_at=record.modified_at,
        status=JobStatus(value["status"]),
        started_at=value["started_at"],
        completed_at=value["completed_at"],
        counts=tuple(value["counts"]),
        message=value["message"],
    )


def build_record(job: ImportJob) -> Record:
    """A job as it is stored."""
    return Record(
        pool_id=job.pool_id,
        kind=RecordKind.IMPORT_JOB,
        name=job.id,
        value={
            "name": job.name,
            "role_arn": job.role_arn,
            "status": job.status.value,
            "started_at": job.started_at,
            "completed_at": job.completed_at,
            "counts": list(job.counts),
            "message": job.message,
        },
        created_at=job.created_at,
        modified_at=job.modified_at,
    )


def judge_age(job: ImportJob, now: float) -> ImportJob:
    """A job as time has left it: expired before it began, or failed because its node is gone."""
    if job.status is JobStatus.CREATED and now > job.created_at + EXPIRES_AFTER_S:
        return replace(job, status=JobStatus.EXPIRED)
    if job.status in RUNNING and now > job.modified_at + SILENT_AFTER_S:
        return replace(
            job,
            status=JobStatus.FAILED,
            completed_at=job.modified_at,
            message=INTERRUPTED,
        )
    return job


async def has_running_import(services: Services, pool_id: str) -> bool:
    """Whether a pool's users are being imported just now."""
    records = await services.config.store.list_records(
        pool_id=pool_id, kind=RecordKind.IMPORT_JOB, limit=_MAX_JOBS
    )
    now = services.now()
    return any(judge_age(read_job(r), now).status in RUNNING for r in records)
