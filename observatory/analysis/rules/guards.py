"""Whether the measurement can speak of its target at all. Asked before any layer."""

from typing import Final

from observatory.analysis.case import Case
from observatory.analysis.rules.rule import Rule
from observatory.model import Layer, State
from probes.records import Failure


def _fails(case: Case) -> bool:
    return not case.facts.proved


def _vantage_unavailable(case: Case) -> tuple[str, ...] | bool:
    observations = case.measurement.observations
    return all(o.failure is Failure.VANTAGE for o in observations) and tuple(o.id for o in observations)


GUARDS: Final = (
    Rule(
        "guard.nothing_observed",
        Layer.NONE,
        State.INSUFFICIENT,
        None,
        lambda case: not case.measurement.observations,
        "Nothing was tried before the deadline.",
    ),
    Rule(
        "guard.vantage_unavailable",
        Layer.NONE,
        State.INSUFFICIENT,
        None,
        _vantage_unavailable,
        "The vantage point's own device, namespace, address or proxy was not there.",
    ),
    Rule(
        "guard.vantage_offline",
        Layer.NONE,
        State.INSUFFICIENT,
        None,
        lambda case: case.canary is not None and not case.canary_answers and _fails(case),
        "The control host, which nobody blocks, did not answer either: the vantage point is offline.",
    ),
    Rule(
        "guard.prober_overloaded",
        Layer.NONE,
        State.INSUFFICIENT,
        None,
        lambda case: case.overloaded and _fails(case),
        "The prober was too busy to tell its own slowness from silence.",
    ),
    Rule(
        "guard.no_canary",
        Layer.NONE,
        State.INSUFFICIENT,
        None,
        lambda case: case.canary is None and _fails(case),
        "The control host was not measured in this round, so nothing that fails can be told from an outage.",
    ),
)

# Asked after the layers: an artefact stands for itself, and what fails at the control too is down anyway.
VANTAGE_IMPAIRED: Final = Rule(
    "guard.vantage_impaired",
    Layer.NONE,
    State.INSUFFICIENT,
    None,
    lambda case: case.canary is not None and not case.canary_works and _fails(case),
    "The control host answered but did not prove itself: something affects more than this target.",
)
