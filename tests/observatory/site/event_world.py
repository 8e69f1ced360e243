"""A database with an event of every situation that its page has words for."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from observatory.model import (
    AlertKind,
    Certainty,
    DailyWindow,
    Event,
    Interval,
    Method,
    Note,
    Portion,
    Series,
    Shows,
    Silence,
    Spell,
    State,
    Witness,
)
from observatory.model.detection import DetectionResult
from observatory.store import Store
from tests.observatory.site.feeds.samples import AT, HOUR, INDOSAT, TELKOMSEL, XL, make_spell
from tests.observatory.site.world import BLOCK_PAGE, OK, World, make_vantage

HOSTILE = "[x](http://evil.example) <img src=http://evil.example/x onerror=alert(1)> $a$ :red[b]"
EVENT_ID = "id-2017-07-14"
_PART = Portion(n_blocked=12, n_judged=30, low=0.24, high=0.58)
_CONTROL = Portion(n_blocked=1, n_judged=9, low=0.0, high=0.4)


def witness(id_: str, shows: Shows, at: datetime, state: State = State.BLOCKED) -> Witness:
    return Witness(measurement_id=id_, vantage="v00", at=at, shows=shows, state=state)


def method(mechanism: str, hours: float, layer: str = "dns") -> Method:
    onset = Interval(after=AT + hours * HOUR, by=AT + (hours + 1) * HOUR)
    return Method(layer=layer, mechanism=mechanism, onset=onset, resolver="10.0.0.53", portion=_PART)


def every_situation(**of_witnesses: str) -> tuple[Spell, ...]:
    """Return spells of one event; `of_witnesses` are ids of measurements by what they show."""
    shown = tuple(
        witness(id_, Shows(name), AT + number * HOUR)
        for number, (name, id_) in enumerate(of_witnesses.items())
    )
    quiet = Silence(start=AT + 20 * HOUR, end=AT + 30 * HOUR)
    offline = replace(quiet, start=AT + 33 * HOUR, end=AT + 36 * HOUR, offline=True)
    window = DailyWindow(start=time(9), to=time(17))
    ended = Interval(after=AT + 60 * HOUR, by=AT + 62 * HOUR)
    compared = (witness("m-2", Shows.FIRST_BLOCKED, AT + HOUR, State.LIKELY_BLOCKED),)
    full: dict[str, Any] = {"control": _CONTROL, "vantages": ("v00",), "versions": (("2", "2026-11"),)}
    late = Interval(after=AT + 4 * HOUR, by=AT + 9 * HOUR)
    return (
        make_spell(witnesses=shown or make_spell().witnesses, end=ended, **full),
        make_spell(TELKOMSEL, "telegram.org", witnesses=shown, end=ended, **full),
        make_spell(TELKOMSEL, "web.telegram.org", silences=(quiet, offline), onset=late),
        make_spell(XL, methods=(method("dns.injection.blockpage", 0), method("tls.reset.sni", 40, "tls"))),
        make_spell(XL, "telegram.org", onset=Interval(after=None, by=AT)),
        make_spell(XL, "web.telegram.org", partial=True, portion=_PART),
        make_spell(INDOSAT, end=ended, end_from_rule_change=True),
        make_spell(INDOSAT, "telegram.org", witnesses=compared, windows=(window,)),
        make_spell(INDOSAT, "web.telegram.org", certainty=Certainty.SUSPECTED, confirmed_at=None),
        make_spell(666, HOSTILE, isp=HOSTILE),
    )


def make_big(n_networks: int) -> Event:
    """Return an event of so many networks, eleven targets each, begun minutes apart."""
    spells = []
    for number in range(n_networks):
        onset = Interval(after=AT + number * HOUR / 10, by=AT + HOUR + number * HOUR / 10)
        ends = (Interval(after=onset.by + n * HOUR, by=onset.by + (n + 1) * HOUR) for n in (30, 40))
        early, late = ends
        for n in range(11):
            end = early if n < 6 else late
            isp = f"Network {number}"
            spells.append(make_spell(70000 + number, f"t{n}.example", isp=isp, onset=onset, end=end))
    return Event(id="big", country="ID", emulated=False, spells=tuple(spells))


def save_event(store: Store, event: Event, *causes: AlertKind, at: datetime) -> None:
    """Write a revision as detecting would, with the spells it is made of."""
    series: dict[Series, list[Spell]] = {}
    for spell in event.spells:
        series.setdefault(spell.series, []).append(spell)
    known = {revision.event.id: revision.number for revision in store.load_events()}
    store.save_result(_result(series, {event.id: (event, causes)}, known), at=at)


def save_loose_spell(store: Store, spell: Spell) -> None:
    store.save_result(_result({spell.series: [spell]}, {}, {}), at=AT)


def _result(series: Any, revised: Any, known: Any) -> DetectionResult:
    return DetectionResult(
        searched=(), checkpoints=(), spells=series, revised=revised, updated=(), known=known, alerts=()
    )


def fill_events(store: Store) -> World:
    """Fill a few days of measurements, the event of every situation with two revisions, and a note."""
    world = World(store=store, emulated=False)
    isps = {0: "Telkomsel", 2: "XL Axiata", 3: "Indosat", 7: "Biznet"}
    world.configure([make_vantage(number) for number in isps], at=AT)
    world.save(
        (f"v{number:02d}", target, AT + hour * HOUR, BLOCK_PAGE if 0 < hour < 62 and number < 4 else OK)
        for number in isps
        for target in ("t.me", "telegram.org", "web.telegram.org")
        for hour in range(-6, 80, 2)
    )
    rows = store.load_measurements(vantage="v00", target="t.me")
    shown = {str(shows): row.id for shows, row in zip(Shows, rows, strict=False)}
    spells = every_situation(**shown)
    event = Event(id=EVENT_ID, country="ID", emulated=False, spells=spells)
    first = replace(event, spells=spells[:3])
    save_event(store, first, AlertKind.ONSET, at=AT + 3 * HOUR)
    save_event(store, event, AlertKind.SPREAD, AlertKind.METHOD, at=AT + 44 * HOUR)
    note = Note(event=EVENT_ID, at=AT + timedelta(days=3), name=HOSTILE, text=f"# Heading\n{HOSTILE}")
    store.save_note(note)
    return world
