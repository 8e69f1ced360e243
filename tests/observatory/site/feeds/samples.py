"""Events and their histories, as the store would give them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from observatory.model import (
    AlertKind,
    Certainty,
    Event,
    Interval,
    Method,
    Portion,
    Revision,
    Shows,
    Spell,
    State,
    Witness,
)
from observatory.store import Store
from tests.observatory.store.samples import save_revision

AT = datetime(2017, 7, 14, 11, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TELKOMSEL, XL, INDOSAT = 23693, 24203, 4761
ISPS = {TELKOMSEL: "Telkomsel", XL: "XL Axiata", INDOSAT: "Indosat"}
PORTION = Portion(n_blocked=18, n_judged=20, low=0.7, high=0.97)
HOSTILE = '<script>alert(1)</script> & "Co" ]]>\x00\u202e\ufffe\''


def make_spell(asn: int = TELKOMSEL, target: str = "t.me", **other: Any) -> Spell:
    """Return a confirmed block by a forged answer, still going on."""
    onset = Interval(after=AT, by=AT + HOUR)
    witness = Witness(
        measurement_id="m-1", vantage="jkt-1", at=AT + HOUR, shows=Shows.FIRST_BLOCKED, state=State.BLOCKED
    )
    given = {
        "target": target,
        "asn": asn,
        "isp": ISPS.get(asn, ""),
        "country": "ID",
        "zone": "Asia/Jakarta",
        "onset": onset,
        "certainty": Certainty.CONFIRMED,
        "suspected_at": AT + HOUR,
        "confirmed_at": AT + 2 * HOUR,
        "portion": PORTION,
        "methods": (Method(layer="dns", mechanism="dns.injection.blockpage", onset=onset, portion=PORTION),),
        "witnesses": (witness,),
    }
    return Spell(**{**given, **other})


def make_event(id_: str, *spells: Spell, emulated: bool = False, withdrawn: bool = False) -> Event:
    return Event(
        id=id_, country="ID", emulated=emulated, spells=spells or (make_spell(),), withdrawn=withdrawn
    )


def make_history(*states: tuple[Event, AlertKind]) -> tuple[Revision, ...]:
    """Return the revisions of an event, an hour apart from the second hour on."""
    return tuple(
        Revision(event=event, number=number, at=AT + (number + 1) * HOUR, causes=(cause,))
        for number, (event, cause) in enumerate(states, start=1)
    )


SUSPECTED = make_spell(certainty=Certainty.SUSPECTED, confirmed_at=None)
ENDED = Interval(after=AT + 5 * HOUR, by=AT + 6 * HOUR)
HISTORIES = {
    "going on": make_history(
        (make_event("going-on"), AlertKind.ONSET),
        (make_event("going-on", make_spell(), make_spell(XL), make_spell(INDOSAT)), AlertKind.SPREAD),
    ),
    "since before": make_history(
        (
            make_event("since-before", make_spell(XL, "telegram.org", onset=Interval(after=None, by=AT))),
            AlertKind.ONSET,
        )
    ),
    "over": make_history(
        (make_event("over", make_spell(XL, "web.telegram.org")), AlertKind.ONSET),
        (make_event("over", make_spell(XL, "web.telegram.org", end=ENDED)), AlertKind.END),
    ),
    "suspected": make_history((make_event("suspected", SUSPECTED), AlertKind.ONSET)),
    "suspected and withdrawn": make_history(
        (make_event("never-told", SUSPECTED), AlertKind.ONSET),
        (make_event("never-told", SUSPECTED, withdrawn=True), AlertKind.WITHDRAWAL),
    ),
    "confirmed and withdrawn": make_history(
        (make_event("taken-back", make_spell(INDOSAT)), AlertKind.ONSET),
        (make_event("taken-back", make_spell(INDOSAT), withdrawn=True), AlertKind.WITHDRAWAL),
    ),
    "confirmed, then suspected": make_history(
        (make_event("doubted"), AlertKind.ONSET),
        (make_event("doubted", SUSPECTED), AlertKind.CORRECTION),
    ),
    "one network taken back": make_history(
        (make_event("narrowed", make_spell(), make_spell(XL)), AlertKind.ONSET),
        (make_event("narrowed", make_spell()), AlertKind.CORRECTION),
    ),
    "hostile names": make_history(
        (make_event("hostile & <id>", make_spell(666, 'a<b>&"c"', isp=HOSTILE)), AlertKind.ONSET)
    ),
}


def save_histories(store: Store, histories: Iterable[tuple[Revision, ...]]) -> None:
    """Write revisions as detecting would, in the order of their times."""
    for revision in sorted((r for history in histories for r in history), key=lambda r: r.at):
        save_revision(store, revision.event, *revision.causes, at=revision.at)
