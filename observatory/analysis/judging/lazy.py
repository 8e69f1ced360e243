"""A property computed once. Until Python 3.12 the standard one takes a lock at every first look, which was a
third of the judge's time; a case is never shared between threads."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Computed = TypeVar("Computed")


class lazy(Generic[Computed]):
    def __init__(self, compute: Callable[[Any], Computed]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type) -> Computed: ...

    def __get__(self, owner: object | None, kind: type) -> Self | Computed:
        if owner is None:
            return self
        # As an attribute of the instance it is found before this descriptor is asked again.
        value = owner.__dict__[self._name] = self._compute(owner)
        return value
