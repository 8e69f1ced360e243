"""Numbers of a spell, counted again from the raw rows by SQL that shares nothing with the code."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from observatory.detection.detector import Detector
from observatory.model import (
    Certainty,
    Finding,
    Interval,
    Layer,
    Role,
    Spell,
    State,
    VantagePoint,
    Verdict,
)
from observatory.store import Store, open_store
from probes.records import Measurement
from tests.observatory.store.backdoor import connect
from tests.observatory.store.samples import make_measurement

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BLOCK = START + 2 * DAY + 23 * MINUTE
POINTS = [
    VantagePoint(id="xl-1", name="XL 1", isp="XL Axiata", asn=24203, country="ID", timezone="Asia/Jakarta"),
    VantagePoint(id="xl-2", name="XL 2", isp="XL Axiata", asn=24203, country="ID", timezone="Asia/Jakarta"),
    VantagePoint(id="sg-1", name="SG", isp="SG", asn=1, country="SG", role=Role.CONTROL),
]
DNS = ("dns.injection.blockpage", Layer.DNS)
TLS = ("tls.reset.sni", Layer.TLS)
Judged = tuple[Measurement, Verdict]


@pytest.fixture
def store(tmp_path: Path) -> Iterable[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        opened.save_vantage_points(POINTS, at=START)
        yield opened


def judged(
    vantage: VantagePoint,
    at: datetime,
    state: State,
    *failing: tuple[str, Layer],
    rule_id: str = "rule",
    resolver: str = "10.0.0.53",
) -> Judged:
    """Return a measurement with the layers that fail; the others are as the state leaves open."""
    measurement = make_measurement(
        f"{vantage.id} {at.isoformat()}", vantage=vantage.id, asn=vantage.asn, at=at
    )
    other = State.INSUFFICIENT if state is State.INSUFFICIENT else State.OK
    named = {layer: mechanism for mechanism, layer in failing}
    findings = tuple(
        Finding(
            layer=layer, state=state if layer in named else other, mechanism=named.get(layer), rule_id="r"
        )
        for layer in (Layer.DNS, Layer.TLS)
    )
    mechanism, layer = failing[0] if failing else (None, Layer.TLS)
    verdict = Verdict(
        state=state,
        layer=layer,
        mechanism=mechanism,
        rule_id=rule_id,
        rules_version="4",
        reference_version="2026-11",
        findings=findings,
    )
    return replace(measurement, resolver=resolver), verdict


def offline(vantage: VantagePoint, at: datetime) -> Judged:
    return judged(vantage, at, State.INSUFFICIENT, rule_id="guard.vantage_offline")


def every(minutes: float, start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += minutes * MINUTE


def search(store: Store, rows: Iterable[Judged]) -> list[Spell]:
    store.save_measurements(list(rows), received_at=START)
    Detector(store).run(START + 30 * DAY)
    return store.load_spells()


def the_spell(store: Store, rows: Iterable[Judged]) -> Spell:
    (spell,) = search(store, rows)
    return spell


_OF_WHOLE = """
SELECT coalesce(sum(v.state IN ('blocked', 'likely_blocked')), 0), count(*)
FROM measurements m JOIN verdicts v ON v.number = m.number
WHERE m.target = 't.me' AND m.asn = 24203 AND v.state != 'insufficient'
AND m.started_at >= :start AND m.started_at <= :end
"""
_OF_LAYER = """
SELECT coalesce(sum(f.value ->> 'state' IN ('blocked', 'likely_blocked')), 0), count(*)
FROM measurements m JOIN verdicts v ON v.number = m.number, json_each(v.details, '$.findings') f
WHERE m.target = 't.me' AND m.asn = 24203
AND f.value ->> 'layer' = :layer AND f.value ->> 'state' != 'insufficient'
AND (:resolver = '' OR m.resolver = :resolver) AND m.started_at >= :start AND m.started_at <= :end
"""
_NEWEST = "SELECT max(started_at) FROM measurements WHERE target = 't.me' AND asn = 24203"
_OF_CONTROLS = """
SELECT coalesce(sum(v.state = 'ok'), 0), coalesce(sum(v.state NOT IN ('ok', 'insufficient')), 0),
coalesce(sum(v.state = 'insufficient' AND v.rule_id NOT LIKE 'guard.vantage_%'), 0),
coalesce(sum(v.rule_id LIKE 'guard.vantage_%'), 0)
FROM measurements m JOIN verdicts v ON v.number = m.number
WHERE m.target = 't.me' AND m.asn = 1 AND m.started_at >= :start AND m.started_at <= :end
"""


def ask(store: Store, sql: str, **values: object) -> tuple[int, ...]:
    micros = {
        name: int(value.timestamp() * 1_000_000) if isinstance(value, datetime) else value
        for name, value in values.items()
    }
    with connect(store) as connection:
        return tuple(connection.execute(text(sql), micros).one())


def check_numbers(store: Store, spell: Spell) -> None:
    """Compare every number of a spell with what the raw rows give between its own borders."""
    end = spell.end.after if spell.end else spell.counted_until
    assert end is not None and spell.counted_until == end
    if spell.end is None:
        assert ask(store, _NEWEST) == (end.timestamp() * 1_000_000,)
    assert (spell.portion.n_blocked, spell.portion.n_judged) == ask(
        store, _OF_WHOLE, start=spell.onset.by, end=end
    )
    assert not spell.counts_whole_hours
    for method in spell.methods:
        assert method.onset.by >= spell.onset.by
        assert method.onset.after is None or method.onset.after < method.onset.by
        if spell.onset.after is not None:
            assert method.onset.after is not None and method.onset.after >= spell.onset.after
        until = method.end.after if method.end and method.end.after else end
        assert until <= end
        values = {"layer": method.layer, "resolver": method.resolver}
        found = ask(store, _OF_LAYER, start=method.onset.by, end=until, **values)
        assert (method.portion.n_blocked, method.portion.n_judged) == found, method
    n_ok, n_failed, n_unjudged, n_offline = ask(
        store, _OF_CONTROLS, start=spell.onset.by - 15 * MINUTE, end=end + 15 * MINUTE
    )
    control = spell.control
    assert (
        (control.n_judged - control.n_blocked, control.n_blocked) if control else (0, 0) == (n_ok, n_failed)
    )
    assert (spell.n_control_unjudged, spell.n_control_offline) == (n_unjudged, n_offline)


def test_a_block_that_begins_at_23_past_is_told_as_31_of_31(store: Store) -> None:
    xl = POINTS[0]
    rows = [judged(xl, at, State.OK) for at in every(20, START + 3 * MINUTE, BLOCK)]
    rows += [judged(xl, BLOCK + n * 20 * MINUTE, State.BLOCKED, DNS) for n in range(31)]
    over = BLOCK + 31 * 20 * MINUTE
    rows += [judged(xl, at, State.OK) for at in every(20, over, over + DAY)]
    spell = the_spell(store, rows)
    assert spell.onset == Interval(after=BLOCK - 20 * MINUTE, by=BLOCK)
    assert spell.end == Interval(after=BLOCK + 600 * MINUTE, by=over)
    assert (spell.portion.n_blocked, spell.portion.n_judged, spell.partial) == (31, 31, False)
    (method,) = spell.methods
    assert (method.onset, method.end) == (spell.onset, spell.end)
    assert (method.portion.n_blocked, method.portion.n_judged) == (31, 31)
    check_numbers(store, spell)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ends", [True, False])
def test_every_number_is_that_of_the_raw_rows(store: Store, seed: int, ends: bool) -> None:
    """Two vantage points that drift, two methods of which one comes later, and a few other states."""
    chance = random.Random(seed)
    later, over = BLOCK + chance.uniform(3, 20) * HOUR, BLOCK + chance.uniform(30, 60) * HOUR
    rows: list[Judged] = []
    for point in POINTS[:2]:
        at = START + chance.uniform(0, 30) * MINUTE
        while at < over + (2 * DAY if ends else timedelta()):
            draw, inside = chance.random(), BLOCK <= at < over
            methods = (DNS, TLS) if at >= later else (DNS,)
            if draw < 0.04:
                rows.append(judged(point, at, State.INSUFFICIENT))
            elif draw < 0.06:
                rows.append(offline(point, at))
            elif draw < 0.08:
                rows.append(judged(point, at, State.IMPAIRED))
            else:
                resolver = "10.0.0.53" if point.id == "xl-1" else "10.0.0.54"
                state, failing = (State.BLOCKED, methods) if inside else (State.OK, ())
                rows.append(judged(point, at, state, *failing, resolver=resolver))
            at += chance.uniform(8, 22) * MINUTE
    control_states = [State.OK] * 8 + [State.DOWN, State.INSUFFICIENT]
    for at in every(17, START, over + DAY):
        state = chance.choice(control_states)
        rows.append(offline(POINTS[2], at) if chance.random() < 0.1 else judged(POINTS[2], at, state))
    for spell in search(store, rows):
        assert spell.certainty is Certainty.CONFIRMED and (spell.end is not None) == ends
        assert {(m.layer, m.resolver) for m in spell.methods} == {
            ("dns", "10.0.0.53"),
            ("dns", "10.0.0.54"),
            ("tls", ""),
        }
        check_numbers(store, spell)
        assert not spell.partial


def test_a_block_since_before_the_first_measurement(store: Store) -> None:
    xl = POINTS[0]
    spell = the_spell(
        store, [judged(xl, at, State.BLOCKED, DNS, TLS) for at in every(10, BLOCK, BLOCK + DAY)]
    )
    assert spell.onset == Interval(after=None, by=BLOCK)
    assert [method.onset for method in spell.methods] == [spell.onset, spell.onset]
    check_numbers(store, spell)


def test_a_method_of_the_first_hour_has_the_onset_of_its_spell(store: Store) -> None:
    """The first hour ever measured holds the change: by the hour alone, the method would be since before."""
    xl = POINTS[0]
    rows = [judged(xl, BLOCK - 10 * MINUTE, State.OK)]
    rows += [judged(xl, at, State.BLOCKED, DNS) for at in every(10, BLOCK, BLOCK + DAY)]
    spell = the_spell(store, rows)
    assert spell.onset == Interval(after=BLOCK - 10 * MINUTE, by=BLOCK)
    assert [method.onset for method in spell.methods] == [spell.onset]
    check_numbers(store, spell)


def test_where_raw_rows_are_gone_whole_hours_count_and_the_spell_says_so(store: Store) -> None:
    xl = POINTS[0]
    rows = [judged(xl, at, State.OK) for at in every(20, START + 3 * MINUTE, BLOCK)]
    rows += [judged(xl, at, State.BLOCKED, DNS) for at in every(20, BLOCK, BLOCK + DAY)]
    store.save_measurements(rows, received_at=START)
    store.delete_raw_before(BLOCK + DAY)
    Detector(store).run(START + 30 * DAY)
    (spell,) = store.load_spells()
    # The hour of the change has one that was ok.
    assert spell.counts_whole_hours
    assert (spell.portion.n_blocked, spell.portion.n_judged) == (72, 73)


@pytest.mark.parametrize(
    ("state", "is_offline", "expected"),
    [
        (State.OK, False, ((0, 72), 0, 0)),
        (State.DOWN, False, ((72, 72), 0, 0)),
        (State.INSUFFICIENT, False, (None, 72, 0)),
        (State.INSUFFICIENT, True, (None, 0, 72)),
        (None, False, (None, 0, 0)),
    ],
    ids=["reached", "failed too", "could not be judged", "offline", "did not measure"],
)
def test_controls_are_counted_over_the_whole_spell(
    store: Store, state: State | None, is_offline: bool, expected: object
) -> None:
    xl, sg = POINTS[0], POINTS[2]
    over = BLOCK + DAY
    rows = [judged(xl, at, State.OK) for at in every(20, START + 3 * MINUTE, BLOCK)]
    rows += [judged(xl, at, State.BLOCKED, DNS) for at in every(20, BLOCK, over)]
    if state is not None:
        times = list(every(20, BLOCK + MINUTE, over))
        rows += [offline(sg, at) if is_offline else judged(sg, at, state) for at in times]
    spell = the_spell(store, rows)
    found = spell.control and (spell.control.n_blocked, spell.control.n_judged)
    assert (found, spell.n_control_unjudged, spell.n_control_offline) == expected
    check_numbers(store, spell)


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ("nothing", (False, False)),
        ("offline", (True, False)),
        ("insufficient", (False, True)),
        ("both", (True, True)),
    ],
)
def test_a_silence_says_what_it_was(store: Store, between: str, expected: tuple[bool, bool]) -> None:
    xl = POINTS[0]
    rows = [judged(xl, at, State.OK) for at in every(20, START + 3 * MINUTE, BLOCK)]
    gap, back = BLOCK + 12 * HOUR, BLOCK + 24 * HOUR
    for at in (*every(20, BLOCK, gap), *every(20, back, back + DAY)):
        rows.append(judged(xl, at, State.BLOCKED, DNS))
    for number, at in enumerate(every(20, gap, back)):
        if between == "offline" or (between == "both" and number % 2):
            rows.append(offline(xl, at))
        elif between != "nothing":
            rows.append(judged(xl, at, State.INSUFFICIENT))
    spell = the_spell(store, rows)
    assert [(silence.offline, silence.unjudged) for silence in spell.silences] == [expected]
    check_numbers(store, spell)
