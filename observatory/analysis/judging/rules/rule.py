"""What a rule is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from observatory.analysis.judging.case import Case
from observatory.model import Layer, State


class Basis(StrEnum):
    """What kind of evidence a rule rests on.

    guard       whether the measurement can show anything at all
    artefact    something only a filter leaves behind
    comparison  what works for a control, or under another name, and not here
    proof       the target was verified
    symptom     it fails, and nothing settles why
    """

    GUARD = "guard"
    ARTEFACT = "artefact"
    COMPARISON = "comparison"
    PROOF = "proof"
    SYMPTOM = "symptom"


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` returns the ids of the observations that show it, or True where none needs naming.

    `mechanism` is None where none is claimed. What a rule claims, what else could explain the same and what
    would have led to another verdict, are in the catalogues `observatory/text/rules.*.toml`, by its id.
    """

    id: str
    layer: Layer
    state: State
    mechanism: str | None
    basis: Basis
    when: Callable[[Case], tuple[str, ...] | bool]
