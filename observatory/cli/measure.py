"""`observatory measure`: one round right now, without database or service."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from observatory.cli.options import DEFAULT_CONFIG, ConfigOption, JsonLinesOption
from observatory.cli.output import fail, make_console, print_json, progress
from observatory.config.problems import ConfigError
from observatory.config.vantage_points import load_config
from observatory.model import State
from observatory.model.endpoints import count_endpoints
from observatory.text import load_text
from observatory.vantage.once import (
    JudgedMeasurement,
    UnknownName,
    measure_now,
    select_targets,
    select_vantage_points,
)
from probes.records import encode_measurement

STYLE: Final = {
    State.OK: "green",
    State.BLOCKED: "bold red",
    State.LIKELY_BLOCKED: "red",
    State.IMPAIRED: "yellow",
    State.DOWN: "magenta",
    State.INSUFFICIENT: "dim",
}

PROVENANCE: Final = (
    "id",
    "round_id",
    "duration_s",
    "lag_s",
    "resolver",
    "public_resolver",
    "trust",
    "via",
    "software",
)


def measure(
    config: ConfigOption = DEFAULT_CONFIG,
    vantage: Annotated[
        list[str] | None,
        typer.Option("--vantage", "-v", metavar="ID", help="Measure from here; may be repeated."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="NAME",
            help="Measure this target: a host, a data centre such as dc2, `web` or `telegram-app`.",
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every enabled vantage point, every target; the default."),
    ] = False,
    as_json: JsonLinesOption = False,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls/--no-controls",
            help="Measure from the enabled control vantage points as well, to compare with.",
        ),
    ] = True,
) -> None:
    """Measure one round right now and say what it means."""
    if everything and (vantage or target):
        raise fail("observatory measure: expected --all or --vantage/--target, got both", 2)
    try:
        loaded = load_config(config)
        vantage_points = select_vantage_points(loaded, vantage or [])
        targets = select_targets(target or [])
    except ConfigError as error:
        raise fail(str(error)) from error
    except UnknownName as error:
        raise fail(f"observatory measure: {error}", 2) from error
    if not vantage_points:
        raise fail(f"{config}: expected an enabled vantage point, found none; set `enabled: true` on one")
    n_targets = load_text("en").count("spells.targets", len(targets))
    with progress(f"Measuring {n_targets}", len(vantage_points)) as advance:
        results, errors = asyncio.run(
            measure_now(
                loaded, vantage_points, targets, with_controls=controls, on_done=lambda v: advance(v.name)
            )
        )
    if as_json:
        for result in results:
            print_json(result_as_json(result))
    else:
        print_results(results)
    if errors:
        raise fail("\n".join(f"observatory measure: {error}" for error in errors))


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
        "endpoints": [asdict(count) for count in count_endpoints(result.measurement)],
        "emulated": result.measurement.emulated,
        "rules_version": verdict.rules_version,
        "reference_version": verdict.reference_version,
        "evidence": list(verdict.evidence),
        "controls": list(verdict.controls),
        "stand_ins": list(verdict.stand_ins),
        "acts_at_hop": verdict.acts_at_hop,
        "leads_to": asdict(verdict.leads_to) if verdict.leads_to is not None else None,
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
    """Print a row for each measurement, and whether it was emulated."""
    console = make_console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Vantage", "Target", "State", "Mechanism", "k/n", "Rule", "Seconds"):
        table.add_column(column, justify="right" if column == "Seconds" else "left", overflow="fold")
    for result in results:
        verdict = result.verdict
        state = verdict.state.replace("_", " ") + (" (in part)" if verdict.partial else "")
        leads, led = verdict.leads_to, ""
        if leads is not None and leads.state is not State.OK:
            how = leads.mechanism or leads.state.replace("_", " ")
            led = f"; leads to {escape(leads.target)}: [{STYLE[leads.state]}]{how}[/]"
        table.add_row(
            escape(result.vantage.id),
            escape(result.measurement.target),
            f"[{STYLE[verdict.state]}]{state}[/]{led}",
            verdict.mechanism or "",
            f"{verdict.n_ok}/{verdict.n_tried}",
            verdict.rule_id,
            f"{result.measurement.duration_s:.1f}",
        )
    console.print(table)
    if any(result.measurement.emulated for result in results):
        console.print("Emulated: measured across the lab, not across the real internet.", style="bold")
