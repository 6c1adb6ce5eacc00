"""
Where the file of an import is put: an address of our own that holds a sealed permission.

The whole file is kept in the store until its job ends, so it is far smaller here than the
service's 100 MB; larger ones go in several jobs.

Spec: cognito §3.14 (import).
"""

from __future__ import annotations

import base64
import json
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ostiary.jose.errors import JoseError
from ostiary.model.pool import Record, RecordKind
from ostiary.userpool.import_jobs import (
    EXPIRES_AFTER_S,
    ImportJob,
    JobStatus,
    judge_age,
    read_job,
)
from ostiary.userpool.services import Services
from ostiary.web.body import BodyTooLarge, read_body

MAX_FILE_BYTES: Final = 5 * 1024 * 1024
_PURPOSE: Final = "user import"


def build_upload_url(services: Services, job: ImportJob) -> str:
    """The address that takes the job's file until the job expires."""
    until = job.created_at + EXPIRES_AFTER_S
    plain = json.dumps([job.pool_id, job.id, until]).encode()
    sealed = services.vault.wrap(plain, purpose=_PURPOSE)
    token = base64.urlsafe_b64encode(sealed).decode("ascii")
    return f"{services.config.issuer_base}/_import/{token}"


async def _find_job(services: Services, token: str) -> ImportJob | None:
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        plain = services.vault.unwrap(sealed, purpose=_PURPOSE)
    except (JoseError, ValueError):
        return None
    pool_id, job_id, until = json.loads(plain)
    now = services.now()
    if now > until:
        return None
    record = await services.config.store.load_record(
        pool_id=pool_id, kind=RecordKind.IMPORT_JOB, name=job_id
    )
    return None if record is None else judge_age(read_job(record), now)


async def receive_file(services: Services, request: Request) -> Response:
    """Keep the file of a job that has not begun, in place of one that was there."""
    job = await _find_job(services, request.path_params["token"])
    if job is None:
        return PlainTextResponse("The address is not valid, or not any more.", 403)
    if job.status is not JobStatus.CREATED:
        return PlainTextResponse("The job has begun or ended already.", 409)
    try:
        text = (await read_body(request, MAX_FILE_BYTES)).decode("utf-8-sig")
    except BodyTooLarge:
        text = f"The file is larger than {MAX_FILE_BYTES} bytes; split it."
        return PlainTextResponse(text, 413)
    except UnicodeDecodeError:
        return PlainTextResponse("The file is not UTF-8.", 400)
    now = services.now()
    await services.config.store.save_record(
        Record(
            pool_id=job.pool_id,
            kind=RecordKind.IMPORT_FILE,
            name=job.id,
            value={"csv": text},
            created_at=now,
            modified_at=now,
        )
    )
    return Response(status_code=200)
