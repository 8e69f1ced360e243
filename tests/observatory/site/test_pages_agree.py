"""One truth on every surface: no page says that nothing was found while another says more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from observatory.cli.app import app as command
from observatory.detection.detector import Detector
from observatory.model import Layer, State
from observatory.store import Store
from observatory.text import LANGUAGES, load_text
from tests.observatory.site.test_pages import now, open_page, real_world, words
from tests.observatory.site.world import BLOCK_PAGE, OFFLINE, OK, UNCLEAR, Said, make_vantage

HOSTS = ("t.me", "telegram.org")
HOUR = timedelta(hours=1)
SILENT = Said(
    state=State.LIKELY_BLOCKED,
    layer=Layer.TCP,
    mechanism="tcp.timeout",
    rule_id="tcp.timeout",
    counted=(0, 2),
)
# Hours of each state, the newest last; the newest measurement is a minute old, or as old as is said.
HISTORIES: dict[str, tuple[list[tuple[Said, int]], timedelta]] = {
    "healthy": ([(OK, 60)], timedelta()),
    "blocked for a day and a half": ([(OK, 60), (BLOCK_PAGE, 36)], timedelta()),
    "blocked for a day and a half, and not any more": ([(OK, 60), (BLOCK_PAGE, 36), (OK, 1)], timedelta()),
    "blocked, and the newest cannot be judged": ([(OK, 60), (BLOCK_PAGE, 36), (UNCLEAR, 1)], timedelta()),
    "blocked when last measured, two days ago": ([(OK, 60), (BLOCK_PAGE, 36)], timedelta(days=2)),
    "blocked in one measurement": ([(OK, 60), (BLOCK_PAGE, 1)], timedelta()),
    "silent in two measurements": ([(OK, 60), (SILENT, 2)], timedelta()),
    "nothing can be judged": ([(UNCLEAR, 60)], timedelta()),
    "offline": ([(OFFLINE, 60)], timedelta()),
    "healthy when last measured, two days ago": ([(OK, 60)], timedelta(days=2)),
}
# The beginning of what every surface says of each.
KINDS = {
    "healthy": "present.nothing_seen",
    "blocked for a day and a half": "present.blocked",
    "blocked for a day and a half, and not any more": "present.blocked",
    "blocked, and the newest cannot be judged": "present.blocked",
    "blocked when last measured, two days ago": "present.not_ended",
    "blocked in one measurement": "present.unconfirmed",
    "silent in two measurements": "present.may_be_routing",
    "nothing can be judged": "present.not_judged",
    "offline": "present.not_judged",
    "healthy when last measured, two days ago": "present.no_data",
}


def times(n: int, newest: datetime) -> Iterator[datetime]:
    return (newest - (n - 1 - number) * HOUR for number in range(n))


def fill(store: Store, name: str) -> None:
    history, age = HISTORIES[name]
    world = real_world(store, make_vantage(0))
    said = [state for state, n in history for _ in range(n)]
    at = times(len(said), now() - age)
    world.save(
        (("v00", host, moment, state) for moment, state in zip(at, said, strict=True) for host in HOSTS)
    )
    Detector(store).run(now(), review=True)


def plain(shown: str) -> str:
    return shown.replace("\\", "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", HISTORIES)
def test_nothing_found_is_said_on_every_page_or_on_none(store: Store, name: str, language: str) -> None:
    fill(store, name)
    text = load_text(language)
    here, events = open_page("now", language), open_page("events", language)
    shown = plain(words(here) + here.title[0].value + words(events) + events.title[0].value)
    nothing = (
        text("finding.nothing_seen", networks=text.count("count.networks", 1)),
        text("present.nothing_seen"),
        text("events.none_found", first="@", last="@").split("@")[0],
    )
    said = [sentence for sentence in nothing if sentence in shown]
    assert bool(said) == (name == "healthy"), said
    assert text("events.suspected_intro") not in shown or KINDS[name] != "present.nothing_seen"
    in_progress = text("now.events") in shown
    assert in_progress == (KINDS[name] == "present.blocked"), "in progress now, without current data"
    if KINDS[name] in ("present.not_ended", "present.no_data"):
        assert plain(here.title[0].value).startswith(text("finding.no_current", at="@").split("@")[0])


@pytest.mark.parametrize("name", HISTORIES)
def test_command_and_pages_say_the_same(store: Store, database: Path, name: str) -> None:
    fill(store, name)
    text, key = load_text("en"), KINDS[name]
    expected = text.entries.get(f"{key}.one") or text.entries[key]
    expected = expected.format(n="1", at="@").split("@")[0]
    told = CliRunner().invoke(
        command, ["status", "--database", f"sqlite:///{database}"], env={"COLUMNS": "400"}
    )
    assert expected in " ".join(told.output.split()), told.output
    title = plain(open_page("events").title[0].value)
    own = {
        "present.blocked": "event in progress",
        "present.not_ended": "had not ended",
        "present.nothing_seen": "No block",
    }
    assert (own.get(key) or expected) in title


def test_an_isp_that_nobody_named_is_called_so_in_the_reader_s_language(store: Store) -> None:
    world = real_world(store, make_vantage(0, isp="not stated", name="Rumah"))
    world.save(("v00", host, moment, BLOCK_PAGE) for moment in times(96, now()) for host in HOSTS)
    Detector(store).run(now())
    for page in ("now", "events", "vantage_points"):
        app = open_page(page, "id")
        shown = words(app) + "".join(str(component.proto.json) for component in app.get("bidi_component"))
        shown += "".join(element.proto.body for element in app.get("html"))
        assert "not stated" not in shown
        named = "AS23693" if page == "events" else load_text("id")("vantage.isp_not_stated")
        assert named in shown, page
