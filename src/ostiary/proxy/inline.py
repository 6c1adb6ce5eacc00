"""
Own copies of inherited methods, for classes of the hot path.

CPython remembers at each place of a function's code which class it met there. Code that several
classes share meets them in turn and remembers none, which makes every attribute dear.
"""

from __future__ import annotations

from types import FunctionType
from typing import TypeVar

T = TypeVar("T")


def own_methods(kind: type[T]) -> type[T]:
    """Give a class copies of the methods that it inherits from this package."""
    package = __name__.rpartition(".")[0]
    for base in kind.__mro__[1:]:
        if not base.__module__.startswith(package):
            continue
        for name, method in vars(base).items():
            if not isinstance(method, FunctionType) or name in vars(kind):
                continue
            own = FunctionType(
                method.__code__.replace(),
                method.__globals__,
                name,
                method.__defaults__,
                method.__closure__,
            )
            own.__kwdefaults__ = method.__kwdefaults__
            own.__doc__ = method.__doc__
            own.__qualname__ = method.__qualname__
            setattr(kind, name, own)
    return kind
