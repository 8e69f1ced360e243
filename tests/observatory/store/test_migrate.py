"""A database that an older version wrote: its cells are counted again with resolver and versions."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from observatory.model import Grain, Series, State
from observatory.store import migrate, open_store
from observatory.store.engine import make_engine, parse_url, writing
from observatory.store.migrate import REVISIONS, switch_to_wal, upgrade
from observatory.store.packing import VERDICT_COLUMNS, encode_verdict, pack_measurement
from observatory.store.schema import EPOCH, encode_time
from tests.observatory.store.samples import AT, DAY, HOUR, make_measurement, make_verdict


def test_every_migration_is_listed() -> None:
    scripts = ScriptDirectory(str(files("observatory.store").joinpath("migrations")))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


def write_first_version(url: str, more: Sequence[str] = ()) -> None:
    """Three measurements as the first tables had them, and one cell whose raw row is long gone."""
    engine = make_engine(parse_url(url))
    switch_to_wal(engine)
    with writing(engine) as connection:
        upgrade(connection, "0001")
        for number in range(1, 4):
            measurement = make_measurement(f"m{number}", at=AT + number * HOUR)
            verdict = encode_verdict(make_verdict(State.BLOCKED, mechanism="tls.reset.sni"))
            packed = pack_measurement(measurement)
            connection.execute(
                text("INSERT INTO ledger VALUES (:n, :id, 0)"), {"n": number, "id": f"m{number}"}
            )
            connection.execute(
                text(
                    "INSERT INTO measurements (number, round_id, vantage, asn, target, target_kind, "
                    "started_at, emulated, body) "
                    "VALUES (:n, 'r', 'jkt-one', 64500, 't.me', 'host', :at, 0, :body)"
                ),
                {"n": number, "at": encode_time(measurement.started_at), "body": packed.body},
            )
            columns = ("number", *VERDICT_COLUMNS, "details")
            connection.execute(
                text(
                    f"INSERT INTO verdicts ({', '.join(columns)}) VALUES "
                    f"({', '.join(f':{c}' for c in columns)})"
                ),
                verdict | {"number": number},
            )
        for statement in (
            "INSERT INTO series VALUES (1, 'overall', 'jkt-one', 64500, 't.me', 0)",
            "INSERT INTO outcomes VALUES (1, 'ok', '', 'http.page')",
            "INSERT INTO cells VALUES (3600, 1, 0, 1, 5)",
            f"INSERT INTO cells VALUES (3600, 1, {encode_time(AT) // 3_600_000_000 * 3_600_000_000}, 1, 99)",
            *more,
        ):
            connection.execute(text(statement))
    engine.dispose()


def test_cells_are_counted_again_and_old_ones_stay(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.sqlite"
    write_first_version(url)
    with open_store(url) as store:
        of = Series(target="t.me", asn=64500)
        cells = store.load_series_cells(of, EPOCH, layers_from=EPOCH, least_blocked=0)
        (_, *old), *new = sorted(
            (at, cells.series[s][1:], cells.outcomes[o], n) for at, s, o, n in cells.rows
        )
        assert old == [("overall", ""), (State.OK, "", "http.page", ("", "")), 5]
        assert {series for _, series, _, _ in new} == {("overall", ""), ("tls", ""), ("dns", "10.0.0.53")}
        assert {outcome[3] for _, _, outcome, _ in new} == {("1", "2026-11")}
        whole = [(outcome[:2], n) for _, series, outcome, n in new if series[0] == "overall"]
        assert whole == [((State.BLOCKED, "tls.reset.sni"), 1)] * 3
        assert [item.series for item in store.load_dirty_series(5)] == [of]
        assert store.recompute_cells(AT, AT + 24 * HOUR) == 0
        assert len(store.load_cells(Grain.DAY, AT.replace(hour=0, minute=0), AT + 24 * HOUR)) == 1
        assert store.load_measurement("m1") is not None


def test_cells_whose_raw_rows_retention_deleted_stay_beside_a_row_that_came_late(tmp_path: Path) -> None:
    """The late row is older than all that were deleted; it has its count in the old cells already."""
    url = f"sqlite:///{tmp_path}/old.sqlite"
    days = [AT.replace(hour=0, minute=0, second=0, microsecond=0) - n * DAY for n in (1, 2, 3)]
    counted = [
        f"INSERT INTO cells VALUES ({width_s}, 1, {encode_time(day)}, 1, 7)"
        for day in days
        for width_s in (3600, 86400)
    ]
    late = encode_time(days[-1] + 5 * HOUR)
    write_first_version(url, [*counted, f"UPDATE measurements SET started_at = {late} WHERE number = 1"])
    with open_store(url) as store:
        for grain in Grain:
            cells = store.load_cells(grain, days[-1], AT + DAY)
            old = [cell for cell in cells if cell.bucket_at < days[0] + DAY]
            assert [(cell.bucket_at, cell.n) for cell in old] == [(day, 7) for day in reversed(days)]
            assert sum(cell.n for cell in cells) == 3 * 7 + 2


def test_a_migration_that_ends_in_the_middle_leaves_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/old.sqlite"
    write_first_version(url)

    def content() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "old.sqlite")) as connection:
            return list(connection.iterdump())

    before = content()

    def fail(connection: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(migrate, "_check_references", fail)
        open_store(url)
    assert content() == before
    with open_store(url) as store:
        assert store.load_measurement("m1") is not None
