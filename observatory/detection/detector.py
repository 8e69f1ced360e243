"""From changed hours to events and alerts, whatever wrote them: a round, a late batch, an import, a rescore.

dirty series → search_series → spells → grouped into events → what is new → revisions, alerts
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from observatory.analysis.events.incidents import group_spells
from observatory.analysis.events.joining import join_evidence
from observatory.analysis.events.news import MIN_INTERVAL, PRIORITY, find_news
from observatory.analysis.events.spells import NetworkInfo
from observatory.detection.search import SearchResult, find_due, search_series
from observatory.model import NOT_STATED, Alert, AlertKind, Audience, Event, Revision, Role, Spell
from observatory.model.detection import DetectionResult, DirtySeries
from observatory.store import StaleDetection, Store, StoreReader

SERIES_PER_BATCH: Final = 200
# What is found this long after it began is shown, but not announced: it is history.
HISTORY: Final = timedelta(days=30)
# How long an event must have stayed as it is before a correction of it is announced.
CORRECTION_DELAY: Final = timedelta(minutes=15)
# So many open series are brought up to date in one review, a minute apart.
MOST_DUE: Final = 100
_TRIES: Final = 5


@dataclass(slots=True)
class DetectionSummary:
    """How much was done; `n_revised` events said something new."""

    n_series: int = 0
    n_revised: int = 0
    n_alerts: int = 0


class Detector:
    """Keeps events up to date with the cells. Safe to share between threads; any number of processes may run
    one: the second process searches again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()

    def run(
        self, now: datetime, *, review: bool = False, on_batch: Callable[[int], None] = lambda n: None
    ) -> DetectionSummary:
        """Search everything that changed since the last time.

        Shape:  batches of 200 series, each a transaction of its own; `on_batch` is called with how many each
                had. Revisions and alerts are dated `now`. `review`: also bring the counts of what goes on up
                to date, and announce what was held back.
        Errors: StoreError; the batches before it are kept, and the rest is searched the next time.
        """
        outcome = DetectionSummary()
        with self._lock:
            networks = load_networks(self._store)
            changed, n, n_stale = review, SERIES_PER_BATCH, 0
            while n == SERIES_PER_BATCH:
                dirty = self._store.load_dirty_series(SERIES_PER_BATCH)
                n = len(dirty)
                found = search_series(self._store, dirty, networks, thorough=review)
                if review and n < SERIES_PER_BATCH:
                    found = _join(found, self._catch_up(dirty, networks))
                changed = changed or bool(found.spells)
                # Only the last batch makes events: the first 200 series of many are no event by themselves.
                makes_events = changed and n < SERIES_PER_BATCH
                result = self._conclude(dirty, found, now, review=review, makes_events=makes_events)
                try:
                    self._store.save_result(result, at=now)
                except StaleDetection:
                    n_stale += 1
                    if n_stale == _TRIES:
                        raise
                    n = SERIES_PER_BATCH
                    continue
                outcome.n_series += len(dirty)
                outcome.n_revised += len(result.revised)
                outcome.n_alerts += len(result.alerts)
                on_batch(len(dirty))
        return outcome

    def _catch_up(self, dirty: Sequence[DirtySeries], networks: Mapping[int, NetworkInfo]) -> SearchResult:
        searched = {item.series for item in dirty}
        due = [item for item in find_due(self._store) if item.series not in searched]
        return search_series(self._store, due[:MOST_DUE], networks, thorough=True)

    def _conclude(
        self,
        dirty: Sequence[DirtySeries],
        found: SearchResult,
        now: datetime,
        *,
        review: bool,
        makes_events: bool,
    ) -> DetectionResult:
        rule_changes = self._announce_rule_changes(found, now)
        revised: dict[str, tuple[Event, tuple[AlertKind, ...]]] = {}
        updated: list[Event] = []
        alerts: list[Alert] = []
        known: dict[str, Revision] = {}
        if makes_events:
            known = {revision.event.id: revision for revision in self._store.load_events()}
            events = group_spells(self._all_spells(found), [r.event for r in known.values()])
            revised, updated, alerts = self._compare(events, known, now, review=review)
        return DetectionResult(
            searched=dirty,
            checkpoints=found.checkpoints,
            spells=found.spells,
            revised=revised,
            updated=updated,
            known={id_: revision.number for id_, revision in known.items()},
            alerts=[*rule_changes, *alerts],
        )

    def _all_spells(self, found: SearchResult) -> list[Spell]:
        stored = [s for s in self._store.load_spells() if s.series not in found.spells]
        return join_evidence(stored + [spell for spells in found.spells.values() for spell in spells])

    def _compare(
        self, events: Sequence[Event], known: Mapping[str, Revision], now: datetime, *, review: bool
    ) -> tuple[dict[str, tuple[Event, tuple[AlertKind, ...]]], list[Event], list[Alert]]:
        """Return the events that say something new, those with newer counts alone, and the alerts."""
        revised: dict[str, tuple[Event, tuple[AlertKind, ...]]] = {}
        updated: list[Event] = []
        alerts: list[Alert] = []
        for event in events:
            before = known.get(event.id)
            causes = find_news(before.event if before else None, event)
            if causes:
                revised[event.id] = (event, causes)
            elif before is not None and before.event != event:
                updated.append(event)
            if causes or (review and _may_have_news(event, before, now)):
                alerts += self._find_alert(event, now, None if causes else before)
        return revised, updated, alerts

    def _find_alert(self, event: Event, now: datetime, kept: Revision | None) -> list[Alert]:
        """Return what is to be announced now; `kept` is the revision of an event that gets no new one."""
        log = self._store.load_alerts(of_events=[event.id], kinds=PRIORITY)
        announced = None
        if log and log[-1].revision is not None:
            announced = self._store.load_revisions(event.id, number=log[-1].revision)[0].event
        if _is_history(event, announced, now):
            return []
        news = [kind for kind in find_news(announced, event) if not _is_too_soon(kind, log, now)]
        if AlertKind.CORRECTION in news and (kept is None or now - kept.at < CORRECTION_DELAY):
            # A late upload comes in many batches: one correction, when they are all there.
            return []
        if not news:
            return []
        return [
            Alert(
                at=now,
                kind=news[0],
                event=event.id,
                revision=kept.number if kept else None,
                emulated=event.emulated,
                detail=" ".join(news),
            )
        ]

    def _announce_rule_changes(self, found: SearchResult, now: datetime) -> list[Alert]:
        """Alert the operator to onsets that new rules or reference data made: the past must be rescored."""
        new: list[Spell] = []
        for series, spells in found.spells.items():
            stored = {s.suspected_at for s in self._store.load_spells([series]) if s.onset_from_rule_change}
            new += [s for s in spells if s.onset_from_rule_change and s.suspected_at not in stored]
        if not new:
            return []
        names = sorted({f"{spell.isp or f'AS{spell.asn}'}: {spell.target}" for spell in new})
        versions = sorted({" ".join(version) for spell in new for version in spell.versions})
        detail = f"{len(new)} series since {min(s.onset.by for s in new):%Y-%m-%d %H:%M} UTC, judged by "
        return [
            Alert(
                at=now,
                kind=AlertKind.RULE_CHANGE,
                audience=Audience.OPERATOR,
                emulated=new[0].emulated,
                detail=f"{detail}{', '.join(versions)}: {'; '.join(names[:20])}",
            )
        ]


def _join(one: SearchResult, other: SearchResult) -> SearchResult:
    return SearchResult(checkpoints=one.checkpoints + other.checkpoints, spells=one.spells | other.spells)


def _may_have_news(event: Event, before: Revision | None, now: datetime) -> bool:
    """Whether something may have been held back: not where nothing changed for longer than any interval."""
    return event.end is None or before is None or now - before.at < 2 * max(MIN_INTERVAL.values())


def _is_history(event: Event, announced: Event | None, now: datetime) -> bool:
    """An archive that is imported brings no news."""
    return announced is None and event.onset.by < now - HISTORY


def _is_too_soon(kind: AlertKind, log: Sequence[Alert], now: datetime) -> bool:
    """What goes on for days is announced at intervals, which begin with the onset."""
    pause = MIN_INTERVAL.get(kind)
    if pause is None:
        return False
    first = AlertKind.ONSET if kind is AlertKind.SPREAD else kind
    return any({kind, first} & set(alert.detail.split()) and now - alert.at < pause for alert in log)


def load_networks(store: StoreReader) -> dict[int, NetworkInfo]:
    """Return what the config says of each network; of several vantage points in one, the first."""
    networks: dict[int, NetworkInfo] = {}
    for vantage in store.load_vantage_status():
        if vantage.role is Role.PROBE:
            isp = "" if vantage.isp == NOT_STATED else vantage.isp
            known = NetworkInfo(isp=isp, country=vantage.country, zone=vantage.timezone)
            networks.setdefault(vantage.asn, known)
    return networks
