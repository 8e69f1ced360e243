"""Files that other people's programs and spreadsheets read."""

import csv
import io
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from observatory.analysis.events.publication import Present
from observatory.model import LEADS_TO, OVERALL, Cell, Grain, LeadsTo, State
from observatory.model.views import Share
from observatory.views.csv import (
    CELL_COLUMNS,
    LATEST_COLUMNS,
    SHARE_COLUMNS,
    VANTAGE_COLUMNS,
    cell_csv,
    encode_csv,
    latest_csv,
    share_csv,
    vantage_csv,
)
from observatory.views.matrix import TargetGroup
from observatory.views.punctuality import Punctuality
from tests.observatory.views.samples import NOW, make_matrix, make_status


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_disarmed(start: str) -> None:
    (row,) = rows(encode_csv(["network"], [{"network": f'{start}HYPERLINK("http://x")'}]))
    assert row["network"] == f'\'{start}HYPERLINK("http://x")'


def test_numbers_keep_their_sign() -> None:
    assert encode_csv(["n"], [{"n": -1}]) == b"n\r\n-1\r\n"


def test_values_as_documented() -> None:
    at = datetime(2017, 7, 14, 18, 22, 0, 5, tzinfo=ZoneInfo("Asia/Jakarta"))
    encoded = encode_csv(["a", "b", "c", "d"], [{"a": at, "b": True, "c": None, "d": 'x,"y"\nz'}])
    assert encoded == b'a,b,c,d\r\n2017-07-14T11:22:00.000005Z,true,,"x,""y""\nz"\r\n'


def test_latest_tells_current_stale_and_never_apart() -> None:
    matrix = make_matrix(
        {"axis": {"t.me": State.BLOCKED}, "biznet": {"t.me": State.OK}, "ctl": {"t.me": State.OK}},
        ages={"biznet": timedelta(hours=1)},
        controls=("ctl",),
    )
    axis = next(vantage for vantage in matrix.probes if vantage.id == "axis")
    data = latest_csv(matrix, Present(confirmed=frozenset({("t.me", axis.asn)})))
    assert data.splitlines()[0].decode() == ",".join(LATEST_COLUMNS)
    found = {(r["vantage"], r["target"]): r for r in rows(data)}
    assert len(found) == 3 * 4
    assert found["axis", "t.me"]["shown_as"] == "blocked"
    assert found["axis", "t.me"]["measured_at"] == "2026-11-23T11:59:00Z"
    assert found["axis", "t.me"]["emulated"] == "false"
    assert (found["biznet", "t.me"]["shown_as"], found["biznet", "t.me"]["state"]) == ("no_data", "ok")
    assert (found["axis", "dc1"]["shown_as"], found["axis", "dc1"]["state"]) == ("no_data", "")
    assert found["axis", "dc1"]["target_kind"] == "data_centre"
    assert found["ctl", "t.me"]["role"] == "control"
    assert [key for key, row in found.items() if row["confirmed"] == "true"] == [("axis", "t.me")]


def test_latest_tells_where_an_ok_target_leads() -> None:
    leads = {("axis", "t.me"): LeadsTo(target="=evil()", state=State.BLOCKED, mechanism="http.blockpage")}
    found = rows(latest_csv(make_matrix({"axis": both_ok()}, leads=leads), Present()))
    led = {r["target"]: (r["leads_to"], r["leads_to_state"], r["leads_to_mechanism"]) for r in found}
    assert led["t.me"] == ("'=evil()", "blocked", "http.blockpage")
    assert led["telegram.org"] == led["dc1"] == ("", "", "")


def both_ok() -> dict[str, State]:
    return {"t.me": State.OK, "telegram.org": State.OK}


def test_share_of_nothing_judged_is_empty_and_not_zero() -> None:
    shares = [
        Share(bucket_at=NOW, key="axis", n_blocked=1, n_judged=3, n=4),
        Share(bucket_at=NOW, key="gone", n_blocked=0, n_judged=0, n=4),
    ]
    data = share_csv(
        shares,
        by="vantage",
        grain=Grain.HOUR,
        kind=TargetGroup.HOST,
        vantages={"axis": make_status("axis")},
        emulated=True,
    )
    first, second = rows(data)
    assert tuple(first) == SHARE_COLUMNS
    assert (first["share"], first["network"], first["emulated"]) == ("0.333333", "Axis", "true")
    assert (second["share"], second["n"], second["network"]) == ("", "4", "")


def test_cells_carry_where_and_what() -> None:
    cell = Cell(
        bucket_at=NOW,
        vantage="axis",
        target="dc1",
        layer="overall",
        state=State.LIKELY_BLOCKED,
        mechanism="mtproto.reset",
        rule_id="mtproto.reset",
        n=6,
    )
    data = cell_csv(
        [cell], grain=Grain.DAY, kinds={"dc1": TargetGroup.DATA_CENTRE}, vantages={}, emulated=False
    )
    (row,) = rows(data)
    assert tuple(row) == CELL_COLUMNS
    assert (row["target_kind"], row["state"], row["n"]) == ("data_centre", "likely_blocked", "6")


def test_counts_tell_how_many_of_the_ok_lead_visitors_to_a_block() -> None:
    ok = Cell(
        bucket_at=NOW,
        vantage="axis",
        target="t.me",
        layer=OVERALL,
        state=State.OK,
        mechanism=None,
        rule_id="http.answered",
        n=5,
    )
    slow = replace(ok, state=State.IMPAIRED, n=2)
    led = [
        replace(ok, layer=LEADS_TO, state=State.BLOCKED, n=2),
        replace(ok, layer=LEADS_TO, state=State.LIKELY_BLOCKED, mechanism="tls.reset", n=1),
        replace(ok, layer=LEADS_TO, state=State.BLOCKED, target="telegram.me", n=9),
    ]
    found = rows(
        cell_csv([ok, slow], grain=Grain.DAY, kinds={}, vantages={}, emulated=False, led=led),
    )
    assert [row["n_leads_to_blocked"] for row in found] == ["3", "0"]
    share = Share(bucket_at=NOW, key="t.me", n_blocked=0, n_judged=7, n=7)
    data = share_csv(
        [share], by="target", grain=Grain.DAY, kind=TargetGroup.HOST, vantages={}, emulated=False, led=led
    )
    assert [row["n_leads_to_blocked"] for row in rows(data)] == ["3"]


def test_names_from_the_config_cannot_start_a_formula() -> None:
    vantage = make_status("axis", isp="=cmd|' /C calc'!A0", last_error="@SUM(1)")
    (row,) = rows(vantage_csv([vantage], {"axis": Punctuality.LATE}, emulated=False))
    assert tuple(row) == VANTAGE_COLUMNS
    assert row["network"].startswith("'=")
    assert row["last_error"] == "'@SUM(1)"
