"""Fields with the checks and the words of Kong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ostiary.model.gateway import Plugin, Route, Service
from ostiary.model.words import describe_problems, nest_problems, read_problems


def wrong(model: type[Any], **data: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data, strict=False)
    return {".".join(map(str, p)): t for p, t in read_problems(caught.value)}


def service(**more: Any) -> Service:
    return Service.model_validate({"host": "a", **more}, strict=False)


def route(**more: Any) -> Route:
    return Route.model_validate({"paths": ["/"], **more}, strict=False)


def test_omitted_fields_take_the_defaults_of_kong() -> None:
    assert service().model_dump() == {
        "id": None, "created_at": None, "updated_at": None, "tags": None, "ws_id": None, "name": None,
        "retries": 5, "protocol": "http", "host": "a", "port": 80, "path": None,
        "connect_timeout": 60000, "write_timeout": 60000, "read_timeout": 60000,
        "tls_verify": None, "tls_verify_depth": None, "client_certificate": None,
        "ca_certificates": None, "enabled": True,
    }  # fmt: skip
    assert route().model_dump() == {
        "id": None, "created_at": None, "updated_at": None, "tags": None, "ws_id": None, "name": None,
        "protocols": ("http", "https"), "methods": None, "hosts": None, "paths": ("/",),
        "headers": None, "snis": None, "sources": None, "destinations": None,
        "https_redirect_status_code": 426, "regex_priority": 0, "strip_path": True,
        "path_handling": "v0", "preserve_host": False, "request_buffering": True,
        "response_buffering": True, "service": None,
    }  # fmt: skip


@pytest.mark.spec("gateway#1.1")
@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("name", "", "length must be at least 1"),
        ("name", "a b", ("invalid value 'a b': the only accepted ascii characters are "
         "alphanumerics or ., -, _, and ~")),
        ("name", "a/b", ("invalid value 'a/b': the only accepted ascii characters are "
         "alphanumerics or ., -, _, and ~")),
        ("name", 5, "expected a string"),
        ("id", "x", "expected a valid UUID"),
        ("id", "11111111-2222-4333-8444-55555555555F", "expected a valid UUID"),
        ("host", "a:80", "must not have a port"),
        ("host", "a b", "invalid value: a b"),
        ("host", "", "invalid value: "),
        ("port", -1, "value should be between 0 and 65535"),
        ("port", 65536, "value should be between 0 and 65535"),
        ("port", "x", "expected an integer"),
        ("port", 1.5, "expected an integer"),
        ("retries", 32768, "value should be between 0 and 32767"),
        ("connect_timeout", 0, "value should be between 1 and 2147483646"),
        ("path", "a", "should start with: /"),
        ("path", "/a//b", "must not have empty segments"),
        ("path", "/a b", ("invalid path: '/a b' (characters outside of the reserved list of "
         "RFC 3986 found)")),
        ("path", "/a%2", "invalid url-encoded value: '%2'"),
        ("path", "/a%zzz", "invalid url-encoded value: '%zz'"),
        ("protocol", "ftp", "expected one of: http, https"),
        ("protocol", [], "expected a string"),
        ("protocol", "grpc", "protocol 'grpc' is not supported yet"),
        ("enabled", "maybe", "expected a boolean"),
        ("tags", 5, "expected a set"),
    ],
)  # fmt: skip
def test_a_service_field_is_refused_in_the_words_of_kong(
    field: str, value: object, text: str
) -> None:
    assert wrong(Service, **{"host": "a", field: value}) == {field: text}


@pytest.mark.parametrize("tag", ["a,b", "a/b", "", "a\x01", "\x7f"])
def test_a_tag_is_printable(tag: str) -> None:
    assert wrong(Service, host="a", tags=[tag]) == {
        "tags.0": f"invalid tag '{tag}': expected printable ascii (except `,` and `/`) "
        "or valid utf-8 sequences"
    }


@pytest.mark.parametrize("value", [[[1]], [{}], [["a"]]])
def test_a_set_of_other_things_is_refused_and_nothing_breaks(value: object) -> None:
    assert list(wrong(Service, host="a", tags=value)) == ["tags.0"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b", "a"], ("a", "b")),
        ("a", ("a",)),
        ({}, ()),
        ([], ()),
        (["é 1"], ("é 1",)),
        (None, None),
    ],
)
def test_a_set_has_no_doubles(value: object, expected: object) -> None:
    assert service(tags=value).tags == expected


@pytest.mark.parametrize("host", ["a", "A.b", "1.2.3.4", "[::1]", "a_b", "a."])
def test_hosts_of_services(host: str) -> None:
    assert service(host=host).host == host


def test_tls_fields_need_tls() -> None:
    assert service(protocol="https", tls_verify=False).tls_verify is False
    assert wrong(Service, host="a", tls_verify=True) == {
        "tls_verify": "value must be null",
        "": "failed conditional validation given value of field 'protocol'",
    }


@pytest.mark.spec("gateway#1.3")
@pytest.mark.parametrize(
    ("field", "value", "place", "text"),
    [
        ("paths", ["a"], "paths.0", "should start with: / (fixed path) or ~/ (regex path)"),
        ("paths", ["~a"], "paths.0", "should start with: / (fixed path) or ~/ (regex path)"),
        ("paths", ["/a/../b"], "paths.0", "non-normalized path, consider use '/b' instead"),
        ("paths", ["/%61"], "paths.0", "non-normalized path, consider use '/a' instead"),
        ("paths", ["/a%2f"], "paths.0", "non-normalized path, consider use '/a%2F' instead"),
        ("paths", ["/a//b"], "paths.0", "must not have empty segments"),
        ("paths", ["/a%5c"], "paths.0", "invalid path: '/a%5c' (the path has '%5c')"),
        ("paths", ["/a", 5], "paths.1", "expected a string"),
        ("methods", ["get"], "methods.0", "invalid value: get"),
        ("methods", ["X-Y"], "methods.0", "invalid value: X-Y"),
        ("hosts", ["*.a.*"], "hosts.0", "invalid wildcard: must have at most one wildcard"),
        ("hosts", ["a.*.b"], "hosts.0",
         "invalid wildcard: must be placed at leftmost or rightmost label"),
        ("hosts", ["*a.b"], "hosts.0",
         "invalid wildcard: must be placed at leftmost or rightmost label"),
        ("hosts", ["*"], "hosts.0",
         "invalid wildcard: must be placed at leftmost or rightmost label"),
        ("hosts", ["a b"], "hosts.0", "invalid value: a b"),
        ("protocols", [], "protocols", "length must be at least 1"),
        ("protocols", ["grpc"], "protocols.0", "protocol 'grpc' is not supported yet"),
        ("protocols", ["http", "ws"], "protocols.1", "protocol 'ws' is not supported yet"),
        ("protocols", [[]], "protocols.0", "expected a string"),
        ("path_handling", "v2", "path_handling", "expected one of: v0, v1"),
        ("https_redirect_status_code", 303, "https_redirect_status_code",
         "expected one of: 426, 301, 302, 307, 308"),
        ("headers", {"Host": ["a"]}, "headers", ("cannot contain 'host' header, which must be "
         "specified in the 'hosts' attribute")),
        ("sources", [{"ip": "1.2.3.4"}], "sources", "not supported yet"),
        ("destinations", [{"port": 1}], "destinations", "not supported yet"),
        ("strip_path", 5, "strip_path", "expected a boolean"),
        ("snis", ["a b"], "snis.0", "invalid value: a b"),
    ],
)  # fmt: skip
def test_a_route_field_is_refused_in_the_words_of_kong(
    field: str, value: object, place: str, text: str
) -> None:
    assert wrong(Route, **{"paths": ["/"], field: value}) == {place: text}


@pytest.mark.spec("D27")
@pytest.mark.parametrize("path", ["~/(", r"~/(?=a)", r"~/(a)\1", "~/[z-a]"])
def test_a_regex_that_is_not_linear_or_not_one_is_refused(path: str) -> None:
    text = wrong(Route, paths=[path])["paths.0"]

    assert text.startswith(f"invalid regex: '{path[1:]}' (RE2 returned: ")


def test_a_regex_of_a_header_is_checked_when_it_is_configured() -> None:
    assert route(headers={"a": ["~*^b+$"]}).headers == {"a": ("~*^b+$",)}
    text = wrong(Route, paths=["/"], headers={"a": ["~*("]})["headers.a"]

    assert text.startswith("invalid regex: '(' ")


@pytest.mark.parametrize("name", ["a b", "", "a:b", "é"])
def test_a_header_name_is_plain(name: str) -> None:
    texts = wrong(Route, paths=["/"], headers={name: ["x"]}).values()

    assert list(texts) == [
        f"bad header name '{name}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
    ]


@pytest.mark.parametrize(
    ("protocols", "names"),
    [
        (["http"], "'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http'"),
        (["https"], "'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'"),
    ],
)  # fmt: skip
def test_a_route_needs_something_to_match(protocols: list[str], names: str) -> None:
    assert wrong(Route, protocols=protocols) == {"": f"must set one of {names}"}
    assert wrong(Route, protocols=protocols, paths=[], hosts={}) == {
        "": f"must set one of {names}"
    }


def test_snis_need_tls() -> None:
    assert route(snis=["a"], protocols=["https"]).snis == ("a",)
    assert wrong(Route, protocols=["http"], snis=["a"]) == {
        "snis": "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or "
        "'tls_passthrough'",
        "": "failed conditional validation given value of field 'protocols'",
    }


@pytest.mark.parametrize("field", ["ordering"])
def test_scopes_that_are_not_built_are_refused(field: str) -> None:
    assert wrong(Plugin, name="p", **{field: {"id": "x"}}) == {
        field: "not supported yet"
    }


def test_problems_are_one_sentence_and_one_tree() -> None:
    problems = (
        (("services", 0, "routes", 2, "paths", 0), "bad"),
        (("services", 0, "host"), "missing"),
        (("services", 0), "whole"),
        (("a",), "one"),
        (("a",), "two"),
        ((), "all"),
    )

    assert describe_problems(problems) == (
        "in 'services[0].routes[2].paths[0]': bad; in 'services[0].host': missing; "
        "in 'services[0]': whole; in 'a': one; in 'a': two; all"
    )
    assert nest_problems(problems) == {
        "services": [
            {
                "routes": [None, None, {"paths": ["bad"]}],
                "host": "missing",
                "@entity": ["whole"],
            }
        ],
        "a": ["one", "two"],
        "@entity": ["all"],
    }
