"""
A request out of a form that was filled in, or what is wrong with each field. Pure.

Where a request goes is not decided here: an absolute server counts for its host and its path alone.
No value adds a segment to the path, a way up, a query, or a field that `fields` refuses.

Spec: RFC 3986 §3.3, §3.4; RFC 7617 (basic); RFC 6750 §2.1 (bearer); decision 0048.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from ostiary.http.forms import build_form
from ostiary.http.path import AmbiguousTarget, parse_target
from ostiary.http.url import MalformedUrl, build_origin, split_host
from ostiary.portal.content.openapi.document import Scheme
from ostiary.portal.content.openapi.samples import Call, build_samples
from ostiary.portal.tryit.fields import BadField, check_value, parse_fields
from ostiary.portal.tryit.form import Credential, Form, Input
from ostiary.ports.own_gateway import OwnRequest

MAX_TEXT_CHARS: Final = 2000
MAX_BODY_CHARS: Final = 20_000
MAX_TARGET_CHARS: Final = 8000
_IN_BRACES: Final = re.compile(r"\{([^{}]{1,200})\}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_IN_PATHS: Final = "/:@!$&'()*+,;=-._~"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_DOTS: Final = frozenset({".", ".."})


class BadInputs(Exception):
    """What is wrong, by the fields of the form; the empty name is about all of it."""

    code = "bad_inputs"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(f"wrong: {', '.join(errors)}")
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The gateway as people reach it, for servers without a host."""

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """As URLs begin."""
        return build_origin(self.scheme, self.host, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A request, its curl line without secrets, and the secrets, which no page may show."""

    request: OwnRequest
    curl: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


def build_request(
    form: Form, values: Mapping[str, str], *, home: Home, client_ip: str
) -> Built:
    """
    The request that a form asks for.

    Raises:
        BadInputs: Fields that must be filled in otherwise.
    """
    return _Building(form, values, home).build(client_ip)


class _Building:
    """Builds one request and notes what is wrong on the way."""

    def __init__(self, form: Form, values: Mapping[str, str], home: Home) -> None:
        self._form = form
        self._values = values
        self._home = home
        self._errors: dict[str, str] = {}

    def build(self, client_ip: str) -> Built:
        form = self._form
        origin, base = self._read_server()
        path = self._fill_path(base)
        query = [*self._list_query()]
        fields = [*self._list_fields()]
        added = self._parse_added()
        media_type, body = self._read_body()
        used, secret_query, secret_fields, secrets = self._read_credentials()
        said = {name.lower() for name, _ in (*fields, *added)}
        if "accept" not in said:
            fields.append(("Accept", form.accept))
        target = path
        if query or secret_query:
            target += f"?{build_form([*query, *secret_query])}"
        self._check_target(path, target)
        if self._errors:
            raise BadInputs(self._errors)
        content = [("Content-Type", media_type)] if media_type else []
        return Built(
            request=OwnRequest(
                method=form.operation.method,
                host=origin.partition("://")[2],
                target=target,
                fields=(*fields, *added, *content, *secret_fields),
                body=body.encode(),
                client_ip=client_ip,
            ),
            curl=build_samples(
                Call(
                    method=form.operation.method, url=origin + path, query=tuple(query),
                    headers=(*fields, *added), needs=used, media_type=media_type, body=body,
                )
            )[0].code,
            secrets=secrets,
        )  # fmt: skip

    def _read_server(self) -> tuple[str, str]:
        """The origin and the path that the chosen server means."""
        chosen = self._values.get("server") or self._form.servers[0]
        if chosen not in self._form.servers:
            self._errors["server"] = "choose one of the servers that are listed"
            return self._home.origin, ""
        try:
            return read_server(chosen, self._home)
        except ValueError as error:
            self._errors["server"] = f"this server cannot be used: {error}"
            return self._home.origin, ""

    def _fill_path(self, base: str) -> str:
        inputs = {i.name: i for i in self._form.inputs if i.place == "path"}

        def fill(found: re.Match[str]) -> str:
            one = inputs.get(found[1])
            if one is None:
                self._errors[""] = f"the path has {found[0]}, which cannot be filled in"
                return "x"
            return quote(self._read(one, is_in_path=True), safe="")

        own = "/" + self._form.operation.path.lstrip("/")
        parts = _IN_BRACES.split(own)
        path = ""
        for place, part in enumerate(parts):
            if place % 2:
                path += _IN_BRACES.sub(fill, f"{{{part}}}")
            else:
                path += _quote_path(part)
        return base + path

    def _read(self, one: Input, *, is_in_path: bool = False) -> str:
        """A value that was filled in; "" where there is none, or none that can be sent."""
        value = self._values.get(one.key, "")
        if is_in_path or one.place == "header":
            value = value.strip()
        problem = _judge(one, value)
        if problem is None and is_in_path and goes_up(value):
            problem = "may not have a part that is “.” or “..”"
        if problem is not None:
            self._errors[one.key] = problem
            return ""
        return value

    def _list_query(self) -> Iterator[tuple[str, str]]:
        for one in self._form.inputs:
            if one.place != "query" or not (value := self._read(one)):
                continue
            for part in value.split(",") if one.repeats else (value,):
                yield one.name, part.strip() if one.repeats else part

    def _list_fields(self) -> Iterator[tuple[str, str]]:
        for one in self._form.inputs:
            if one.place != "header" or not (value := self._read(one)):
                continue
            try:
                yield one.name, check_value(value)
            except BadField as error:
                self._errors[one.key] = error.reason

    def _parse_added(self) -> tuple[tuple[str, str], ...]:
        try:
            return parse_fields(self._values.get("fields", "")[: 10 * MAX_TEXT_CHARS])
        except BadField as error:
            self._errors["fields"] = error.reason
            return ()

    def _read_body(self) -> tuple[str, str]:
        """The media type and the text of the body; "" for none."""
        kinds = self._form.media_types
        text = self._values.get("body", "").replace("\r\n", "\n")
        if not kinds:
            return "", ""
        chosen = self._values.get("media_type") or kinds[0]
        if chosen not in kinds:
            self._errors["media_type"] = "choose one of the types that are listed"
            return "", ""
        if not text.strip():
            if self._form.needs_body:
                self._errors["body"] = "this operation needs a body"
            return "", ""
        if len(text) > MAX_BODY_CHARS:
            self._errors["body"] = f"at most {MAX_BODY_CHARS} characters can be sent from here"  # fmt: skip
            return "", ""
        if chosen.partition(";")[0].strip().lower() == _FORM_TYPE:
            text = self._write_form(text)
        try:
            return check_value("application/json" if chosen == "*/*" else chosen), text
        except BadField as error:
            self._errors["media_type"] = error.reason
            return "", ""

    def _write_form(self, text: str) -> str:
        pairs = []
        for number, line in enumerate(text.split("\n"), 1):
            name, sign, value = line.partition("=")
            if line.strip() and not (sign and name.strip()):
                self._errors["body"] = f"line {number}: write “name=value”"
            elif line.strip():
                pairs.append((name.strip(), value))
        return build_form(pairs)

    def _read_credentials(
        self,
    ) -> tuple[tuple[Scheme, ...], list[tuple[str, str]], list[tuple[str, str]], tuple[str, ...]]:  # fmt: skip
        """The schemes that were filled in, their arguments and fields, and what is secret."""
        used: list[Scheme] = []
        query: list[tuple[str, str]] = []
        fields: list[tuple[str, str]] = []
        secrets: list[str] = []
        for one in self._form.credentials:
            value = self._values.get(one.key, "").strip()
            user = self._values.get(one.user_key, "").strip() if one.is_basic else ""
            if not value and not user:
                continue
            if (problem := _judge_secret(one, value, user)) is not None:
                self._errors[one.key] = problem
                continue
            used.append(one.scheme)
            if one.scheme.kind == "apiKey" and one.scheme.where == "query":
                query.append((one.scheme.field_name, value))
            else:
                name, sent = _write_secret(one, value, user)
                if any(n.lower() == name.lower() for n, _ in fields):
                    self._errors[one.key] = f"another credential is sent in {name} already: fill in one of them"  # fmt: skip
                fields.append((name, sent))
                secrets.append(sent.partition(" ")[2])
            secrets.append(value)
        return tuple(used), query, fields, tuple(s for s in secrets if s)

    def _check_target(self, path: str, target: str) -> None:
        """Nothing may be left that two servers read in two ways."""
        if self._errors:
            return
        try:
            parse_target(path.encode("ascii"))
        except (AmbiguousTarget, UnicodeEncodeError):
            self._errors[""] = "the path that this makes can be read in two ways, and is not sent"  # fmt: skip
            return
        if any(unquote(segment) in _DOTS for segment in path.split("/")):
            self._errors[""] = "the path that this makes has a part that is “.” or “..”"
        elif len(target) > MAX_TARGET_CHARS:
            self._errors[""] = f"the address that this makes is longer than {MAX_TARGET_CHARS} characters"  # fmt: skip


def read_server(url: str, home: Home) -> tuple[str, str]:
    """
    The origin and the path of a server's URL; a relative one is this gateway's.

    Raises:
        ValueError: Nothing can be served there.
    """
    if _IN_BRACES.search(url):
        raise ValueError("it has a variable without a default")
    if _CONTROL.search(url) or "\\" in url or url.startswith("//"):
        raise ValueError("it is no address")
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("it has a query or a fragment")
    base = _quote_path("/" + parts.path.strip("/")).rstrip("/")
    if any(unquote(segment) in _DOTS for segment in base.split("/")):
        raise ValueError("its path has a part that is “.” or “..”")
    if not parts.scheme and not parts.netloc:
        return home.origin, base
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise ValueError("only http and https without a user's name are served")
    try:
        host, port = split_host(parts.netloc)
    except MalformedUrl:
        raise ValueError("its host is none") from None
    return build_origin(parts.scheme, host, port), base


def _quote_path(text: str) -> str:
    """What a specification writes in a path; its escapes stay."""
    return quote(text, safe=_IN_PATHS + "%")


def goes_up(value: str) -> bool:
    """
    Whether some server could read a way up in a value that is one segment.

    Stricter than RFC 3986: an escaped slash is data, but servers exist that decode it first.
    """
    for _ in range(3):
        if any(p.partition(";")[0] in _DOTS for p in re.split(r"[/\\]", value)):
            return True
        value = unquote(value)
    return False


def _judge(one: Input, value: str) -> str | None:
    if not value:
        return "please fill this in" if one.is_required else None
    if len(value) > MAX_TEXT_CHARS:
        return f"at most {MAX_TEXT_CHARS} characters can be sent from here"
    if _CONTROL.search(value):
        return "may not have control characters"
    if one.place == "path" and "\\" in value:
        return "may not have a backslash, which servers read in two ways"
    if one.choices and value not in one.choices:
        return "choose one of the values that are listed"
    return None


def _judge_secret(one: Credential, value: str, user: str) -> str | None:
    if one.is_basic and not user:
        return "a user name belongs to it"
    if one.is_basic and ":" in user:
        return "the user name may not have a colon"
    if len(value) > 2 * MAX_TEXT_CHARS or _CONTROL.search(value + user):
        return "it has control characters, or too many"
    if not one.is_basic and not value.isascii():
        return "it may have only ASCII characters"
    return None


def _write_secret(one: Credential, value: str, user: str) -> tuple[str, str]:
    if one.scheme.kind == "apiKey":
        return one.scheme.field_name, value
    if one.is_basic:
        told = b64encode(f"{user}:{value}".encode()).decode()
        return "Authorization", f"Basic {told}"
    token = value[7:].strip() if value.lower().startswith("bearer ") else value
    return "Authorization", f"Bearer {token}"
