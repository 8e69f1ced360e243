"""The pages of events as Streamlit runs them: every situation has its words, and hostile ones stay words."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from observatory.model import AlertKind, Role
from observatory.site import reads
from observatory.store import Store
from observatory.text import LANGUAGES, load_text
from observatory.views.csv import SPELL_COLUMNS, spell_csv
from observatory.views.words import escape_markdown
from tests.observatory.site.event_world import (
    EVENT_ID,
    HOSTILE,
    fill_events,
    make_big,
    save_event,
    save_loose_spell,
)
from tests.observatory.site.feeds.samples import (
    AT,
    ENDED,
    HISTORIES,
    HOUR,
    SUSPECTED,
    make_event,
    make_spell,
    save_histories,
)
from tests.observatory.site.test_pages import figures, now, open_page, real_world, run, words
from tests.observatory.site.world import HOSTS, OK, fill_replay, make_vantage

EN = load_text("en")


def every_word(app: AppTest) -> str:
    """Return what the page shows, what its tables hold and where its links lead."""
    tables = [component.proto.json for component in app.get("bidi_component")]
    codes = [element.value for element in app.code]
    return "\n".join([words(app), *(element.proto.body for element in app.get("html")), *tables, *codes])


def tables(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(component.proto.json) for component in app.get("bidi_component")]


@pytest.fixture
def listed(store: Store) -> Store:
    """All histories, with measurements of a network on which nothing was found."""
    world = real_world(store, make_vantage(0))
    world.save([("v00", host, AT + 9 * HOUR, OK) for host in HOSTS])
    save_histories(store, HISTORIES.values())
    return store


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("listed")
def test_now_links_ongoing_events_and_no_others(language: str) -> None:
    app = open_page("now", language)
    links = "".join(element.proto.body for element in app.get("html"))
    # The database is of 2017: nothing is current.
    assert load_text(language)("now.events_last") in words(app)
    for id_ in ("going-on", "since-before"):
        assert f"event?id={id_}&amp;lang={language}" in links
    for id_ in ("over", "taken-back", "suspected"):
        assert f"event?id={id_}&" not in links


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("listed")
def test_list_has_ongoing_events_first_and_withdrawn_ones_last(language: str) -> None:
    text = load_text(language)
    app = open_page("events", language)
    assert app.title[0].value == escape_markdown(text.count("events.not_ended", 4))
    links = [element.proto.body for element in app.get("html")]
    for id_ in ("going-on", "since-before", "over", "narrowed", "taken-back", "doubted"):
        assert any(f"event?id={id_}&amp;lang={language}" in link for link in links), id_
    order = [
        next(n for n, link in enumerate(links) if f"id={i}&" in link) for i in ("going-on", "over", "doubted")
    ]
    assert order == sorted(order)
    assert app.expander[0].label == text("events.heading_withdrawn", n="4")
    assert "feeds/events.atom" in words(app)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_found_is_not_nothing_there(language: str, store: Store) -> None:
    text = load_text(language)
    world = real_world(store, make_vantage(0), make_vantage(9, role=Role.CONTROL, isp="Clean", asn=64501))
    world.save([(v, host, now(), OK) for host in HOSTS for v in ("v00", "v09")])
    app = open_page("events", language)
    assert app.title[0].value.startswith(text("events.none_found", first="@", last="@").split("@")[0])
    assert text.count("count.networks", 1) in words(app)
    assert text.count("spells.targets", len(HOSTS)) in words(app)
    assert text("events.none_next") in words(app)


def test_suspicions_outside_events_are_listed_and_claim_nothing(listed: Store) -> None:
    loose = replace(SUSPECTED, asn=9999, isp="Loose")
    save_loose_spell(listed, loose)
    save_loose_spell(listed, replace(loose, asn=9998, isp="Over", end=ENDED))
    save_loose_spell(listed, make_spell(9997, isp="Changed", onset_from_rule_change=True))
    app = open_page("events")
    suspected, ours = tables(app)
    assert [line["name"] for line in suspected["sections"][0]["lines"]] == ["Loose"]
    assert EN("events.suspected_intro") in words(app)
    assert [line["name"] for line in ours["sections"][0]["lines"]] == ["Changed"]
    assert "observatory rescore" in words(app)


def test_an_open_suspicion_inside_an_event_is_listed_there_only(listed: Store) -> None:
    inside = replace(SUSPECTED, target="telegram.org")
    event = make_event("with-suspicion", make_spell(), inside)
    save_event(listed, event, AlertKind.ONSET, at=AT + 9 * HOUR)
    assert not tables(open_page("events"))
    page = every_word(open_page("event", id="with-suspicion"))
    assert EN.count("event.also_suspected", 1) in page
    assert "suspected to be blocked" in page


def test_an_event_that_appears_is_seen(listed: Store) -> None:
    app = open_page("events")
    assert "late-comer" not in every_word(app)
    save_event(listed, make_event("late-comer"), AlertKind.ONSET, at=AT)
    reads.read_events.clear()  # type: ignore[attr-defined]
    assert "late-comer" in every_word(run(app))
    assert reads._EVENTS_TTL_S + reads.REFRESH_S < 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_of_every_situation(language: str, store: Store) -> None:
    fill_events(store)
    text = load_text(language)
    app = open_page("event", language, id=EVENT_ID)
    page = every_word(app)
    for key in (
        *("heading_timeline", "heading_table", "heading_methods", "heading_windows", "heading_silences"),
        *("heading_evidence", "heading_reported", "heading_notes", "heading_revisions", "heading_cite"),
    ):
        assert text(f"event.{key}") in page, key
    assert text("spells.not_known") in page
    assert text("event.control", ok="16", n="18") in page
    assert text("spells.share_part", blocked="12", judged="30", low="24%", high="58%") in page.replace(
        "\xa0", ""
    )
    assert "measurement?id=" in page and f"lang={language}" in page
    assert "84/HM/KOMINFO/07/2017" in page
    assert "revision 2" in page or "revisi 2" in page
    (figure,) = figures(app)
    assert len(figure["layout"]["yaxis"]["tickvals"]) == 9, "two of ten lines are alike"


def test_one_network_shows_each_target(store: Store) -> None:
    fill_events(store)
    app = open_page("event", id=EVENT_ID, networks="AS23693")
    (figure,) = figures(app)
    assert figure["layout"]["yaxis"]["ticktext"] == ["t.me", "telegram.org", "web<br>.telegram.org"]
    names = [line["name"] for line in tables(app)[0]["sections"][0]["lines"]]
    assert names == ["t.me", "telegram.org", "web.telegram.org"]


def test_hostile_names_and_notes_stay_text(store: Store) -> None:
    fill_events(store)
    for page in ("event", "events", "over_time"):
        app = open_page(page, id=EVENT_ID, days="2017-07-13..2017-07-16")
        for element in (*app.markdown, *app.caption, *app.title):
            assert "[x](http" not in str(element.value)
            assert "<img" not in str(element.value).replace("\\<", "")
        for element in app.get("html"):
            assert "<img" not in element.proto.body
        for figure in figures(app):
            assert "<img" not in json.dumps(figure)


def test_without_or_with_a_wrong_id_the_page_says_where_to_choose(listed: Store) -> None:
    app = open_page("event")
    assert "events?lang=en" in words(app) and EN("event.choose") in words(app)
    app = open_page("event", id=HOSTILE + "x" * 999)
    assert "There is no event" in words(app) and "[x](http" not in str(app.markdown[0].value)


def test_emulated_event_among_real_data_says_so(listed: Store) -> None:
    spell = make_spell(emulated=True)
    event = make_event("emulated-x", spell, emulated=True)
    save_event(listed, event, AlertKind.ONSET, at=AT)
    assert "emulated-x" not in every_word(open_page("events"))
    app = open_page("event", id="emulated-x")
    assert app.warning[0].value == EN("event.emulated")
    assert app.title[0].value.startswith("EMULATED")


def test_large_event_comes_in_parts(listed: Store) -> None:
    save_event(listed, make_big(200), AlertKind.ONSET, at=AT)
    app = open_page("event", id="big")
    (figure,) = figures(app)
    assert len(figure["layout"]["yaxis"]["tickvals"]) == 20
    assert app.selectbox[0].options[1].startswith("networks 11 to 20")
    later = open_page("event", id="big", networks="part-20")
    assert "Network 199" in json.dumps(figures(later)[0])


def test_downloads_hold_the_whole_event(store: Store) -> None:
    fill_events(store)
    revision = store.load_event(EVENT_ID)
    assert revision is not None
    lines = spell_csv(revision).decode().splitlines()
    assert lines[0] == ",".join(SPELL_COLUMNS)
    assert len(lines) == 1 + len(revision.event.spells)
    assert "2017-07-14T11:00:00Z" in lines[1]


def test_networks_aligned_by_their_onset(store: Store) -> None:
    fill_events(store)
    app = open_page("over_time", time="onset")
    (figure,) = figures(app)
    labels = figure["layout"]["yaxis"]["ticktext"]
    assert labels[:3] == ["XL Axiata", "Indosat", "Telkomsel"], "in the order of their onsets"
    shares = figure["data"][-1]["z"][labels.index("Telkomsel")]
    assert [shares[12 + hour] for hour in (-7, -1, 0, 1)] == [0, 0, None, 1]
    shown = words(app)
    assert EN("aligned.left_out", networks="Biznet") in shown
    assert EN("aligned.note") in shown


def test_nothing_to_align_by_says_so(store: Store) -> None:
    fill_replay(store, days=1, step=timedelta(hours=12))
    app = open_page("over_time", time="onset")
    assert EN("aligned.none_next") in words(app)
    assert not figures(app)


def test_events_are_bands_over_time(store: Store) -> None:
    fill_events(store)
    app = open_page("over_time", days="2017-07-14..2017-07-17")
    for figure in figures(app):
        assert "E1" in [
            note["text"] for note in figure["layout"]["annotations"] if note.get("name") == "band"
        ]
    assert f"event?id={EVENT_ID}" in words(app)
    assert not open_page("over_time", what="data_centre").error
