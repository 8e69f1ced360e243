"""`observatory events`: what was found to be blocked, when and where; and people's notes on it."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from observatory.analysis.events.publication import is_published, publishable
from observatory.cli.database import open_to_read, open_to_write
from observatory.cli.options import DatabaseOption, JsonLinesOption
from observatory.cli.output import fail, print_json, progress
from observatory.cli.present import load_present, present_line
from observatory.detection.detector import SERIES_PER_BATCH, Detector
from observatory.model import Event, Interval, Note, Revision
from observatory.model.codec import encode_event
from observatory.store import StoreError
from observatory.text import load_text
from observatory.text.events import describe, finding, network_names

app = typer.Typer(help="What was found to be blocked, when and where.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `observatory events list` prints it.")]


def _as_json(revision: Revision, **more: object) -> dict[str, Any]:
    revised = {"revision": revision.number, "revised_at": revision.at.isoformat()}
    return encode_event(revision.event) | revised | more


@app.command("list")
def list_events(database: DatabaseOption = None, as_json: JsonLinesOption = False) -> None:
    """List every event, the newest first; withdrawn ones are marked."""
    with open_to_read(database) as store:
        revisions = store.load_events()
        present = load_present(store)
    if not revisions and not as_json:
        typer.echo(f"No event so far. {present_line(present)}")
    for revision in revisions:
        if as_json:
            print_json(_as_json(revision))
        else:
            typer.echo(_line(revision.event))


def _line(event: Event) -> str:
    marks = ["EMULATED"] if event.emulated else []
    marks += ["WITHDRAWN"] if event.withdrawn else []
    said = finding(event, load_text("en"))
    shown = publishable(event)
    by_rules = all(spell.onset_from_rule_change for spell in shown.spells)
    return f"{event.id:<28} {_interval(shown.onset, by_rules)}  {' '.join([*marks, said])}"


def _interval(interval: Interval | None, from_rule_change: bool) -> str:
    if from_rule_change:
        return "not known"
    if interval is None:
        return "ongoing"
    by = f"{interval.by.astimezone(UTC):%Y-%m-%d %H:%M}"
    if interval.after is None:
        return f"before {by}"
    return f"{interval.after.astimezone(UTC):%Y-%m-%d %H:%M} to {by}"


@app.command("show")
def show_event(id_: IdArgument, database: DatabaseOption = None, as_json: JsonLinesOption = False) -> None:
    """Show one event: what it says, each network and target, its notes, how it was revised. Times are UTC."""
    with open_to_read(database) as store:
        revision = store.load_event(id_)
        if revision is None:
            raise fail(f"{id_}: expected an event's id, found no such event; see `observatory events list`")
        revisions, notes = store.load_revisions(id_), store.load_notes(id_)
    if as_json:
        added = [{"at": n.at.isoformat(), "name": n.name, "text": n.text} for n in notes]
        print_json(_as_json(revision, notes=added))
        return
    event = revision.event
    typer.echo(_line(event))
    for sentence in describe(event, load_text("en")):
        typer.echo(f"  {sentence}")
    for spell in event.spells:
        share = f"{spell.portion.n_blocked} of {spell.portion.n_judged}"
        what = ", ".join(dict.fromkeys(m.mechanism or "?" for m in spell.methods))
        typer.echo(
            f"\n{spell.isp or spell.asn} (AS{spell.asn})  {spell.target}  {spell.certainty}, {share}  {what}"
        )
        started = _interval(spell.onset, spell.onset_from_rule_change)
        ended = _interval(spell.end, spell.end_from_rule_change)
        typer.echo(f"  Started: {started}   Ended: {ended}")
        for witness in spell.witnesses:
            typer.echo(f"  {witness.shows:<14} {witness.at:%Y-%m-%d %H:%M}  {witness.measurement_id}")
    typer.echo("\nRevisions:")
    for one in revisions:
        typer.echo(f"  {one.number:>3}  {one.at:%Y-%m-%d %H:%M}  {', '.join(one.causes)}")
    _print_notes(notes)


def _print_notes(notes: Iterable[Note]) -> None:
    for note in notes:
        typer.echo(f"\nNote by {note.name}, {note.at:%Y-%m-%d %H:%M}:\n  {note.text}")


@app.command("note")
def add_note(
    id_: IdArgument,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="At most 4,000 characters; `-` reads standard input.")
    ],
    name: Annotated[
        str, typer.Option("--name", "-n", metavar="NAME", help="Who writes the note; shown with it.")
    ],
    database: DatabaseOption = None,
) -> None:
    """Attach a reviewed note to an event, signed with your name and the time.

    It is shown beside the event and never changes the data. A note cannot be changed or withdrawn; write
    another one.
    """
    said = sys.stdin.read(100_000) if text == "-" else text
    with open_to_write(database) as store:
        try:
            store.save_note(Note(event=id_, at=datetime.now(UTC), name=name, text=said))
        except KeyError as error:
            raise fail(
                f"{id_}: expected an event's id, found no such event; see `observatory events list`"
            ) from error
        except (ValueError, StoreError) as error:
            raise fail(f"observatory events note: {error}") from error
    typer.echo(f"Noted on {id_}.")


@app.command("find")
def find_events(
    everything: Annotated[
        bool, typer.Option("--all", help="Search all series from the start, not only those that changed.")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Look for onsets and ends now; the running service does so with every round.

    Whatever is found again keeps its id. Nobody is alerted twice.
    """
    with open_to_write(database) as store:
        try:
            n_series = store.mark_all_dirty() if everything else len(store.load_dirty_series(1_000_000))
            with progress("Searching series", max(1, -(-n_series // SERIES_PER_BATCH))) as advance:
                outcome = Detector(store).run(
                    datetime.now(UTC), review=True, on_batch=lambda n: advance(f"{n} more")
                )
        except StoreError as error:
            raise fail(
                f"{error}\nResults so far are saved; run the same command again to continue."
            ) from error
        events = [r.event for r in store.load_events() if is_published(r.event)]
    typer.echo(f"{outcome.n_series:,} series searched; events: {len(events)}, revised: {outcome.n_revised}.")
    text = load_text("en")
    for event in events:
        n_targets = text.count("spells.targets", len(event.targets))
        typer.echo(f"  {event.id:<28} {', '.join(network_names(event))}: {n_targets}")
