"""Requests out of forms: where they go, what they carry, and all that is refused."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.forms import parse_form
from ostiary.portal.tryit.building import BadInputs, build_request, read_server
from ostiary.portal.tryit.fields import BadField, check_name, check_value, parse_fields
from tests.unit.portal.tryit.try_kit import HOME, SPEC, build, form_of

FORM = form_of()


def wrong(slug: str = "get-cat", /, **values: str) -> dict[str, str]:
    with pytest.raises(BadInputs) as caught:
        build(slug, **values)
    assert caught.value.code == "bad_inputs"
    return dict(caught.value.errors)


@pytest.mark.spec("portal#5.2")
def test_a_relative_server_is_this_gateway() -> None:
    """Its path is put before the operation's, and its host is the portal's."""
    sent = build(path__name="tom & co").request

    assert sent.host == "kong-ee:8443"
    assert sent.target == "/pets/cats/tom%20%26%20co"
    assert sent.method == "GET"
    assert sent.client_ip == "192.0.2.7"


def test_an_absolute_server_counts_for_its_host_and_path_alone() -> None:
    """The request has no other place in it than the Host field."""
    sent = build(server="https://pets.example.com:444/v1").request

    assert sent.host == "pets.example.com:444"
    assert sent.target == "/v1/cats/tom"


def test_only_servers_of_the_specification_count() -> None:
    """Whoever sends a form with another is refused."""
    assert "server" in wrong(server="https://evil.example/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/", "https://u:p@a.example/", "https://a.example/?q=1", "//a.example/x",
        "https://a.example/../x", "/a/%2e%2e/b", "https://{name}.example", "/a#b", "http://a b/",
        "https://a.example:99999/", "/a\\b", "/a\r\nHost: b", "javascript://a/",
    ],
)  # fmt: skip
def test_servers_that_could_mean_something_else_are_refused(url: str) -> None:
    """A user's name, a query, a way up, an open variable, a line end, another scheme."""
    with pytest.raises(ValueError):
        read_server(url, HOME)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("/", "https://kong-ee:8443", ""), ("v1/", "https://kong-ee:8443", "/v1"),
        ("http://A.example:80/x/", "http://a.example", "/x"),
        ("https://[::1]:8443", "https://[::1]:8443", ""),
    ],
)  # fmt: skip
def test_servers_are_read(url: str, origin: str, path: str) -> None:
    """Hosts in lower case, default ports left out, no slash at the end."""
    assert read_server(url, HOME) == (origin, path)


@given(st.text(min_size=1, max_size=40))
def test_no_value_changes_the_path_around_it(value: str) -> None:
    """However a value is written, the path has its segments, no query, and no way up."""
    try:
        target = build_request(
            FORM, {"path:name": value}, home=HOME, client_ip=""
        ).request.target
    except BadInputs:
        return

    assert target.count("/") == 3
    assert target.startswith("/pets/cats/")
    assert not {"?", "#", "\\", " "} & {*target}
    assert target.rpartition("/")[2] not in {"", ".", ".."}


@pytest.mark.parametrize(
    "value",
    [".", "..", "../x", "a/..", "..\\x", "%2e%2e", "%252e%252e%252fx", "..;x", "a\x00", "a\r\nb", "", "  ", "x" * 2001],
)  # fmt: skip
def test_values_that_lead_elsewhere_are_told_at_their_field(value: str) -> None:
    """Dots, also hidden ones, control characters, nothing, too much."""
    assert "path:name" in wrong(path__name=value)


def test_a_way_up_made_of_several_values_is_refused() -> None:
    """Two values of one segment may not make dots together, nor a value beside a dot."""
    document = deepcopy(SPEC)
    document["paths"] = {"/{a}{b}/x": {"get": {"operationId": "dots", "responses": {}}}}
    form = form_of("dots", document)
    for values in ({"path:a": ".", "path:b": "."}, {"path:a": "%2", "path:b": "e"}):
        with pytest.raises(BadInputs):
            build_request(form, {**values, "path:b": "."}, home=HOME, client_ip="")
    document["paths"] = {"/.{a}/x": {"get": {"operationId": "dots", "responses": {}}}}
    with pytest.raises(BadInputs):
        build_request(form_of("dots", document), {"path:a": "."}, home=HOME, client_ip="")  # fmt: skip


def test_the_query_is_what_was_filled_in() -> None:
    """Lists are repeated, signs are escaped, empty ones are left out."""
    sent = build(query__size="big", query__tag="a, b&c").request
    query = sent.target.partition("?")[2]

    assert parse_form(query) == (("size", "big"), ("tag", "a"), ("tag", "b&c"))
    assert build(query__size="").request.target == "/pets/cats/tom"


def test_a_value_that_is_not_listed_is_refused() -> None:
    """A select of a form that somebody edited."""
    assert "query:size" in wrong(query__size="huge")


@pytest.mark.spec("security#T-F2")
@pytest.mark.parametrize(
    "name",
    [
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
        "Upgrade", "Expect", "HTTP2-Settings", "Accept-Encoding", "Proxy-Connection",
        "Cookie", "Cookie2", "Set-Cookie", "Authorization", "Proxy-Authorization", "Content-Type",
        "Forwarded", "Via", "X-Forwarded-For", "X_Forwarded_For", "x-forwarded-host", "X-Real-IP",
        "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Original-URL", "X-Rewrite-URL",
        "X-HTTP-Method-Override", "X-Consumer-ID", "X-Consumer-Username", "X-Consumer-Custom-ID",
        "X-Credential-Identifier", "X-Authenticated-Userid", "X-Authenticated-Groups",
        "X-Anonymous-Consumer", "X-Userinfo", "Remote-User", "X-Remote-User", "X-Kong-Request-Id",
        "X-Ostiary-Assertion", "Sec-Fetch-Site", "X-Client-Cert",
    ],
)  # fmt: skip
def test_fields_that_others_believe_are_never_sent(name: str) -> None:
    """Each is refused with its line, however it is spelt; nothing is sent."""
    assert "fields" in wrong(fields=f"Accept-Language: de\n{name.upper()}: 1")
    with pytest.raises(BadField) as caught:
        check_name(name.lower())
    assert caught.value.code == "bad_field"


@pytest.mark.parametrize(
    "text",
    ["nothing", ": x", "a b: x", "ä: x", "X-A: ü", "X-A: a\x00b", "X-A: a\rX-B: c", "\n".join(f"X-{n}: 1" for n in range(21)), "X-A: " + "x" * 4001],
)  # fmt: skip
def test_lines_that_are_no_fields_are_refused(text: str) -> None:
    """No colon, no name, signs that would end a line, too many, too long."""
    with pytest.raises(BadField):
        parse_fields(text)


def test_other_fields_are_sent_as_they_are() -> None:
    """One a line, blanks around them gone; Accept is ours unless somebody says another."""
    plain = build(fields="X-A: 1\r\n\r\nX-B:  two words ", header__X_Trace="t").request
    said = build(fields="accept: text/csv").request

    assert plain.fields == (("X-Trace", "t"), ("Accept", "application/json"), ("X-A", "1"), ("X-B", "two words"))  # fmt: skip
    assert said.fields == (("accept", "text/csv"),)
    assert check_value(" x ") == "x"


def test_parameters_that_are_never_sent_are_not_asked_for() -> None:
    """Cookies, Authorization, and fields that say where from; the page says so."""
    assert [i.name for i in FORM.inputs] == ["name", "size", "tag", "X-Trace"]
    assert any("cookies" in text for text in FORM.left_out)
    assert any("never sends" in text for text in FORM.left_out)
    assert [c.scheme.name for c in FORM.credentials] == ["token", "login", "key", "arg"]


@pytest.mark.parametrize(
    ("values", "field", "secret"),
    [
        ({"auth__token": "s3cret-t"}, ("Authorization", "Bearer s3cret-t"), "s3cret-t"),
        ({"auth__token": "Bearer s3cret-t"}, ("Authorization", "Bearer s3cret-t"), "s3cret-t"),
        ({"auth__login": "pass-word", "user__login": "ada"}, ("Authorization", "Basic YWRhOnBhc3Mtd29yZA=="), "pass-word"),
        ({"auth__key": "k-123456"}, ("apikey", "k-123456"), "k-123456"),
    ],
)  # fmt: skip
def test_credentials_are_sent_and_shown_nowhere(
    values: dict[str, str], field: tuple[str, str], secret: str
) -> None:
    """The request has them; neither its repr nor the curl line does."""
    built = build(**values)

    assert built.request.fields[-1] == field
    assert secret in built.secrets
    for shown in (built.curl, repr(built), repr(built.request)):
        assert secret not in shown
        assert field[1] not in shown


def test_a_key_in_the_query_is_in_no_line_that_is_shown() -> None:
    """It is sent in the target, and the curl line has a placeholder."""
    built = build(auth__arg="k-123456", query__size="big")

    assert built.request.target.endswith("?size=big&api_key=k-123456")
    assert "k-123456" not in built.curl
    assert "api_key=YOUR_API_KEY" in built.curl
    assert "k-123456" not in repr(built)


@pytest.mark.parametrize(
    "values",
    [
        {"auth__token": "a\r\nHost: b"}, {"auth__token": "ü"}, {"auth__login": "x"},
        {"auth__login": "x", "user__login": "a:b"}, {"auth__key": "x" * 4001},
        {"auth__token": "x", "auth__login": "y", "user__login": "a"},
    ],
)  # fmt: skip
def test_credentials_that_cannot_be_sent_are_told_at_their_field(
    values: dict[str, str],
) -> None:
    """Line ends, too much, a name that is missing, two for one field; the error shows none."""
    errors = wrong(**values)

    assert any(key.startswith("auth:") for key in errors)
    assert not any("Host: b" in text for text in errors.values())


def test_bodies_have_the_type_that_was_chosen() -> None:
    """JSON as it is written, forms encoded, and nothing that is no text."""
    json = build("add-cat", body='{"a":\r\n1}').request
    form = build("add-cat", body="a=1 & 2\nb=x=y\n", media_type="application/x-www-form-urlencoded").request  # fmt: skip

    assert (json.fields[-1], json.body) == (("Content-Type", "application/json"), b'{"a":\n1}')  # fmt: skip
    assert parse_form(form.body) == (("a", "1 & 2"), ("b", "x=y"))
    assert any("multipart" in text for text in form_of("add-cat").left_out)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({}, "body"), ({"body": "x" * 20_001}, "body"),
        ({"body": "x", "media_type": "multipart/form-data"}, "media_type"),
        ({"body": "x", "media_type": "application/x-www-form-urlencoded"}, "body"),
    ],
)  # fmt: skip
def test_bodies_that_cannot_be_sent_are_told_at_their_field(
    values: dict[str, Any], key: str
) -> None:
    """Missing, too long, of a type that is not offered, no form."""
    assert key in wrong("add-cat", **values)


def test_the_curl_line_does_the_same() -> None:
    """It has the address that people use, and quotes what somebody wrote."""
    curl = build(path__name="o'hara", fields="X-A: $(id)", auth__token="t-123456").curl

    assert curl.startswith("curl https://kong-ee:8443/pets/cats/o%27hara")
    assert "'X-A: $(id)'" in curl
    assert "Bearer YOUR_TOKEN" in curl
