"""Alerts, the revisions of events they announce, and the notes people add."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.model.events import Event


class AlertKind(StrEnum):
    """What an alert announces. `silent`, `back` and `ours` are for operators alone."""

    ONSET = "onset"
    SPREAD = "spread"
    METHOD = "method"
    PARTIAL_END = "partial_end"
    END = "end"
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"
    SILENT = "silent"
    BACK = "back"
    RULE_CHANGE = "ours"


class Audience(StrEnum):
    PUBLIC = "public"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One row of the log: written once, never changed. `number` is given by the store.

    Shape:  about an `event` at a `revision`, or about a `vantage`, or about neither (`ours`).
    """

    number: int = 0
    at: datetime
    kind: AlertKind
    audience: Audience = Audience.PUBLIC
    event: str | None = None
    revision: int | None = None
    vantage: str | None = None
    emulated: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What an event said from `at` on, and its causes. `number` counts from 1 per event."""

    event: Event
    number: int
    at: datetime
    causes: tuple[AlertKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a person added to an event; it changes no data."""

    event: str
    at: datetime
    name: str
    text: str
