"""What the command line shows: tables and progress for people, JSON for programs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from observatory.model import State, ViaKind
from observatory.store import Store
from observatory.vantage.once import JudgedMeasurement
from probes.records import encode_measurement

STYLE = {
    State.OK: "green",
    State.BLOCKED: "bold red",
    State.LIKELY_BLOCKED: "red",
    State.IMPAIRED: "yellow",
    State.DOWN: "magenta",
    State.INSUFFICIENT: "dim",
}

PROVENANCE = (
    "id",
    "round_id",
    "duration_s",
    "resolver",
    "public_resolver",
    "trust",
    "via",
    "software",
)


@contextmanager
def progress(what: str, n: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on the terminal's error stream, nothing when that is a file; yields `advance(name)`."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(what), total=n)
        yield lambda name: bar.update(task, advance=1, description=f"{escape(what)}: {escape(name)}")


def _console() -> Console:
    """A terminal has its own width; in a file or a pipe nothing is gained by folding lines."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def result_as_json(result: JudgedMeasurement) -> dict[str, Any]:
    """Return one flat JSON object: who, what, when, what it means, and the observations it rests on."""
    verdict = result.verdict
    measurement = encode_measurement(result.measurement)
    canary = encode_measurement(result.canary)
    return {
        "vantage": result.vantage.id,
        "isp": result.vantage.isp,
        "asn": result.vantage.asn,
        "target": result.measurement.target,
        "started_at": measurement["started_at"],
        "state": verdict.state,
        "layer": verdict.layer,
        "mechanism": verdict.mechanism,
        "rule_id": verdict.rule_id,
        "partial": verdict.partial,
        "n_ok": verdict.n_ok,
        "n_tried": verdict.n_tried,
        "emulated": result.measurement.emulated,
        "rules_version": verdict.rules_version,
        "reference_version": verdict.reference_version,
        "evidence": list(verdict.evidence),
        "controls": list(verdict.controls),
        "stand_ins": list(verdict.stand_ins),
        "acts_at_hop": verdict.acts_at_hop,
        "findings": [asdict(finding) for finding in verdict.findings],
        **{key: getattr(result.measurement, key) for key in PROVENANCE},
        "canary": {
            "target": canary["target"],
            "id": canary["id"],
            "observations": canary.get("observations", []),
        },
        "observations": measurement.get("observations", []),
    }


def print_results(results: Sequence[JudgedMeasurement]) -> None:
    """Print a row a measurement, and whether it is an emulation."""
    console = _console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Vantage", "Target", "State", "Mechanism", "k/n", "Rule", "Seconds"):
        table.add_column(column, justify="right" if column == "Seconds" else "left", overflow="fold")
    for result in results:
        verdict = result.verdict
        state = verdict.state.replace("_", " ") + (" (partly)" if verdict.partial else "")
        table.add_row(
            escape(result.vantage.id),
            escape(result.measurement.target),
            f"[{STYLE[verdict.state]}]{state}[/]",
            verdict.mechanism or "",
            f"{verdict.n_ok}/{verdict.n_tried}",
            verdict.rule_id,
            f"{result.measurement.duration_s:.1f}",
        )
    console.print(table)
    if any(result.measurement.emulated for result in results):
        console.print("Emulated: measured across the lab, not across the real Internet.", style="bold")


def status_as_json(store: Store) -> dict[str, Any]:
    """Return what `observatory status` knows, times in ISO 8601."""
    now = datetime.now(UTC)
    config = store.load_config_state()
    return {
        "coverage": _plain(asdict(store.load_coverage())),
        "config": _plain(asdict(config)) if config else None,
        "vantage_points": [_plain(asdict(row)) for row in store.load_vantage_status(now=now)],
        "latest": [_plain(asdict(row)) for row in store.load_latest()],
    }


def print_status(store: Store) -> None:
    """Print what was measured last from each vantage point and what is wrong."""
    console = _console()
    coverage = store.load_coverage()
    if coverage.n_measurements:
        span = f"{_when(coverage.first_at)} to {_when(coverage.last_at)}"
        console.print(f"{coverage.n_measurements:,} measurements, {span}")
    else:
        console.print("No measurements yet: start probing with `make run` or `observatory up`.")
    config = store.load_config_state()
    if config and config.errors:
        console.print(f"{config.path} has mistakes; the last good version is in force:", style="bold yellow")
        for error in config.errors:
            console.print("  " + escape(error))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Vantage point", "ISP", "Role", "Last seen", "Next run", "States now", "Last error"):
        table.add_column(column)
    latest = store.load_latest()
    for row in store.load_vantage_status(now=datetime.now(UTC)):
        states = [entry.state for entry in latest if entry.vantage == row.id]
        summary = ", ".join(f"{states.count(s)} {s.replace('_', ' ')}" for s in State if s in states)
        table.add_row(
            escape(row.id),
            escape(f"{row.isp} AS{row.asn}"),
            "imported" if row.via.kind is ViaKind.IMPORTED else row.role.value if row.enabled else "disabled",
            _when(row.last_seen_at),
            _when(row.next_run_at),
            summary or "no data",
            escape(row.last_error or ""),
        )
    console.print(table)


def _when(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else "never"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
