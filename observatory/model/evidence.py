"""What failing measurements saw, and which rule made a suspicion more than that."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Final

from observatory.model.verdicts import State

# What nothing but a filter leaves behind, also where a rule only compared.
_ARTEFACTS: Final = ("dns.injection.bogon", "dns.injection.blockpage")
# Nothing came back, or there was no way: what a fault of routing looks like, too.
_SILENT: Final = frozenset({"", "ip.unreachable", "tcp.refused", "tcp.reset"})
_TIMEOUT: Final = ("timeout", "timeout.other")


class EvidenceKind(StrEnum):
    """What kind of thing a failing measurement saw, strongest first; docs/events.md says what each can prove.

    artefact  something only a filter leaves behind: a forged answer, a block page, a foreign certificate
    pair      what works under another name or for a control got another answer, a reset or nothing here
    silence   no answer, or no way there: a fault of routing looks the same
    """

    ARTEFACT = "artefact"
    PAIR = "pair"
    SILENCE = "silence"


class Confirmation(StrEnum):
    """Why a spell is more than a suspicion; its sentence is in the catalogues.

    artefacts          the same target showed it again and again
    targets            several targets of the network showed it, each again
    pairs              several targets of the network failed by their name alone, each again
    networks           the same target changed on several networks at once
    routing_ruled_out  nothing answered, and it is not the route
    outlasts_faults    nothing answered for longer than faults of routing last
    share              no loss that healthy networks show explains how often it failed
    """

    ARTEFACTS = "artefacts"
    TARGETS = "targets"
    PAIRS = "pairs"
    NETWORKS = "networks"
    ROUTING_RULED_OUT = "routing_ruled_out"
    OUTLASTS_FAULTS = "outlasts_faults"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpellEvidence:
    """When the first failing measurements of a spell were made, by what they saw: what the rules count.

    Shape:  `artefacts` are the first that saw an artefact, `pairs` those of an unbroken run that saw one or
            failed by comparison, `failing` those of an unbroken run of any kind; a handful each, oldest
            first. `outlasts_at` is when an unbroken run had lasted longer than faults of routing do.
            `reached_at` is when it first failed here after a control, or another network, had reached it;
            `asked` says that one could have. `routing_ruled_out_at` is when the app's addresses in the same
            prefix answered on the same network. `contradicted_by` are vantage points of the
            network that reached the target all the while, where they are the more. `by_share`: so much
            failed that the test of hourly shares suspects a block, too.
    """

    artefacts: tuple[datetime, ...] = ()
    pairs: tuple[datetime, ...] = ()
    failing: tuple[datetime, ...] = ()
    outlasts_at: datetime | None = None
    reached_at: datetime | None = None
    asked: bool = False
    routing_ruled_out_at: datetime | None = None
    contradicted_by: tuple[str, ...] = ()
    by_share: bool = False

    @property
    def kind(self) -> EvidenceKind:
        """The strongest of what was seen."""
        if self.artefacts:
            return EvidenceKind.ARTEFACT
        return EvidenceKind.PAIR if self.pairs else EvidenceKind.SILENCE


NO_EVIDENCE: Final = SpellEvidence()


@cache
def kind_of(state: State, mechanism: str | None) -> EvidenceKind | None:
    """Return what kind of thing a verdict says that it saw; None for one that says nothing is blocked."""
    name = mechanism or ""
    if state is State.BLOCKED:
        return EvidenceKind.ARTEFACT
    if state is not State.LIKELY_BLOCKED:
        return None
    if name in _ARTEFACTS:
        return EvidenceKind.ARTEFACT
    return EvidenceKind.SILENCE if name in _SILENT or name.endswith(_TIMEOUT) else EvidenceKind.PAIR
