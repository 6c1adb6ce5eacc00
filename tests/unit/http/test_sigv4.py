"""Requests to AWS are signed as botocore, AWS's own library, signs them."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.exchange import OutgoingRequest
from ostiary.http.sigv4 import AwsKey, sign_request

KEY = AwsKey(
    access_key="AKIDEXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
    service="service",
)
AT = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp())


def signature(request: OutgoingRequest) -> str:
    return dict(request.fields)["Authorization"]


@pytest.mark.spec("SigV4")
def test_the_vector_of_aws() -> None:
    request = OutgoingRequest(method="GET", url="https://example.amazonaws.com/")
    signed = sign_request(request, KEY, AT)

    assert signature(signed) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )
    assert KEY.secret_key not in repr(KEY)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=60), st.text("abz 09", min_size=1, max_size=12))
def test_it_is_what_botocore_says(body: bytes, value: str) -> None:
    url = "https://cognito-idp.eu-west-1.amazonaws.com/"
    fields = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": value}
    ours = sign_request(
        OutgoingRequest(
            method="POST", url=url, fields=tuple(fields.items()), body=body
        ),
        KEY,
        AT,
    )
    theirs = AWSRequest(method="POST", url=url, data=body, headers=fields)
    known = Credentials(KEY.access_key, KEY.secret_key)
    now = datetime.fromtimestamp(AT, UTC)
    with patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(known, KEY.service, KEY.region).add_auth(theirs)

    assert signature(ours) == theirs.headers["Authorization"]
