"""
What every entity, plugin config and nested record is: frozen, strict, and judged whole.

Beyond its fields an entity has checks that look at several of them. As in Kong these run even
when other fields are wrong, so that whoever typed it hears of everything at once.

Spec: Kong's schema validation (gateway §1.1): field errors, and entity checks under `@entity`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from ostiary.model.words import Problem, read_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    One rule about several fields; `judge` gets their values and yields what is wrong.

    The rule runs when all of `fields` are right by themselves. A path of `()` is about the
    entity as a whole, and is told under `@entity`.
    """

    fields: tuple[str, ...]
    judge: Callable[[Mapping[str, Any]], Iterable[Problem]]  # Any: values of any field


class Entity(BaseModel):
    """What every entity is: frozen, and strict about names."""

    # A leeway or time-out of infinity would switch a check off without saying so.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )
    checks: ClassVar[tuple[Check, ...]] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _judge(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = handler(data)
        except ValidationError as error:
            problems = read_problems(error)
            wrong = {path[0] for path, _ in problems if path}
            found = [*_run(cls.checks, _read_values(cls, data, wrong))]
            if not found:
                raise
            raise build_error(cls.__name__, (*problems, *found)) from error
        values = made.__dict__
        found = [told for check in cls.checks for told in check.judge(values)]
        if found:
            raise build_error(cls.__name__, found)
        return made


def _run(checks: Iterable[Check], values: Mapping[str, Any]) -> Iterable[Problem]:
    for check in checks:
        if values.keys() >= set(check.fields):
            yield from check.judge(values)


def _read_values(model: type[Entity], data: Any, wrong: set[Any]) -> dict[str, Any]:
    """The values of the fields that are right by themselves."""
    found: dict[str, Any] = {}
    if not (model.checks and isinstance(data, dict)):
        return found
    for name, info in model.model_fields.items():
        if name in wrong:
            continue
        if name in data:
            found[name] = _adapter(model, name).validate_python(data[name])
        elif not info.is_required():
            found[name] = info.get_default(call_default_factory=True)
    return found


@cache
def _adapter(model: type[Entity], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    kind: Any = info.annotation  # Any: types are values here
    for extra in info.metadata:
        kind = Annotated[kind, extra]
    return TypeAdapter(kind)


def build_error(title: str, problems: Iterable[Problem]) -> ValidationError:
    """What validators raise whose problems have places of their own."""
    lines = [
        InitErrorDetails(
            # In the context, because braces of a text would be read as places.
            type=PydanticCustomError("told", "{text}", {"text": text}),
            loc=path,
            input=None,
        )
        for path, text in problems
    ]
    return ValidationError.from_exception_data(title, lines, hide_input=True)
