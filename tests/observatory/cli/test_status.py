"""`observatory status`: what it says of now, and what it says without anything to show."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from observatory.model import LeadsTo, State, VantagePoint, Via
from observatory.store import Store, open_store
from tests.observatory.cli.invoke import run
from tests.observatory.store.samples import make_measurement, make_verdict

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def test_status_without_a_database_says_how_to_get_one(tmp_path: Path) -> None:
    code, output = run("status", "--database", f"sqlite:///{tmp_path}/none.sqlite")
    assert code == 1
    assert "make run" in output


def keep(store: Store, target: str, *, ago: timedelta, emulated: bool = False) -> None:
    measured = make_measurement(f"{target}-{ago}", vantage="jkt", target=target, at=NOW - ago)
    measured = replace(measured, emulated=emulated)
    store.save_measurements([(measured, make_verdict(State.BLOCKED))], received_at=NOW)


@pytest.mark.parametrize(
    ("situation", "rows", "expected"),
    [
        ("all of it fresh", [("t.me", 0, False), ("x.org", 0, False)], "2 blocked"),
        ("one is old", [("t.me", 0, False), ("x.org", 9, False)], "1 blocked, 1 no current data"),
        ("all of it old", [("t.me", 9, False)], "1 no current data"),
        ("emulated beside real", [("t.me", 0, False), ("x.org", 0, True)], "1 blocked"),
        ("emulated alone", [("t.me", 0, True), ("x.org", 0, True)], "2 blocked"),
        ("nothing", [], "no data"),
    ],
)
def test_states_now_are_those_that_may_be_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    situation: str,
    rows: list[tuple[str, int, bool]],
    expected: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    url = f"sqlite:///{tmp_path}/observatory.sqlite"
    with open_store(url) as store:
        point = VantagePoint(id="jkt", name="Jakarta", isp="XL", asn=24203, country="ID", via=Via())
        store.save_vantage_points([point], at=NOW - 24 * HOUR)
        for target, hours, emulated in rows:
            keep(store, target, ago=hours * HOUR, emulated=emulated)
    _, output = run("status", "--database", url)
    (line,) = [line for line in output.splitlines() if line.startswith("jkt")]
    assert f"  {expected}  " in f"{line}  ", situation
    listed = json.loads(run("status", "--json", "--database", url)[1])["latest"]
    assert len(listed) == len(rows), "programs get every row"


def test_ok_that_leads_to_a_block_is_not_counted_as_plain_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    url = f"sqlite:///{tmp_path}/observatory.sqlite"
    leads = LeadsTo(target="landing.example", state=State.BLOCKED, mechanism="http.blockpage")
    with open_store(url) as store:
        point = VantagePoint(id="jkt", name="Jakarta", isp="XL", asn=24203, country="ID", via=Via())
        store.save_vantage_points([point], at=NOW - 24 * HOUR)
        for target, leads_to in (("t.me", leads), ("x.org", None), ("y.org", replace(leads, state=State.OK))):
            measured = make_measurement(target, vantage="jkt", target=target, at=NOW)
            store.save_measurements(
                [(measured, replace(make_verdict(State.OK), leads_to=leads_to))], received_at=NOW
            )
    _, output = run("status", "--database", url)
    (line,) = [line for line in output.splitlines() if line.startswith("jkt")]
    assert "  3 ok, 1 of them ok and leading to a blocked host  " in f"{line}  "
    listed = json.loads(run("status", "--json", "--database", url)[1])["latest"]
    assert listed[0]["leads_to"] == {
        "target": "landing.example",
        "state": "blocked",
        "mechanism": "http.blockpage",
    }
