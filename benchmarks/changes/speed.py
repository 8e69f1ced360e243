"""How fast a year is looked at again, and a live round: a hundred networks, 17 targets, every ten minutes."""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import text

from benchmarks.figure import Figure, show
from observatory.analysis.events.publication import is_published
from observatory.detection.detector import Detector
from observatory.model import Finding, Layer, State, VantagePoint, Verdict
from observatory.reference import load_targets
from observatory.store import Store, open_store
from observatory.store.engine import make_engine, parse_url
from probes.records import Measurement, TargetKind

N_VANTAGES: Final = 100
START: Final = datetime(2025, 1, 1, tzinfo=UTC)
HOURS: Final = 365 * 24
# A fifth of the networks block the eleven hosts, from one third of the year on, for good.
BLOCKING: Final = 20
_MICROS: Final = 1_000_000
N_ROUNDS: Final = 30

_SERIES: Final = """
INSERT INTO series (number, layer, vantage, asn, target, emulated, resolver)
SELECT NULL, l.layer, 'v' || v.n, 64500 + v.n, t.name, 0, CASE l.layer WHEN 'dns' THEN '10.0.0.53' ELSE '' END
FROM n v, targets t, layers l WHERE l.kind = t.kind OR l.kind = 'any'
"""
# Six an hour; one in fifty fails, spread by a hash so that it is the same every time; blocked: all.
_CELLS: Final = """
INSERT INTO cells (width_s, series, bucket_at, outcome, n)
SELECT 3600, s.number, :start + h.n * 3600000000, o.number,
  CASE WHEN b.blocked THEN 6 WHEN (s.number * 7919 + h.n * 104729) % 1000 >= 113 THEN 6
       WHEN o.number = 1 THEN 5 ELSE 1 END
FROM series s JOIN blocking b ON b.series = s.number JOIN h,
  (SELECT 1 AS number UNION SELECT 2 UNION SELECT 3) o
WHERE h.n BETWEEN b.since AND b.until AND (
  CASE WHEN b.blocked THEN o.number = 2
       ELSE o.number = 1 OR (
         o.number = 3 AND s.layer = 'overall' AND (s.number * 7919 + h.n * 104729) % 1000 < 113) END)
ORDER BY s.number, h.n, o.number
"""


async def bench_speed() -> list[Figure]:
    """Seconds of one core for the year, from the stored cells to events; milliseconds for a live round."""
    return _bench()


def _bench() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        with open_store(f"sqlite:///{folder}/year.sqlite") as store:
            sys.stdout.write("making the year, which takes a minute or two\n")
            sys.stdout.flush()
            n_cells = _fill(store)
            size_mb = Path(folder, "year.sqlite").stat().st_size / 1e6
            figures = [
                show(Figure(what="hourly cells of the year", value=n_cells / 1e6, unit="M")),
                show(Figure(what="the database", value=size_mb, unit="MB")),
            ]
            store.mark_all_dirty()
            started_s, wall_s = time.process_time(), time.monotonic()
            outcome = Detector(store).run(START + timedelta(hours=HOURS))
            spent_s = time.process_time() - started_s
            what = f"a year of {outcome.n_series:,} series looked at again, processor"
            figures.append(show(Figure(what=what, value=spent_s, unit="s", bound=60)))
            what = "the same, by the clock"
            figures.append(show(Figure(what=what, value=time.monotonic() - wall_s, unit="s")))
            n_events = sum(is_published(revision.event) for revision in store.load_events())
            figures.append(show(Figure(what="events found, of 1 that there was", value=n_events, unit="")))
            figures += [_bench_rounds(store, 50, "healthy"), _bench_rounds(store, 1, "blocked")]
    return figures


def _fill(store: Store) -> int:
    targets = load_targets()
    points = [
        VantagePoint(id=f"v{n}", name=f"v{n}", isp=f"ISP {n}", asn=64500 + n, country="ID")
        for n in range(N_VANTAGES)
    ]
    store.save_vantage_points(points, at=START)
    with make_engine(parse_url(f"sqlite:///{store.name}")).begin() as connection:
        run = connection.exec_driver_sql
        run(
            "CREATE TEMP TABLE h AS WITH RECURSIVE h(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM h "
            f"WHERE n < {HOURS - 1}) SELECT n FROM h"
        )
        run(f"CREATE TEMP TABLE n AS SELECT n FROM h WHERE n < {N_VANTAGES}")
        run("CREATE TEMP TABLE targets (name, kind)")
        run("CREATE TEMP TABLE layers (layer, kind)")
        for target in targets:
            connection.execute(
                text("INSERT INTO targets VALUES (:name, :kind)"),
                {"name": target.name, "kind": target.kind.value},
            )
        layers = [("overall", "any"), *((layer, "host") for layer in ("dns", "tls", "http", "quic"))]
        for layer, kind in [*layers, ("tcp", "any"), ("mtproto", "data_centre")]:
            connection.execute(
                text("INSERT INTO layers VALUES (:layer, :kind)"), {"layer": layer, "kind": kind}
            )
        run(_SERIES)
        run("INSERT INTO outcomes VALUES (1, 'ok', '', 'http.page', '2', 'r')")
        run("INSERT INTO outcomes VALUES (2, 'blocked', 'dns.injection.bogon', 'dns.bogon', '2', 'r')")
        # What healthy networks lose is silence; only a filter makes up an answer.
        run("INSERT INTO outcomes VALUES (3, 'likely_blocked', 'tcp.timeout', 'tcp.timeout', '2', 'r')")
        # Layers are only read where something is blocked; those of healthy networks would be never read.
        run(
            "CREATE TEMP TABLE blocking AS "
            f"SELECT number AS series, 0 AS since, {HOURS // 3 - 1} AS until, 0 AS blocked FROM series "
            f"WHERE asn < {64500 + BLOCKING} UNION ALL "
            f"SELECT number, {HOURS // 3}, {HOURS - 1}, layer IN ('overall', 'dns') AND target IN "
            "(SELECT name FROM targets WHERE kind = 'host') FROM series "
            f"WHERE asn < {64500 + BLOCKING} UNION ALL "
            f"SELECT number, 0, {HOURS - 1}, 0 FROM series WHERE asn >= {64500 + BLOCKING} "
            "AND layer = 'overall'"
        )
        connection.execute(text(_CELLS), {"start": int(START.timestamp()) * _MICROS})
        return int(run("SELECT count(*) FROM cells").scalar_one())


def _bench_rounds(store: Store, vantage: int, name: str) -> Figure:
    """One round after another, each stored and then looked at; only the looking is timed."""
    detector = Detector(store)
    spent_ms = []
    for number in range(N_ROUNDS):
        at = START + timedelta(hours=HOURS, minutes=10 * number)
        state = State.LIKELY_BLOCKED if name == "blocked" else State.OK
        store.save_measurements(
            [_judge(f"{name} {number} {t.name}", vantage, t.name, t.kind, at, state) for t in load_targets()],
            received_at=at,
        )
        started_s = time.perf_counter()
        detector.run(at)
        spent_ms.append(1000 * (time.perf_counter() - started_s))
    slow_ms = sorted(spent_ms)[int(0.95 * N_ROUNDS)]
    return show(
        Figure(
            what=f"a live round of 17 targets, {name}, 95 % of {N_ROUNDS}", value=slow_ms, unit="ms", bound=50
        )
    )


def _judge(
    id_: str, vantage: int, target: str, kind: TargetKind, at: datetime, state: State
) -> tuple[Measurement, Verdict]:
    blocks = state is State.LIKELY_BLOCKED and kind is TargetKind.HOST
    mechanism, rule_id = ("dns.injection.bogon", "dns.bogon") if blocks else (None, "http.page")
    measurement = Measurement(
        id=id_,
        round_id=id_,
        vantage=f"v{vantage}",
        asn=64500 + vantage,
        target=target,
        target_kind=kind,
        started_at=at,
        duration_s=1.0,
        resolver="10.0.0.53",
        public_resolver="8.8.8.8",
    )
    finding = Finding(
        layer=Layer.DNS, state=state if blocks else State.OK, mechanism=mechanism, rule_id=rule_id
    )
    verdict = Verdict(
        state=finding.state,
        layer=Layer.DNS,
        mechanism=mechanism,
        rule_id=rule_id,
        rules_version="2",
        reference_version="r",
        findings=(finding,),
    )
    return measurement, verdict
