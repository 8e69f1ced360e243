"""What a rule is."""

from collections.abc import Callable
from dataclasses import dataclass

from observatory.analysis.case import Case
from observatory.model import Layer, State


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` returns the ids of the observations that show it, or True where none needs naming.

    `says` is the claim in one sentence; `mechanism` is None where none is claimed.
    """

    id: str
    layer: Layer
    state: State
    mechanism: str | None
    when: Callable[[Case], tuple[str, ...] | bool]
    says: str
