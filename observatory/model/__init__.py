"""The words of the observatory as records: vantage points, settings, verdicts, cells, events, alerts.

Pure: no socket, file, clock or database. What was measured lives in `probes.records`.
"""

from observatory.model.alerts import (
    Alert,
    AlertKind,
    Audience,
    Note,
    Revision,
)
from observatory.model.events import (
    Certainty,
    DailyWindow,
    Event,
    Interval,
    Method,
    Portion,
    Shows,
    Silence,
    Spell,
    Witness,
)
from observatory.model.evidence import Confirmation, EvidenceKind, SpellEvidence, kind_of
from observatory.model.places import (
    DIRECT,
    IMPORTED,
    NOT_STATED,
    Config,
    Role,
    Settings,
    VantagePoint,
    Via,
    load_zone,
)
from observatory.model.series import Series
from observatory.model.verdicts import (
    BLOCKED_STATES,
    OFFLINE_RULES,
    OVERALL,
    Cell,
    Finding,
    Grain,
    Layer,
    LeadsTo,
    StandIn,
    State,
    Verdict,
)

__all__ = [
    "BLOCKED_STATES",
    "DIRECT",
    "IMPORTED",
    "NOT_STATED",
    "OFFLINE_RULES",
    "OVERALL",
    "Alert",
    "AlertKind",
    "Audience",
    "Cell",
    "Certainty",
    "Config",
    "Confirmation",
    "DailyWindow",
    "Event",
    "EvidenceKind",
    "Finding",
    "Grain",
    "Interval",
    "Layer",
    "LeadsTo",
    "Method",
    "Note",
    "Portion",
    "Revision",
    "Role",
    "Series",
    "Settings",
    "Shows",
    "Silence",
    "Spell",
    "SpellEvidence",
    "StandIn",
    "State",
    "VantagePoint",
    "Verdict",
    "Via",
    "Witness",
    "kind_of",
    "load_zone",
]
