"""Cells, latest and coverage equal what the raw rows say, after any history."""

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from observatory.model import LEADS_TO, OVERALL, Grain, LeadsTo, State, Verdict
from observatory.store import Store, open_store
from observatory.store.schema import cells
from probes.records import Measurement, TargetKind
from tests.observatory.store.backdoor import connect
from tests.observatory.store.samples import AT, DAY, HOUR, make_measurement, make_verdict

IDS = [f"m{i}" for i in range(12)]
START, END = AT - 4 * DAY, AT + 4 * DAY

MEASUREMENTS = st.builds(
    make_measurement,
    st.sampled_from(IDS),
    vantage=st.sampled_from(["jkt-one", "jkt-two"]),
    target=st.sampled_from(["t.me", "dc1"]),
    at=st.integers(-40, 40).map(lambda hours: AT + timedelta(hours=hours)),
    kind=st.sampled_from([TargetKind.HOST, TargetKind.HOST, TargetKind.CANARY]),
    asn=st.sampled_from([64500, 64501]),
    emulated=st.booleans(),
)
LED = st.sampled_from([None, *(LeadsTo(target="telegram.org", state=state) for state in State)])
VERDICTS = st.builds(
    lambda state, leads_to, **more: replace(make_verdict(state, **more), leads_to=leads_to),
    st.sampled_from(State),
    LED,
    mechanism=st.sampled_from([None, "tls.reset"]),
    provisional=st.booleans(),
)
BATCHES = st.lists(st.tuples(MEASUREMENTS, VERDICTS), max_size=6)
REPLACEMENTS = st.dictionaries(st.sampled_from([*IDS, "unknown"]), VERDICTS, max_size=4)


@settings(deadline=None, max_examples=60)
@given(history=st.lists(BATCHES | REPLACEMENTS, max_size=6))
def test_any_history(
    history: list[list[tuple[Measurement, Verdict]] | dict[str, Verdict]],
) -> None:
    """Duplicates, late arrivals, other networks and replaced verdicts, in any order."""
    truth: dict[str, tuple[Measurement, Verdict]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(f"sqlite:///{folder}/observatory.sqlite") as store,
    ):
        for step in history:
            if isinstance(step, dict):
                known = {id_: verdict for id_, verdict in step.items() if id_ in truth}
                assert store.replace_verdicts(step) == len(known)
                truth.update({id_: (truth[id_][0], verdict) for id_, verdict in known.items()})
            else:
                n_before = len(truth)
                n_new = store.save_measurements(step, received_at=AT)
                for measurement, verdict in step:
                    truth.setdefault(measurement.id, (measurement, verdict))
                assert n_new == len(truth) - n_before
        assert store.recompute_cells(START, END) == 0
        _compare(store, [pair for pair in truth.values() if pair[0].target_kind is TargetKind.HOST])


def _compare(store: Store, assessed: list[tuple[Measurement, Verdict]]) -> None:
    coverage = store.load_coverage()
    assert coverage.n_measurements == len(assessed)
    assert coverage.first_at == min((m.started_at for m, _ in assessed), default=None)
    assert coverage.last_at == max((m.started_at for m, _ in assessed), default=None)
    assert (coverage.emulated, coverage.real) == (
        any(m.emulated for m, _ in assessed),
        any(not m.emulated for m, _ in assessed),
    )
    newest: dict[tuple[str, str], tuple[datetime, str]] = {}
    for m, _ in assessed:
        key = (m.vantage, m.target)
        newest[key] = max(newest.get(key, (m.started_at, m.id)), (m.started_at, m.id))
    judged = {m.id: verdict for m, verdict in assessed}
    found = {(x.vantage, x.target): x for x in store.load_latest()}
    assert {key: (x.measured_at, x.measurement_id) for key, x in found.items()} == newest
    for x in found.values():
        verdict = judged[x.measurement_id]
        assert (x.state, x.mechanism, x.provisional) == (
            verdict.state,
            verdict.mechanism,
            verdict.provisional,
        )
    for grain in Grain:
        for layer in (OVERALL, "dns", "tls"):
            assert sum(cell.n for cell in store.load_cells(grain, START, END, layer=layer)) == len(assessed)
        led = store.load_cells(grain, START, END, layer=LEADS_TO)
        states = Counter(v.leads_to.state for _, v in assessed if v.leads_to is not None)
        assert sum((Counter({cell.state: cell.n}) for cell in led), Counter()) == states
        shares = store.load_share(grain, START, END, by="vantage")
        blocked = (State.BLOCKED, State.LIKELY_BLOCKED)
        assert sum(s.n_blocked for s in shares) == sum(v.state in blocked for _, v in assessed)
        assert sum(s.n_judged for s in shares) == sum(v.state != State.INSUFFICIENT for _, v in assessed)
        assert sum(s.n for s in shares) == len(assessed)


def test_a_wrong_cell_is_found_and_put_right(store: Store) -> None:
    store.save_measurements([(make_measurement("m1"), make_verdict())], received_at=AT)
    good = store.load_cells(Grain.HOUR, START, END)
    with connect(store) as connection:
        connection.execute(update(cells).values(n=cells.c.n + 2))
    assert store.load_cells(Grain.HOUR, START, END) != good
    # Two grains, each with the whole and the two layers judged.
    assert store.recompute_cells(AT, AT + HOUR) == 6
    assert store.load_cells(Grain.HOUR, START, END) == good
    assert store.recompute_cells(AT, AT + HOUR) == 0
