"""
Carries out a user import, while nobody waits.

Now and then it notes how far it is, and looks whether it is to stop.

Spec: cognito §3.9 (imported users must reset their password), §3.14.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from ostiary.model.pool import Pool, RecordKind, UserStatus
from ostiary.ports.pool_store import StoreError
from ostiary.userpool.accounts import add_user, build_user
from ostiary.userpool.import_jobs import (
    INTERRUPTED,
    ImportJob,
    JobStatus,
    build_record,
    read_job,
)
from ostiary.userpool.import_rows import (
    Row,
    UnreadableFile,
    WrongRow,
    judge_row,
    read_rows,
)
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

_log: Final = logging.getLogger(__name__)
_NOTED_EVERY: Final = 50
_TAKEN: Final = frozenset({"UsernameExistsException", "AliasExistsException"})


async def _import_row(services: Services, pool: Pool, row: Row) -> None:
    user = await build_user(services, pool, row.newcomer, UserStatus.RESET_REQUIRED)
    if row.wants_mfa and user.attributes.get("phone_number"):
        user = replace(user, factors=replace(user.factors, sms=True))
    await add_user(services, pool, user, row.newcomer)


async def _count_row(services: Services, pool: Pool, cells: list[str]) -> int:
    """Import a row; tell whether it was imported (0), skipped (1) or failed (2)."""
    try:
        await _import_row(services, pool, judge_row(pool, cells))
    except WrongRow:
        return 2
    except StoreError as error:
        # One that no store can hold; where the store is gone, noting the progress ends the job.
        _log.warning("a row is not imported: %s", error.code)
        return 2
    except AccountError as error:
        return 1 if error.code in _TAKEN else 2
    return 0


async def _save(services: Services, job: ImportJob) -> None:
    job = replace(job, modified_at=services.now())
    await services.config.store.save_record(build_record(job))


async def _is_to_stop(services: Services, job: ImportJob) -> bool:
    record = await services.config.store.load_record(
        pool_id=job.pool_id, kind=RecordKind.IMPORT_JOB, name=job.id
    )
    return record is None or read_job(record).status is JobStatus.STOPPING


async def _run(services: Services, pool: Pool, job: ImportJob, text: str) -> ImportJob:
    counts = [0, 0, 0]
    status, message = JobStatus.SUCCEEDED, None
    try:
        for number, cells in enumerate(read_rows(pool.settings, text)):
            if number % _NOTED_EVERY == 0:
                if services.errands.is_closing:
                    status, message = JobStatus.FAILED, INTERRUPTED
                    break
                if await _is_to_stop(services, job):
                    status = JobStatus.STOPPED
                    break
                noted = replace(
                    job, status=JobStatus.IN_PROGRESS, counts=_triple(counts)
                )
                await _save(services, noted)
            counts[await _count_row(services, pool, cells)] += 1
    except UnreadableFile as error:
        status, message = JobStatus.FAILED, error.code
    return replace(
        job,
        status=status,
        message=message,
        counts=_triple(counts),
        completed_at=services.now(),
    )


def _triple(counts: list[int]) -> tuple[int, int, int]:
    imported, skipped, failed = counts
    return imported, skipped, failed


async def run_import(services: Services, pool: Pool, job: ImportJob, text: str) -> None:
    """Import all users of a file, and note how it ended; the file is forgotten then."""
    ended = await _run(services, pool, job, text)
    await _save(services, ended)
    await services.config.store.delete_record(
        pool_id=job.pool_id, kind=RecordKind.IMPORT_FILE, name=job.id
    )
