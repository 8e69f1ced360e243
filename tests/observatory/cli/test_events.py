"""`observatory events`: what it prints, what it refuses, and what it never changes."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from observatory.cli.app import app
from observatory.detection.detector import Detector
from observatory.model import Certainty, Event, Interval, Revision
from observatory.store import StoreReader, open_store
from tests.observatory.detection.test_detector import NOW, START, XL, block

RUNNER = CliRunner()
ID = "id-2026-01-15"


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/observatory.sqlite"
    with open_store(url) as store:
        store.save_vantage_points([XL], at=START)
        store.save_measurements(block(), received_at=NOW)
        Detector(store).run(NOW)
    return url


def run(*arguments: str, database: str, code: int = 0, stdin: str | None = None) -> str:
    result = RUNNER.invoke(app, ["events", *arguments, "--database", database], input=stdin)
    assert result.exit_code == code, result.output
    return result.output


def test_list_says_what_where_and_when(database: str) -> None:
    line = run("list", database=database)
    assert line.startswith(ID) and "2026-01-14 23:10 to 2026-01-15 00:10" in line
    assert "t.me is blocked on XL Axiata." in line
    (event,) = map(json.loads, run("list", "--json", database=database).splitlines())
    assert (event["id"], event["revision"], event["spells"][0]["asn"]) == (ID, 1, 24203)


def test_show_names_the_witnesses_and_the_revisions(database: str) -> None:
    shown = run("show", ID, database=database)
    for part in ("first_blocked", "jkt-xl t.me 2026-01-15T00:10", "tls.reset.sni", "onset"):
        assert part in shown
    assert "Started: 2026-01-14 23:10 to 2026-01-15 00:10   Ended: ongoing" in shown
    assert json.loads(run("show", ID, "--json", database=database))["notes"] == []


def stored(database: str) -> Event:
    with open_store(database) as store:
        found: Revision | None = store.load_event(ID)
    assert found is not None
    return found.event


def shown_as(event: Event, monkeypatch: pytest.MonkeyPatch, database: str) -> tuple[str, str]:
    """Return what `list` and `show` print when this is what is stored."""
    with open_store(database) as store:
        revision = store.load_event(ID)
    assert revision is not None
    revision = replace(revision, event=event)
    monkeypatch.setattr(StoreReader, "load_events", lambda self, emulated=None: (revision,))
    monkeypatch.setattr(StoreReader, "load_event", lambda self, id_: revision)
    return run("list", database=database), run("show", ID, database=database)


def test_the_start_is_that_of_the_confirmed_part(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspicion that is older than the block does not date it."""
    (spell,) = stored(database).spells
    older = replace(
        spell,
        asn=7713,
        certainty=Certainty.SUSPECTED,
        onset=Interval(after=None, by=START - timedelta(days=9)),
    )
    event = replace(stored(database), spells=(older, spell))
    listed, _ = shown_as(event, monkeypatch, database)
    assert "2026-01-14 23:10 to 2026-01-15 00:10" in listed


def test_what_came_with_our_rules_has_no_date(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (spell,) = stored(database).spells
    by_rules = replace(spell, onset_from_rule_change=True, end=spell.onset, end_from_rule_change=True)
    listed, shown = shown_as(replace(stored(database), spells=(by_rules,)), monkeypatch, database)
    assert listed.startswith(f"{ID:<28} not known  ")
    assert "Started: not known   Ended: not known" in shown
    assert "23:10 to" not in listed + shown


def test_a_note_is_signed_and_changes_no_data(database: str) -> None:
    with open_store(database) as store:
        before = store.load_events()
    run("note", ID, "Checked with\nthe ISP.", "--name", "R. Reviewer", database=database)
    run("note", ID, "-", "--name", "S. Second", database=database, stdin="From a file.\n")
    with open_store(database) as store:
        assert store.load_events() == before
        assert [(n.name, n.text) for n in store.load_notes(ID)] == [
            ("R. Reviewer", "Checked with\nthe ISP."),
            ("S. Second", "From a file."),
        ]
    shown = run("show", ID, database=database)
    assert "Note by R. Reviewer" in shown and "From a file." in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nothing"), "nothing: expected an event's id, found no such event"),
        (("note", "nothing", "text", "--name", "R"), "nothing: expected an event's id, found no such event"),
        (("note", ID, "   ", "--name", "R"), "text: expected 1 to 4000 characters, got 0"),
        (("note", ID, "text", "--name", ""), "name: expected 1 to 200 characters, got 0"),
    ],
)
def test_what_is_refused(database: str, arguments: tuple[str, ...], message: str) -> None:
    assert message in run(*arguments, database=database, code=1)


@pytest.mark.parametrize("command", [("list",), ("show", ID), ("note", ID, "t", "--name", "R"), ("find",)])
def test_no_database_is_made_by_looking(tmp_path: Path, command: tuple[str, ...]) -> None:
    url = f"sqlite:///{tmp_path}/none.sqlite"
    assert "no database yet" in run(*command, database=url, code=1)
    assert not (tmp_path / "none.sqlite").exists()


def test_find_again_keeps_the_id_and_tells_nobody_twice(database: str) -> None:
    found = run("find", "--all", database=database)
    assert "1 series searched; events: 1, revised: 0" in found
    assert found.endswith(": 1 target\n")
    with open_store(database) as store:
        assert [a.kind for a in store.load_alerts()] == ["onset"]
        assert len(store.load_revisions(ID)) == 1


@pytest.mark.parametrize(
    ("certainty", "withdrawn", "n"),
    [(Certainty.CONFIRMED, False, 1), (Certainty.CONFIRMED, True, 0), (Certainty.SUSPECTED, False, 0)],
)
def test_find_counts_what_is_published(
    database: str, monkeypatch: pytest.MonkeyPatch, certainty: Certainty, withdrawn: bool, n: int
) -> None:
    event = stored(database)
    event = replace(
        event, withdrawn=withdrawn, spells=tuple(replace(s, certainty=certainty) for s in event.spells)
    )
    with open_store(database) as store:
        revision = store.load_event(ID)
    assert revision is not None
    monkeypatch.setattr(
        StoreReader, "load_events", lambda self, emulated=None: (replace(revision, event=event),)
    )
    found = run("find", database=database)
    assert f"events: {n}, revised" in found
    assert (ID in found) == bool(n)


def test_nothing_found_is_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/empty.sqlite"
    open_store(url).close()
    assert run("list", database=url) == "No event so far. Nothing has been measured yet.\n"
