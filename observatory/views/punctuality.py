"""Whether each vantage point reports when it should, and the sentence that says so. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from observatory.analysis.events.publication import is_fresh
from observatory.model.views import VantageStatus
from observatory.text import Text


class Punctuality(StrEnum):
    """`late`: nothing measured for more than three of its intervals."""

    ON_TIME = "on_time"
    LATE = "late"
    NEVER = "never"
    OFF = "off"
    REMOVED = "removed"


def judge_punctuality(vantage: VantageStatus, now: datetime) -> Punctuality:
    if vantage.removed:
        return Punctuality.REMOVED
    if not vantage.enabled:
        return Punctuality.OFF
    if vantage.last_seen_at is None:
        return Punctuality.NEVER
    return Punctuality.ON_TIME if is_fresh(vantage.last_seen_at, vantage.every_s, now) else Punctuality.LATE


def describe_punctuality(
    vantages: Sequence[VantageStatus], status: Mapping[str, Punctuality], text: Text
) -> str:
    """Return how many of those switched on report on time, and name the others."""
    expected = [v for v in vantages if status[v.id] not in (Punctuality.OFF, Punctuality.REMOVED)]
    failing = [v.name for v in expected if status[v.id] is not Punctuality.ON_TIME]
    if not expected:
        return text("vantage.none_enabled")
    if len(failing) == len(expected):
        return text("vantage.none_on_time", names=text.listed(failing))
    if failing:
        return text(
            "vantage.some_late",
            ok=text.number(len(expected) - len(failing)),
            all=text.number(len(expected)),
            names=text.listed(failing),
        )
    if len(expected) == 1:
        return text("vantage.on_time_one")
    return text("vantage.on_time", n=text.number(len(expected)))
