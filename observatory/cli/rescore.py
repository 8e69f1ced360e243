"""`observatory rescore`: what today's rules change in the verdicts of the past."""

import math
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from observatory.cli.database import open_to_write
from observatory.cli.options import (
    DatabaseOption,
    JsonOption,
    SinceOption,
    TargetOption,
    UntilOption,
    VantageOption,
    select,
)
from observatory.cli.output import fail, print_json, progress
from observatory.detection.detector import Detector
from observatory.ingest.collector import Collector
from observatory.ingest.rescore import BATCH, Report, VerdictSummary
from observatory.ingest.rescore import rescore as judge_stored
from observatory.model.selection import Selection
from observatory.store import Store, StoreError


def rescore(
    since: SinceOption = None,
    until: UntilOption = None,
    target: TargetOption = None,
    vantage: VantageOption = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Write the new verdicts; without it, asks before writing."),
    ] = False,
    as_json: JsonOption = False,
    database: DatabaseOption = None,
) -> None:
    """Judge stored measurements again under today's rules, and say what that changes.

    Says what would change before it changes anything. On a terminal it then asks; elsewhere it writes only
    with --apply. Restart a running service first: it judges by the rules it started with.
    """
    selection = select(since, until, target, vantage)
    with open_to_write(database) as store:
        try:
            _run(store, selection, apply=apply, as_json=as_json)
        except StoreError as error:
            raise fail(
                f"{error}\nVerdicts replaced so far are kept; run the same command again to continue."
            ) from error


def _run(store: Store, selection: Selection, *, apply: bool, as_json: bool) -> None:
    foreseen = _pass(store, selection, "Judging again", write=False)
    if not as_json:
        _print_report(foreseen, store.load_raw_from())
    if foreseen.n_to_write and not apply and not as_json and _is_at_terminal():
        apply = typer.confirm(f"Replace {foreseen.n_to_write:,} verdicts?", default=False)
    written = None
    if apply and foreseen.n_to_write:
        written = _pass(store, selection, "Replacing", write=True)
        Detector(store).run(datetime.now(UTC))
    if as_json:
        print_json(_as_json(foreseen, written))
    elif written is not None:
        typer.echo(f"{written.n_written:,} verdicts replaced.")
        if written.n_overtaken:
            typer.echo(f"{written.n_overtaken:,} skipped: another process judged them; run it again.")
    elif foreseen.n_to_write:
        typer.echo("Nothing was written. Add --apply to write it.")


def _pass(store: Store, selection: Selection, what: str, *, write: bool) -> Report:
    n_batches = math.ceil(store.count_measurements(selection) / BATCH)
    with progress(what, n_batches) as advance:
        return judge_stored(
            store,
            Collector(store),
            selection,
            write=write,
            on_batch=lambda at: advance(f"{at:%Y-%m-%d %H:%M} UTC"),
        )


def _print_report(report: Report, raw_from: datetime | None) -> None:
    typer.echo(f"{report.n_seen:,} measurements judged again.")
    if raw_from is not None:
        typer.echo(
            f"Observations before {raw_from:%Y-%m-%d} were deleted; verdicts from before stay as they are."
        )
    if not report.n_to_write:
        typer.echo("Nothing would change: every verdict is already what the rules of today say.")
        return
    typer.echo(f"Versions of (rules, reference data): {_versions(report)}")
    for (old, new), change in sorted(report.changes.items(), key=lambda item: (-item[1].n, item[0])):
        typer.echo(f"{change.n:>8,}  {old}  ->  {new}")
        typer.echo(f"{'':>8}  such as {', '.join(change.examples)}")
    typer.echo(f"{report.n_changed:>8,}  have a new state or mechanism")
    typer.echo(f"{report.n_details:>8,}  same result, different evidence (or other layers, controls)")
    typer.echo(f"{report.n_version_only:>8,}  differ in the versions only")


def _versions(report: Report) -> str:
    def listed(versions: dict[tuple[str, str], int]) -> str:
        return ", ".join(f"({rules}, {reference})" for rules, reference in sorted(versions))

    return f"{listed(report.old_versions)} -> {listed(report.new_versions)}"


def _as_json(foreseen: Report, written: Report | None) -> dict[str, Any]:
    return {
        "n_measurements": foreseen.n_seen,
        "n_changed": foreseen.n_changed,
        "n_details_only": foreseen.n_details,
        "n_versions_only": foreseen.n_version_only,
        "applied": written is not None,
        "n_written": written.n_written if written else 0,
        "n_overtaken": written.n_overtaken if written else 0,
        "versions": {
            "old": [list(pair) for pair in sorted(foreseen.old_versions)],
            "new": [list(pair) for pair in sorted(foreseen.new_versions)],
        },
        "changes": [
            {"old": _outcome(old), "new": _outcome(new), "n": change.n, "examples": change.examples}
            for (old, new), change in sorted(foreseen.changes.items(), key=lambda item: (-item[1].n, item[0]))
        ],
    }


def _outcome(outcome: VerdictSummary) -> dict[str, Any]:
    return {
        "state": outcome.state,
        "mechanism": outcome.mechanism or None,
        "rule_id": outcome.rule_id,
        "partial": outcome.partial,
    }


def _is_at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
