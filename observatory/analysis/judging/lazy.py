"""A property computed once. Until Python 3.12 the standard one takes a lock at every first look, which was a
third of the judge's time; a case is never shared between threads."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class lazy(Generic[Value]):
    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type) -> Value: ...

    def __get__(self, owner: object | None, kind: type) -> Self | Value:
        if owner is None:
            return self
        # As an attribute of the instance it is found before this descriptor is asked again.
        value = owner.__dict__[self._name] = self._compute(owner)
        return value
