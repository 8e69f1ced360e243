"""Judging stored measurements again: what is said before, what is written, what an interruption leaves."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from observatory.analysis.judging.case import Control
from observatory.cli.app import app
from observatory.ingest import rescore as rescore_module
from observatory.ingest.collector import Collector
from observatory.ingest.judging import judge_by_current_rules
from observatory.ingest.rescore import BATCH, VerdictSummary, rescore
from observatory.model import Grain, State, Verdict
from observatory.model.selection import Selection
from observatory.store import Store, StoreError, open_store
from probes.records import Measurement
from tests.observatory.ingest.test_collector import CONTROL_POINTS, _round
from tests.observatory.store.samples import AT, DAY, MINUTE, make_measurement, make_observations, make_verdict

LATER = AT + 3 * DAY


class Rules:
    """A judge of some version; it sees a block wherever a control was shown."""

    def __init__(self, version: str = "1", *, word: State = State.IMPAIRED) -> None:
        self.version = version
        self.word = word

    def __call__(
        self,
        measurement: Measurement,
        canary: Measurement | None,
        controls: Sequence[Control],
        provisional: bool,
    ) -> Verdict:
        state = self.word if controls else State.OK
        verdict = make_verdict(state, provisional=provisional)
        controls_used = tuple(c.measurement.id for c in controls)
        return replace(verdict, rules_version=self.version, controls=controls_used)


def collector(store: Store, rules: Rules) -> Collector:
    return Collector(store, rules, clock=lambda: LATER)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        opened.save_vantage_points(CONTROL_POINTS, at=AT)
        yield opened


def fill(store: Store, *, n: int = 6) -> None:
    """n rounds, twenty minutes apart, of which the first half has a control in its window."""
    first = collector(store, Rules())
    for number in range(n):
        first.accept(_round(f"m{number}", minute=20 * number))
        if number < n // 2:
            first.accept(_round(f"c{number}", vantage="ams", minute=20 * number + 4))


def verdicts(store: Store) -> dict[str, Verdict]:
    return store.load_verdicts([m.id for m in store.load_measurements()])


def assert_consistent(store: Store) -> None:
    assert store.recompute_cells(AT - DAY, AT + DAY) == 0
    newest = store.load_latest()[-1]
    assert newest.state is store.load_verdicts([newest.measurement_id])[newest.measurement_id].state


def test_nothing_to_do_when_the_rules_are_the_same(store: Store) -> None:
    fill(store)
    report = rescore(store, collector(store, Rules()), Selection(), write=True)
    assert (report.n_seen, report.n_to_write, report.n_written) == (18, 0, 0)


def test_what_would_change_is_said_and_not_written(store: Store) -> None:
    fill(store)
    before = verdicts(store)
    report = rescore(store, collector(store, Rules("2", word=State.LIKELY_BLOCKED)), Selection(), write=False)
    ((old, new), change) = next(iter(report.changes.items()))
    assert (old.state, new.state) == (State.IMPAIRED, State.LIKELY_BLOCKED)
    # Three rounds with a control in their window, and the three rounds of the control.
    assert change.n == report.n_changed == 12
    assert change.examples == ["m0", "m0-canary", "c0"]
    assert report.n_version_only == 6
    assert set(report.old_versions) == {("1", "2026-11")} and set(report.new_versions) == {("2", "2026-11")}
    assert report.n_written == 0
    assert verdicts(store) == before


def test_what_changes_is_written_with_its_cells(store: Store) -> None:
    fill(store)
    rules = Rules("2", word=State.LIKELY_BLOCKED)
    report = rescore(store, collector(store, rules), Selection(), write=True)
    assert report.n_written == report.n_to_write == 18
    after = verdicts(store)
    assert {v.rules_version for v in after.values()} == {"2"}
    assert after["m1"].state is State.LIKELY_BLOCKED and after["m1"].controls == ("c1",)
    assert_consistent(store)
    cells = store.load_cells(Grain.DAY, AT - DAY, AT + DAY)
    assert {c.state for c in cells} == {State.OK, State.LIKELY_BLOCKED}
    again = rescore(store, collector(store, rules), Selection(), write=True)
    assert (again.n_seen, again.n_to_write, again.n_written) == (18, 0, 0)


def test_verdicts_that_differ_in_the_version_only_are_replaced(store: Store) -> None:
    fill(store)
    report = rescore(store, collector(store, Rules("2")), Selection(), write=True)
    assert (report.n_changed, report.n_details, report.n_version_only, report.n_written) == (0, 0, 18, 18)
    assert {v.rules_version for v in verdicts(store).values()} == {"2"}


def test_the_same_word_on_other_grounds_is_counted_apart(store: Store) -> None:
    fill(store, n=2)
    stored = verdicts(store)
    store.replace_verdicts({"m0": replace(stored["m0"], evidence=("dns1",))})
    report = rescore(store, collector(store, Rules()), Selection(), write=False)
    assert (report.n_changed, report.n_details, report.n_version_only) == (0, 1, 0)


@pytest.mark.parametrize(
    ("situation", "selection", "ids"),
    [
        ("one target", Selection(targets=("example.com",)), {"m0-canary", "m1-canary", "c0-canary"}),
        ("one vantage point", Selection(vantages=("ams",)), {"c0", "c0-canary"}),
        ("from a time on", Selection(start=AT + 20 * MINUTE), {"m1", "m1-canary"}),
        ("before a time", Selection(end=AT + 4 * MINUTE), {"m0", "m0-canary"}),
        ("nothing at all", Selection(start=AT + DAY), set()),
    ],
)
def test_a_selection_leaves_the_rest_alone(
    store: Store, situation: str, selection: Selection, ids: set[str]
) -> None:
    fill(store, n=2)
    report = rescore(store, collector(store, Rules("2")), selection, write=True)
    assert report.n_seen == len(ids)
    assert {id_ for id_, v in verdicts(store).items() if v.rules_version == "2"} == ids


def test_controls_outside_the_selection_still_count(store: Store) -> None:
    fill(store, n=2)
    rescore(store, collector(store, Rules("2")), Selection(vantages=("jkt-one",)), write=True)
    assert verdicts(store)["m0"].controls == ("c0",)


def test_batches_go_on_where_the_last_one_ended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at one moment: the number decides, and none is left out or judged twice."""
    measurements = [make_measurement(f"s{number}") for number in range(7)]
    collector(store, Rules()).accept(measurements)
    monkeypatch.setattr(rescore_module, "BATCH", 3)
    times = []
    report = rescore(store, collector(store, Rules("2")), Selection(), write=True, on_batch=times.append)
    assert (report.n_seen, report.n_written) == (7, 7)
    assert times == [AT] * 3


def test_an_interruption_leaves_whole_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr(rescore_module, "BATCH", 4)
    write = store.replace_verdicts
    calls = []

    def stop_at_the_third(new: Mapping[str, Verdict], **options: Mapping[str, Verdict]) -> int:
        calls.append(len(new))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(new, **options)

    rules = Rules("2", word=State.LIKELY_BLOCKED)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "replace_verdicts", stop_at_the_third)
        rescore(store, collector(store, rules), Selection(), write=True)
    assert sum(v.rules_version == "2" for v in verdicts(store).values()) == 8
    assert_consistent(store)
    assert rescore(store, collector(store, rules), Selection(), write=True).n_written == 10
    assert_consistent(store)


def test_a_batch_that_the_database_refuses_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = verdicts(store)

    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr("observatory.store.verdicts.change_cells", refuse)
        rescore(store, collector(store, Rules("2", word=State.DOWN)), Selection(), write=True)
    assert verdicts(store) == before
    assert_consistent(store)


def test_what_another_process_judged_meanwhile_is_left_to_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, n=2)
    theirs = make_verdict(State.DOWN)
    mine = collector(store, Rules("2"))
    judge_again = mine.judge_again

    def overtaken(measurements: Sequence[Measurement]) -> dict[str, tuple[Verdict, Verdict]]:
        judged = judge_again(measurements)
        store.replace_verdicts({"m0": theirs})
        return judged

    monkeypatch.setattr(mine, "judge_again", overtaken)
    report = rescore(store, mine, Selection(), write=True)
    assert report.n_overtaken == 1
    assert verdicts(store)["m0"] == theirs
    assert_consistent(store)


def test_a_batch_with_its_controls_is_all_that_is_in_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = collector(store, Rules())
    for hour in range(0, 30, 3):
        batch = [make_measurement(f"{hour}-{n}", at=AT + hour * timedelta(hours=1)) for n in range(60)]
        first.accept(batch)
    loaded: list[int] = []
    load = store.load_measurements

    def count(**options: object) -> list[Measurement]:
        found = load(**options)  # type: ignore[arg-type]
        loaded.append(len(found))
        return found

    monkeypatch.setattr(store, "load_measurements", count)
    assert rescore(store, collector(store, Rules("2")), Selection(), write=True).n_written == 600
    assert max(loaded) <= BATCH


def test_outcomes_read_as_people_write_them() -> None:
    outcome = VerdictSummary(State.LIKELY_BLOCKED, "tls.reset.sni", "tls.reset.sni", True)
    assert str(outcome) == "likely_blocked (in part) tls.reset.sni [tls.reset.sni]"


# --- the command, with the rules that ship


def run(store: Store, *arguments: str) -> tuple[int, str]:
    url = f"sqlite:///{store.name}"
    result = CliRunner().invoke(app, ["rescore", "--database", url, *arguments])
    return result.exit_code, result.output


@pytest.fixture
def judged_long_ago(store: Store) -> Store:
    """A round with real observations, stored under rules that said something else."""
    round_ = [
        make_measurement("m", round_id="r", observations=make_observations()),
        make_measurement("n", round_id="r", observations=make_observations(), target="telegram.org"),
    ]
    Collector(store, Rules("0"), clock=lambda: LATER).accept(round_)
    return store


def test_command_says_first_and_writes_when_told(judged_long_ago: Store) -> None:
    code, output = run(judged_long_ago)
    assert code == 0
    assert "2 measurements judged again" in output
    assert "ok [tls.ok]  ->  insufficient [dns.unsettled]" in output and "such as m" in output
    assert "Nothing was written. Add --apply" in output
    assert {v.rules_version for v in verdicts(judged_long_ago).values()} == {"0"}
    code, output = run(judged_long_ago, "--apply")
    assert (code, "2 verdicts replaced." in output) == (0, True)
    assert verdicts(judged_long_ago)["m"] == judge_by_current_rules(
        make_measurement("m", round_id="r", observations=make_observations()), None, [], False
    )
    assert "Nothing would change" in run(judged_long_ago, "--apply")[1]


def test_command_as_json(judged_long_ago: Store) -> None:
    code, output = run(judged_long_ago, "--json", "--target", "t.me")
    report = json.loads(output)
    assert code == 0
    assert (report["n_measurements"], report["n_changed"], report["applied"]) == (1, 1, False)
    (change,) = report["changes"]
    assert change["old"] == {"state": "ok", "mechanism": None, "rule_id": "tls.ok", "partial": False}
    assert change["examples"] == ["m"]
    assert json.loads(run(judged_long_ago, "--json", "--apply")[1])["n_written"] == 2


@pytest.mark.parametrize(
    ("since", "n"), [("2017-07-14", 2), ("2017-07-14T11:22:00+07:00", 2), ("2017-07-14T04:23", 0)]
)
def test_command_takes_times_in_utc_or_with_their_zone(judged_long_ago: Store, since: str, n: int) -> None:
    assert json.loads(run(judged_long_ago, "--json", "--since", since)[1])["n_measurements"] == n


@pytest.mark.parametrize(("answer", "version"), [("y", "new"), ("n", "0"), ("", "0")])
def test_command_asks_on_a_terminal(
    judged_long_ago: Store, monkeypatch: pytest.MonkeyPatch, answer: str, version: str
) -> None:
    monkeypatch.setattr("observatory.cli.rescore._is_at_terminal", lambda: True)
    url = f"sqlite:///{judged_long_ago.name}"
    result = CliRunner().invoke(app, ["rescore", "--database", url], input=f"{answer}\n")
    assert "Replace 2 verdicts?" in result.output
    versions = {v.rules_version for v in verdicts(judged_long_ago).values()}
    assert (versions == {"0"}) is (version == "0")


def test_command_without_a_database_says_so_and_creates_none(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite"
    result = CliRunner().invoke(app, ["rescore", "--database", f"sqlite:///{path}"])
    assert result.exit_code == 1
    assert "no database yet" in result.output
    assert not path.exists()


def test_command_says_which_days_have_no_observations_any_more(judged_long_ago: Store) -> None:
    judged_long_ago.delete_raw_before(AT + 2 * DAY)
    code, output = run(judged_long_ago)
    assert code == 0
    assert "0 measurements judged again" in output and "Observations before 2017-07-16 were deleted" in output
