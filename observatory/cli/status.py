"""`observatory status`: what was measured last, from where, and what is wrong."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from observatory.analysis.events.publication import is_fresh, shows_emulated
from observatory.cli.database import open_to_read
from observatory.cli.options import DatabaseOption, JsonOption
from observatory.cli.output import make_console, print_json
from observatory.cli.present import load_present, present_as_json, present_line
from observatory.model import State
from observatory.model.views import Latest, VantageStatus
from observatory.store import StoreReader


def status(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Say what was measured last, from where, and what is wrong."""
    with open_to_read(database) as store:
        if as_json:
            print_json(status_as_json(store))
        else:
            print_status(store)


def status_as_json(store: StoreReader) -> dict[str, Any]:
    """Return what `observatory status` knows, times in ISO 8601."""
    now = datetime.now(UTC)
    config = store.load_config_state()
    return {
        "coverage": _plain(asdict(store.load_coverage())),
        "config": _plain(asdict(config)) if config else None,
        "vantage_points": [_plain(asdict(row)) for row in store.load_vantage_status(now=now)],
        "present": present_as_json(load_present(store)),
        "latest": [_plain(asdict(row)) for row in store.load_latest()],
    }


def print_status(store: StoreReader) -> None:
    """Print what was measured last from each vantage point and what is wrong."""
    console = make_console()
    coverage = store.load_coverage()
    if coverage.n_measurements:
        span = f"{_when(coverage.first_at)} to {_when(coverage.last_at)}"
        console.print(f"{coverage.n_measurements:,} measurements, {span}")
    else:
        console.print("No measurements yet: start probing with `observatory up` or `make run`.")
    console.print(present_line(load_present(store)))
    config = store.load_config_state()
    if config and config.errors:
        console.print(f"{config.path} has mistakes; the last valid version is used:", style="bold yellow")
        for error in config.errors:
            console.print("  " + escape(error))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Vantage point", "ISP", "Role", "Last seen", "Next run", "States now", "Last error"):
        table.add_column(column)
    now, emulated = datetime.now(UTC), shows_emulated(coverage)
    latest = [entry for entry in store.load_latest() if entry.emulated == emulated]
    for row in store.load_vantage_status(now=now):
        table.add_row(
            escape(row.id),
            escape(f"{row.isp} AS{row.asn}"),
            "imported" if row.via.is_imported else row.role.value if row.enabled else "disabled",
            _when(row.last_seen_at),
            _when(row.next_run_at),
            _states_now(row, [entry for entry in latest if entry.vantage == row.id], now) or "no data",
            escape(row.last_error or ""),
        )
    console.print(table)


def _states_now(vantage: VantageStatus, latest: Sequence[Latest], now: datetime) -> str:
    """How many targets are in each state; what was measured too long ago is in none."""
    fresh = [entry for entry in latest if is_fresh(entry.measured_at, vantage.every_s, now)]
    states = [entry.state for entry in fresh]
    counted = [f"{states.count(s)} {s.replace('_', ' ')}" for s in State if s in states]
    if n_led := sum(e.leads_to is not None and e.leads_to.is_blocked for e in fresh):
        counted.append(f"{n_led} of them ok and leading to a blocked host")
    if n_old := len(latest) - len(states):
        counted.append(f"{n_old} no current data")
    return ", ".join(counted)


def _when(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else "never"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
