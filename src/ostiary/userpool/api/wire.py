"""
The wire protocol: one POST, the operation in a header, JSON both ways.

Spec: AWS JSON 1.1.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.ports.pool_store import StoreError
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, check_host, read_region, refuse_web_pages
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.operations import find_operation
from ostiary.userpool.api.service import load_service
from ostiary.userpool.api.signature import SignedRequest, check_signature
from ostiary.userpool.api.validation import check_input
from ostiary.userpool.identifiers import new_uuid
from ostiary.userpool.rates import count_address, count_client, read_address
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services
from ostiary.web.body import BodyTooLarge, read_body

_log: Final = logging.getLogger(__name__)
_TYPE: Final = "application/x-amz-json-1.1"
_PREFIX: Final = "AWSCognitoIdentityProviderService."
_LIMIT: Final = 1024 * 1024
Shape = dict[str, Any]  # Any: JSON


def parse_body(body: bytes) -> object:
    """
    The JSON of a request.

    Raises:
        ApiError: It is none.
    """
    try:
        data: object = json.loads(body or b"{}")
        # A lone surrogate is no text: it could neither be stored nor sent.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", messages.BAD_JSON) from error
    return data


async def _answer(services: Services, request: Request) -> Shape | None:
    check_host(services.config, request.headers.get("host", ""))
    target = request.headers.get("x-amz-target", "")
    name = target.removeprefix(_PREFIX)
    operation = find_operation(name if target.startswith(_PREFIX) else target)
    authorization = request.headers.get("authorization")
    if operation.shape.signed:
        refuse_web_pages(request.headers)
        region = read_region(authorization, services.config.region)
    else:
        region = services.config.region
    testing = services.config.testing
    if testing is not None and await testing.faults.before_call():
        raise ApiError("TooManyRequestsException", messages.RATE_EXCEEDED)
    try:
        body = await read_body(request, _LIMIT)
    except BodyTooLarge as error:
        raise ApiError("SerializationException", messages.TOO_LARGE) from error
    if operation.shape.signed:
        _check_signature(services, request, body)
    given = check_input(load_service(), operation.shape.input, parse_body(body))
    address = read_address(request)
    if count_address(services, address) or await count_client(
        services, given.get("ClientId")
    ):
        raise ApiError("TooManyRequestsException", messages.RATE_EXCEEDED)
    call = Call(services=services, region=region, address=address)
    answer = await operation.run(call, given)
    return answer if operation.shape.answers else None


def _check_signature(services: Services, request: Request, body: bytes) -> None:
    """Any signature is accepted, unless the operator has said whose."""
    credentials = services.config.credentials
    if not credentials:
        return
    signed = SignedRequest(
        method=request.method,
        path=request.scope["path"],
        query=request.scope["query_string"].decode("latin-1"),
        headers=tuple((k.lower(), v) for k, v in request.headers.items()),
        body=body,
    )
    check_signature(signed, credentials, now=services.now())


async def answer_api(services: Services, request: Request) -> Response:
    """Carry out one call, or say why not."""
    request_id = new_uuid(services.config.entropy)
    headers = {"x-amzn-requestid": request_id}
    try:
        answer = await _answer(services, request)
    except ApiError as error:
        refusal = error
    except AccountError as error:
        refusal = ApiError(error.code, error.message)
    except StoreError as error:
        _log.error("call %s failed: %s", request_id, error.code)
        refusal = ApiError("InternalErrorException", messages.INTERNAL, status=500)
    except Exception as error:  # noqa: BLE001 - SDKs can read nothing but JSON
        # Only the kind: the text may repeat what the caller sent.
        _log.error("call %s broke: %s", request_id, type(error).__name__)
        refusal = ApiError("InternalErrorException", messages.INTERNAL, status=500)
    else:
        body = b"" if answer is None else json.dumps(answer).encode()
        return Response(body, 200, headers, _TYPE)
    headers |= {
        "x-amzn-errortype": f"{refusal.code}:",
        "x-amzn-errormessage": _header_text(refusal.message),
    }
    shape = {"__type": refusal.code, "message": refusal.message}
    return Response(json.dumps(shape), refusal.status, headers, _TYPE)


def _header_text(text: str) -> str:
    # Values of the caller stand in these texts; a field holds neither line ends nor controls.
    return "".join(c if " " <= c <= "~" else " " for c in text)[:1024]
