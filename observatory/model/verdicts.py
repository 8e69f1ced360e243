"""What measurements mean, one by one and counted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What a verdict says, never stronger than its evidence.

    ok              a proof of health was seen
    blocked         settled by an artefact: block page, forged answer, middlebox certificate
    likely_blocked  settled by comparison, no artefact
    impaired        not working as it should, cause unclear; slow counts
    down            not working, and the control fails too
    insufficient    not enough evidence; never to be shown as ok
    """

    OK = "ok"
    BLOCKED = "blocked"
    LIKELY_BLOCKED = "likely_blocked"
    IMPAIRED = "impaired"
    DOWN = "down"
    INSUFFICIENT = "insufficient"


# Said to be blocked, by an artefact or by comparison.
BLOCKED_STATES: Final = frozenset({State.BLOCKED, State.LIKELY_BLOCKED})
# Rules that say that the vantage point itself had no connection.
OFFLINE_RULES: Final = frozenset({"guard.vantage_offline", "guard.vantage_unavailable"})


class Layer(StrEnum):
    """Where a finding manifested. `NONE` belongs to guards, which speak of the measurement."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    QUIC = "quic"
    MTPROTO = "mtproto"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one layer's rules concluded; `evidence` are ids of the measurement's observations."""

    layer: Layer
    state: State
    mechanism: str | None
    rule_id: str
    evidence: tuple[str, ...] = ()


class StandIn(StrEnum):
    """What a measurement can be compared with where no control vantage point measured.

    peer                  another vantage point to which the target proved itself in the same window
    certificate           one valid for the name: the address is its own control
    authenticated_answer  a public resolver's, over DoT or DoH
    own_prefix            an answer inside a prefix that Telegram announces
    """

    PEER = "peer"
    CERTIFICATE = "certificate"
    AUTHENTICATED_ANSWER = "authenticated_answer"
    OWN_PREFIX = "own_prefix"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsTo:
    """What a visitor meets where a target's genuine answers lead: another host, and how that one fares.

    `target` is where the way ends: the first host that is not `ok`, or the last one. `state` is never said of
    the target that leads there; `insufficient` where the way was not measured to its end.
    """

    target: str
    state: State
    mechanism: str | None = None

    @property
    def is_blocked(self) -> bool:
        """Blocked or likely blocked: nobody who follows gets through."""
        return self.state in BLOCKED_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a measurement means.

    `findings` holds one per layer that was judged; the verdict's own fields repeat the one that decides.
    `partial`: another way to the same target worked in the same measurement (k of n endpoints; TCP where
    QUIC is filtered). `provisional`: the window of its control is still open.
    `controls` names the control measurements used; `stand_ins` what else there was to compare with.
    `acts_at_hop` is the first TTL at which something on the path answered in the server's place: it stands
    between that hop and the one before.
    `leads_to` is there where the target is ok and its genuine answers redirect to another host.
    """

    state: State
    layer: Layer
    mechanism: str | None
    rule_id: str
    rules_version: str
    reference_version: str
    evidence: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    controls: tuple[str, ...] = ()
    stand_ins: tuple[StandIn, ...] = ()
    acts_at_hop: int | None = None
    partial: bool = False
    n_ok: int = 0
    n_tried: int = 0
    provisional: bool = False
    leads_to: LeadsTo | None = None


class Grain(StrEnum):
    """The width of a cell; buckets start at UTC hours and days."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How many verdicts of one target at one vantage point in one bucket had this outcome.

    `layer` is where it was judged: each layer that was judged, and `overall` for the verdict as a whole.
    Counts only, so that cells merge exactly. `resolver` is whom the vantage point asks, for the layer dns
    alone; `versions` of rules and reference data are empty where they were not kept.
    """

    bucket_at: datetime
    vantage: str
    target: str
    layer: str
    state: State
    mechanism: str | None
    rule_id: str
    n: int
    asn: int = 0
    resolver: str = ""
    emulated: bool = False
    rules_version: str = ""
    reference_version: str = ""


OVERALL = "overall"
# Cells of this layer count what visitors of an ok target meet where it leads them.
LEADS_TO = "leads_to"
