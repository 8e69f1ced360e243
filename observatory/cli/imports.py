"""`observatory import`: other people's measurements, judged by our rules."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer

from observatory.cli.options import DatabaseOption, JsonOption
from observatory.cli.output import count_progress, fail, print_json
from observatory.detection.detector import Detector
from observatory.importers.documents import Document, Unreadable, read_documents, rereadable
from observatory.importers.fields import Rejected, unforeseen
from observatory.importers.imported import Imported, check_dates
from observatory.importers.judging import JudgedDocument, Peers, judge_imported
from observatory.importers.ooni import read_document
from observatory.importers.storing import Importer
from observatory.importers.wrappers import unwrap
from observatory.ingest.collector import Collector
from observatory.model import State

app = typer.Typer(help="Import measurements that others made.", no_args_is_help=True)
REJECTS_SHOWN: Final = 20


class Rejects:
    """Reports which lines were not imported and why: the first ones to the terminal, all to a file."""

    def __init__(self, file: IO[str] | None) -> None:
        self.n = 0
        self._file = file

    def add(self, document: Document | None, reason: str) -> None:
        """Report one document."""
        self.n += 1
        place = f"{document.file}:{document.line}: {document.within}" if document is not None else ""
        line = f"{place}{reason}"
        if self.n <= REJECTS_SHOWN:
            typer.echo(line, err=True)
        if self._file is not None:
            self._file.write(line + "\n")

    def finish(self) -> None:
        """Say how many there were beyond those shown."""
        if self.n > REJECTS_SHOWN:
            typer.echo(f"… and {self.n - REJECTS_SHOWN} more rejected; --rejects FILE lists all", err=True)


@app.command("ooni")
def import_ooni(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="JSON or JSON lines, gzipped or not; `-` is standard input."),
    ],
    judge: Annotated[
        bool, typer.Option("--judge", help="Say what each measurement means and store nothing.")
    ] = False,
    as_json: JsonOption = False,
    any_target: Annotated[
        bool,
        typer.Option(
            "--any-target", help="Store measurements of hosts that are not targets of this observatory, too."
        ),
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Write the reason for every rejected line here."),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Import OONI measurements (web_connectivity, telegram) and judge them by this observatory's rules.

    What OONI concluded is not read. Lines that cannot be imported are reported with file, line and reason.
    Importing the same again changes nothing.
    """
    with ExitStack() as stack:
        reported = Rejects(stack.enter_context(rejects.open("w", encoding="utf-8")) if rejects else None)
        try:
            found = stack.enter_context(rereadable(files))
            n_read = (
                _judge(found, reported, as_json)
                if judge
                else _store(found, reported, database, any_target, as_json)
            )
        except Unreadable as error:
            raise fail(f"observatory import: {error}") from error
        reported.finish()
    if n_read == 0:
        raise fail("observatory import: expected OONI measurements, could read none")


def _imported(
    files: Sequence[tuple[str, Path]],
    reject: Callable[[Document, str], None],
    advance: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Document, Imported]]:
    arrived_at = datetime.now(UTC)
    for name, path in files:
        for document in (one for read in read_documents(name, path) for one in unwrap(read)):
            advance()
            if document.problem is not None:
                reject(document, document.problem)
                continue
            try:
                imported = read_document(document.data)
                check_dates(imported, arrived_at)
            except Rejected as error:
                reject(document, str(error))
            # Untrusted input: what no check foresaw costs one document, not the import.
            except Exception as error:
                reject(document, unforeseen(error))
            else:
                yield document, imported


def _judge(files: Sequence[tuple[str, Path]], reported: Rejects, as_json: bool) -> int:
    peers = Peers()
    with count_progress("First pass: collecting networks to compare with:") as advance:
        for _, imported in _imported(files, lambda document, reason: None, advance):
            # Only what came without a control of its own is compared with others. What fails here fails in
            # the second pass too, and is reported there.
            with suppress(Exception):
                peers.note(imported)
    counts: dict[State, int] = {}
    n_read = n_led = 0
    with count_progress("Judging:") as advance:
        for document, imported in _imported(files, reported.add, advance):
            try:
                judged = judge_imported(imported, peers)
            except Exception as error:
                reported.add(document, unforeseen(error))
                continue
            n_read += 1
            counts[judged.verdict.state] = counts.get(judged.verdict.state, 0) + 1
            n_led += judged.leads_to is not None and judged.leads_to.is_blocked
            line = judged_as_json(judged)
            if as_json:
                print_json(line)
            else:
                sys.stdout.write(_as_text(line) + "\n")
    if not as_json:
        typer.echo(_count_text(counts, n_led, reported.n))
    return n_read


def judged_as_json(judged: JudgedDocument) -> dict[str, Any]:
    """Return one flat object a document; `parts` where it has several targets, `leads_to` where the target's
    answers led to another host."""
    verdict = judged.verdict
    line: dict[str, Any] = {
        "id": judged.imported.id,
        "input": judged.imported.input,
        "state": verdict.state.value,
        "layer": verdict.layer.value,
        "mechanism": verdict.mechanism,
        "rule_id": verdict.rule_id,
        "partial": verdict.partial,
        "n_ok": verdict.n_ok,
        "n_tried": verdict.n_tried,
        "rules_version": verdict.rules_version,
        "reference_version": verdict.reference_version,
    }
    if len(judged.parts) > 1:
        line["parts"] = [
            {
                "target": target,
                "state": v.state.value,
                "layer": v.layer.value,
                "mechanism": v.mechanism,
                "rule_id": v.rule_id,
                **({"leads_to": asdict(v.leads_to)} if v.leads_to is not None else {}),
            }
            for target, v in judged.parts
        ]
    if judged.leads_to is not None:
        line["leads_to"] = asdict(judged.leads_to)
    return line


def _as_text(line: dict[str, Any]) -> str:
    what = line["input"] or "telegram"
    beyond = line.get("leads_to")
    how = f" {beyond['mechanism']}" if beyond and beyond["mechanism"] else ""
    led = f"  leads to {beyond['target']}: {beyond['state']}{how}" if beyond else ""
    return (
        f"{line['state']:<14} {line['mechanism'] or '-':<24} {line['rule_id']:<26} {what}{led}  {line['id']}"
    )


def _count_text(counts: Mapping[State, int], n_led: int, n_rejected: int) -> str:
    summary = _states_text(counts, n_led)
    return f"{sum(counts.values())} judged: {summary or 'none'}; {n_rejected} rejected"


def _states_text(counts: Mapping[State, int], n_led: int) -> str:
    parts = [f"{n} {state.replace('_', ' ')}" for state, n in sorted(counts.items())]
    return ", ".join([*parts, f"{n_led} of them ok and leading to a blocked host"] if n_led else parts)


def _store(
    files: Sequence[tuple[str, Path]],
    reported: Rejects,
    database: str | None,
    any_target: bool,
    as_json: bool,
) -> int:
    from observatory.store import StoreError, open_store

    try:
        with open_store(database) as store, count_progress("Importing:") as advance:
            importer = Importer(store, Collector(store), reject=reported.add, any_target=any_target)
            for document, imported in _imported(files, reported.add, advance):
                try:
                    importer.add(imported, document)
                except Rejected as error:
                    reported.add(document, str(error))
            importer.finish()
            Detector(store).run(datetime.now(UTC))
    except StoreError as error:
        raise fail(f"observatory import: {error}") from error
    summary = importer.summary
    if as_json:
        line = {
            "documents": summary.n_documents,
            "new": summary.n_new,
            "known": summary.n_known,
            "rejected": reported.n,
            "states": {state.value: n for state, n in summary.states.items()},
            "leads_to_blocked": summary.n_led,
        }
        print_json(line)
    else:
        states = _states_text(summary.states, summary.n_led)
        typer.echo(
            f"{summary.n_new} new measurements{f' ({states})' if states else ''}, "
            f"{summary.n_known} known already, {reported.n} rejected"
        )
    return summary.n_documents
