"""Whether silence can be a fault of routing: not where the app's addresses beside it answer. Pure."""

from collections import defaultdict, deque
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

from observatory.model import BLOCKED_STATES, State
from observatory.model.detection import MeasurementState

# A line that loses packets lets each target come and go; so many outcomes alike of every target are no loss.
_ALIKE: Final = 4
_MIN_TARGETS: Final = 3


def rule_out_routing(
    target: str, rows: Iterable[MeasurementState], neighbours: AbstractSet[str]
) -> datetime | None:
    """Return when it was known that the route is there; None while it is not.

    Shape:  `rows` are what one network found of all targets since the silence began, oldest first;
            `neighbours` are targets with addresses in the same announced prefix. Each target must have
            failed, or worked, four times on end; one neighbour must work, and most of the other targets
            fail like this one.
    """
    outcomes: defaultdict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=_ALIKE))
    for row in rows:
        if row.state is not State.OK and row.state not in BLOCKED_STATES:
            continue
        outcomes[row.target].append(row.state is State.OK)
        if len(outcomes) < _MIN_TARGETS or not _is_clear(outcomes.values()):
            continue
        working = {name for name, seen in outcomes.items() if seen[-1]}
        failing = outcomes.keys() - working
        is_most = 2 * len(failing) > len(outcomes.keys() - neighbours) and len(failing) > 1
        if target in failing and is_most and not working.isdisjoint(neighbours):
            return row.at
    return None


def _is_clear(outcomes: Iterable[deque[bool]]) -> bool:
    return all(len(seen) == _ALIKE and len(set(seen)) == 1 for seen in outcomes)
