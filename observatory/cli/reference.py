"""`observatory reference`: which block pages are known, and how an operator adds more."""

from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from observatory.analysis.judging.fingerprints import Fingerprint
from observatory.cli.options import JsonOption
from observatory.cli.output import fail, print_json
from observatory.reference import load_reference
from observatory.reference.added_lists import add_file, added_folder, load_added
from observatory.reference.fingerprint_csv import ReferenceDataError

app = typer.Typer(
    help=(
        "Manage the fingerprints of block pages.\n\n"
        "Added lists are kept in var/reference, or in $OBSERVATORY_REFERENCE. A running service reads them "
        "when it starts; `observatory rescore` judges what is stored by them."
    ),
    no_args_is_help=True,
)


@app.command()
def add(files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV in OONI's format.")]) -> None:
    """Check lists such as OONI's fingerprints_dns.csv and fingerprints_http.csv, and keep a copy of each.

    A list with a mistake is not kept, and what was there stays.
    """
    failed = False
    for file in files:
        try:
            target, fingerprints = add_file(file)
        except ReferenceDataError as error:
            typer.echo(str(error), err=True)
            failed = True
            continue
        n_counted = sum(f.counts for f in fingerprints)
        typer.echo(f"{target}: {len(fingerprints):,} fingerprints, {n_counted:,} of them signs of blocking")
    raise typer.Exit(1 if failed else 0)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List what is in force: from which files, how many for each place and scope, and the version that
    verdicts carry."""
    reference = load_reference()
    known = reference.fingerprints.all
    counts = Counter((f.place.value, f.scope.value, f.counts) for f in known)
    added = {path.name: len(those) for path, _, those in load_added()}
    files = {"shipped": len(known) - sum(added.values()), **added}
    if as_json:
        rows = [
            {"place": place, "scope": scope, "counts": counted, "n": n}
            for (place, scope, counted), n in sorted(counts.items())
        ]
        report = {"version": reference.version, "folder": str(added_folder()), "files": files, "rows": rows}
        print_json(report)
        return
    typer.echo(f"Version {reference.version}; added lists: {added_folder()}")
    for name, n in files.items():
        typer.echo(f"{n:>7,}  from {name}")
    for (place, scope, counted), n in sorted(counts.items()):
        typer.echo(f"{n:>7,}  {place:<8} {scope:<5} {'' if counted else 'never counts as a block page'}")


@app.command()
def match(
    address: Annotated[str | None, typer.Option("--address", help="An address in a DNS answer.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="An alias in a DNS answer, or the host of a redirect.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="A page as it was received.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="'NAME: VALUE'", help="May be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which known block page something is a sign of. Exit code 1: none."""
    headers = [(key.strip(), value.strip()) for key, _, value in (h.partition(":") for h in header or ())]
    if address is None and name is None and page is None and not headers:
        raise fail("observatory reference match: expected --address, --name, --page or --header", 2)
    reference = load_reference()
    try:
        body = page.read_bytes() if page is not None else b""
        found = [
            reference.match_address(str(ip_address(address))) if address is not None else None,
            reference.match_name(name) if name is not None else None,
            reference.match_page(body, headers),
            reference.match_redirect(headers),
        ]
    except (OSError, ValueError) as error:
        raise fail(f"observatory reference match: {error}", 2) from error
    matched = list(dict.fromkeys(f for f in found if f is not None))
    for fingerprint in matched:
        if as_json:
            print_json(_as_json(fingerprint))
        else:
            typer.echo(_line(fingerprint))
    if not matched and not as_json:
        typer.echo("No known block page.")
    raise typer.Exit(0 if matched else 1)


def _as_json(fingerprint: Fingerprint) -> dict[str, object]:
    return {name: getattr(fingerprint, name) for name in fingerprint.__slots__}


def _line(fingerprint: Fingerprint) -> str:
    # A pattern is somebody else's text: shown as quoted data, never as it is.
    whose = fingerprint.isp or ", ".join(fingerprint.countries) or "unknown"
    return (
        f"{fingerprint.id}: {fingerprint.place} {fingerprint.match} {fingerprint.pattern!r}, "
        f"scope {fingerprint.scope}, {whose}; source: {fingerprint.source or 'not said'}"
    )
