"""The pages as Streamlit runs them, over databases in every condition."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from observatory.model import LeadsTo, Role, State, VantagePoint
from observatory.site import reads
from observatory.store import Store
from observatory.text import LANGUAGES, load_text
from tests.observatory.site.world import (
    APP_OK,
    BLOCK_PAGE,
    HOSTS,
    LIKELY,
    OK,
    UNCLEAR,
    World,
    fill_replay,
    make_vantage,
)

DASHBOARD = str(Path(__file__).parents[3] / "dashboard.py")
PAGES = ("now", "over_time", "events", "event", "vantage_points", "measurement")
HOSTILE = "[x](http://evil.example) <img src=http://evil.example> $a$ :red[b]"
EVERYWHERE = pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in PAGES for language in LANGUAGES]
)


def open_page(name: str, language: str = "en", **query: str) -> AppTest:
    app = AppTest.from_string(f"from observatory.site.pages import {name}\n{name}.show()", default_timeout=60)
    app.query_params["lang"] = language
    for parameter, value in query.items():
        app.query_params[parameter] = value
    return run(app)


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def words(app: AppTest) -> str:
    shown = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.warning, *app.info, *app.error]
    return "\n".join(str(element.value) for element in shown).replace("\\", "")


def table(app: AppTest) -> dict[str, Any]:
    """Return what the browser is given to draw the first table from."""
    found: dict[str, Any] = json.loads(app.get("bidi_component")[0].proto.json)
    return found


def figures(app: AppTest) -> list[Any]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def now(*, minutes_ago: float = 1) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes_ago)


def real_world(store: Store, *vantages: VantagePoint) -> World:
    world = World(store=store, emulated=False)
    world.configure(vantages, at=now())
    return world


@EVERYWHERE
@pytest.mark.usefixtures("database")
def test_without_a_database_each_page_says_what_to_do(name: str, language: str) -> None:
    shown = words(open_page(name, language))
    assert "make run" in shown
    assert load_text(language)("missing.store_next") in shown


@EVERYWHERE
@pytest.mark.usefixtures("store")
def test_with_an_empty_database_each_page_says_what_to_do(name: str, language: str) -> None:
    app = open_page(name, language)
    assert "make run" in words(app)
    assert not app.get("plotly_chart")
    assert not app.get("bidi_component")


@EVERYWHERE
def test_a_file_that_is_no_database(name: str, language: str, database: Path) -> None:
    database.write_text("not a database, but long enough to be looked at\n" * 50)
    assert load_text(language)("missing.store_next") in words(open_page(name, language))


@EVERYWHERE
def test_vantage_points_that_have_not_measured_yet(name: str, language: str, store: Store) -> None:
    real_world(store, make_vantage(0), make_vantage(1))
    expected = load_text(language)("missing.nothing_vantages", n="2")
    assert expected in words(open_page(name, language))


@EVERYWHERE
def test_vantage_points_that_only_fail(name: str, language: str, store: Store) -> None:
    world = real_world(store, make_vantage(0))
    error = f"device wwan0 is not there {HOSTILE}"
    world.store.record_run(
        "v00", started_at=now(), finished_at=now(), next_run_at=None, n_measurements=0, error=error
    )
    app = open_page(name, language)
    assert "device wwan0 is not there" in words(app)
    assert load_text(language)("missing.nothing_errors_next") in words(app)
    assert not any("[x](http" in str(m.value) for m in app.markdown)


@EVERYWHERE
def test_replay_is_called_an_emulation_on_every_page(name: str, language: str, store: Store) -> None:
    fill_replay(store, days=2, step=timedelta(hours=6))
    app = open_page(name, language)
    (banner,) = app.warning
    assert load_text(language)("emulated.all", at="@").split(".**")[0] in banner.value
    if name == "over_time":
        assert figures(app)
        for figure in figures(app):
            (source,) = [n for n in figure["layout"]["annotations"] if n.get("name") == "source"]
            assert load_text(language)("over_time.source_emulated").split(",")[0] in source["text"]


def test_headline_of_the_replay(store: Store) -> None:
    fill_replay(store, days=14, step=timedelta(hours=12))
    app = open_page("now")
    said = "Blocked in the latest measurement on 5 of the 13 networks measured, not confirmed yet: t.me"
    assert app.title[0].value.replace("\\", "").startswith(said)
    assert "No current data from GMedia" in words(app)
    assert "Control Control" not in words(app)


@EVERYWHERE
def test_real_data_carries_no_banner(name: str, language: str, store: Store) -> None:
    world = real_world(store, make_vantage(0), make_vantage(9, role=Role.CONTROL, isp="Clean", asn=64501))
    world.save([("v00", host, now(), BLOCK_PAGE) for host in HOSTS])
    world.save([("v09", host, now(), OK) for host in HOSTS])
    app = open_page(name, language)
    assert not app.warning
    if name == "now":
        assert "t.me" in words(app)
        assert len(table(app)["heads"]) == 3
        assert [head["is_apart"] for head in table(app)["heads"]] == [False, False, True]


@EVERYWHERE
def test_emulated_data_is_never_mixed_with_real_data(name: str, language: str, store: Store) -> None:
    real_world(store, make_vantage(0)).save([("v00", "t.me", now(), OK)])
    world = World(store=store, emulated=True)
    world.save([("v00", host, now(), BLOCK_PAGE) for host in HOSTS if host != "t.me"])
    app = open_page(name, language)
    assert load_text(language)("emulated.some") in app.warning[0].value
    if name == "now":
        assert load_text(language)("state.blocked").capitalize() not in app.title[0].value
        states = {e["look"] for s in table(app)["sections"] for line in s["lines"] for e in line["entries"]}
        assert states == {"ok", "no_data"}


def looks(app: AppTest) -> dict[str, dict[str, Any]]:
    """Return the first vantage point's cell of each target."""
    return {
        line["name"]: line["entries"][0] for section in table(app)["sections"] for line in section["lines"]
    }


def test_stale_is_shown_as_stale_and_never_as_current(store: Store) -> None:
    world = real_world(store, make_vantage(0, every_s=600.0))
    world.save([("v00", "t.me", now(minutes_ago=31), OK), ("v00", "telegram.org", now(), UNCLEAR)])
    app = open_page("now")
    stale, unclear, never = (looks(app)[name] for name in ("t.me", "telegram.org", "web.telegram.org"))
    assert (stale["look"], stale["is_stale"]) == ("no_data", True)
    assert stale["small"][0].endswith(": ok")
    assert "no current data; last measured" in stale["full"]
    assert (unclear["look"], unclear["word"]) == ("insufficient", "not enough evidence")
    assert (never["look"], never["is_stale"]) == ("no_data", False)
    assert "Not enough evidence to say" in app.title[0].value


@pytest.mark.parametrize("language", LANGUAGES)
def test_when_everybody_fell_silent_the_page_says_what_to_do(language: str, store: Store) -> None:
    world = real_world(store, make_vantage(0, every_s=600.0))
    world.save([("v00", host, now(minutes_ago=90), BLOCK_PAGE) for host in HOSTS])
    app = open_page("now", language)
    assert load_text(language)("missing.stale_next") in words(app)
    assert load_text(language)("finding.no_current", at="@").split(".")[0] in app.title[0].value


def test_evidence_of_a_cell_in_plain_words(store: Store) -> None:
    real_world(store, make_vantage(0)).save([("v00", "t.me", now(), LIKELY)])
    app = open_page("now")
    assert table(app)["detail"] is None
    app.session_state["open_cell"] = ("v00", "t.me")
    detail = table(run(app))["detail"]
    assert detail["heading"].startswith("t.me on Telkomsel: likely blocked, measured ")
    assert "cut off (reset) when this name is asked for" in str(detail["facts"])
    app.session_state["open_cell"] = ("v00", "no such target")
    assert table(run(app))["detail"] is None


@pytest.mark.parametrize("name", PAGES)
def test_names_from_the_config_stay_text(name: str, store: Store) -> None:
    vantage = make_vantage(0, isp=HOSTILE, name=HOSTILE)
    real_world(store, vantage).save([("v00", host, now(), BLOCK_PAGE) for host in HOSTS])
    app = open_page(name)
    for element in (*app.markdown, *app.caption, *app.title):
        assert "[x](http" not in str(element.value)
        assert "<img" not in str(element.value).replace("\\<", "")
    for figure in figures(app):
        assert "<img" not in json.dumps(figure)


def test_over_time_draws_shares_and_timeline(store: Store) -> None:
    fill_replay(store, days=14, step=timedelta(hours=6))
    app = open_page("over_time", days="2017-07-12..2017-07-16")
    networks, targets, timeline = figures(app)
    assert len(networks["layout"]["yaxis"]["tickvals"]) == 14
    assert len(targets["layout"]["yaxis"]["tickvals"]) == 11
    assert "t.me" in timeline["layout"]["title"]["text"]
    assert timeline["layout"]["xaxis"]["title"]["text"] == "Time in WIB; each mark is one day (UTC)"
    assert timeline["layout"]["shapes"], "the known dates of July 2017 lie inside the range"
    assert "84/HM/KOMINFO/07/2017" in words(app)


def test_over_time_of_the_app_and_of_one_network_by_its_address(store: Store) -> None:
    fill_replay(store, days=3, step=timedelta(hours=6))
    app = open_page("over_time", what="data_centre", view="network", **{"data_centre-network": "v03"})
    _, targets, timeline = figures(app)
    assert targets["layout"]["yaxis"]["ticktext"][0] == "dc1"
    assert "Indosat" in timeline["layout"]["title"]["text"]
    assert not timeline["layout"].get("shapes"), "no known date lies in these days"


@pytest.mark.parametrize("language", LANGUAGES)
def test_over_time_outside_the_data_says_where_it_is(language: str, store: Store) -> None:
    fill_replay(store, days=1, step=timedelta(hours=6))
    app = open_page("over_time", language, days="2019-01-01..2019-01-02")
    assert load_text(language)("missing.range_next") in words(app)
    assert not figures(app)


def test_over_time_says_how_many_of_the_ok_lead_to_a_block(store: Store) -> None:
    world = real_world(store, make_vantage(0))
    beyond = LeadsTo(target="telegram.org", state=State.BLOCKED, mechanism="http.blockpage")
    led = replace(OK, leads_to=beyond)
    ok_beyond = replace(OK, leads_to=replace(beyond, state=State.OK, mechanism=None))
    world.save([("v00", "t.me", now(minutes_ago=n), led) for n in (3, 2)])
    world.save([("v00", "t.me", now(minutes_ago=1), ok_beyond), ("v00", "telegram.me", now(), OK)])
    sentence = load_text("en").count("over_time.led", 2)
    assert words(open_page("over_time")).count(sentence) == 2


def test_weeks_are_read_in_days(store: Store) -> None:
    fill_replay(store, days=14, step=timedelta(hours=12))
    app = open_page("over_time", days="2017-07-03..2017-07-17")
    assert "each mark is one day (UTC)" in figures(app)[0]["layout"]["xaxis"]["title"]["text"]


@pytest.mark.parametrize("query", [{"days": "x"}, {"what": "x"}, {"view": "<b>"}, {"host-target": "evil"}])
def test_nonsense_in_the_address_is_ignored(query: dict[str, str], store: Store) -> None:
    fill_replay(store, days=1, step=timedelta(hours=6))
    assert len(figures(open_page("over_time", **query))) == 3


def test_vantage_points_page_names_who_is_late_and_why(store: Store) -> None:
    world = real_world(store, make_vantage(0, every_s=600.0), make_vantage(1), make_vantage(2, enabled=False))
    world.save([("v00", "t.me", now(minutes_ago=45), OK), ("v01", "dc1", now(), APP_OK)])
    world.store.record_run(
        "v00", started_at=now(), finished_at=now(), next_run_at=now(), n_measurements=0, error="no route"
    )
    world.store.record_gap("v00", at=now(), reason="misfire", detail="due before")
    world.store.record_config(path="vantage_points.yaml", at=now(), errors=[f"line 3: {HOSTILE}"])
    app = open_page("vantage_points")
    assert app.title[0].value.replace("\\", "").startswith("1 of 2 vantage points report on time. Late")
    assert "vantage_points.yaml" in app.warning[0].value.replace("\\", "")
    assert "[x](http" not in app.warning[0].value
    lines = {line["name"]: line["entries"] for line in table(app)["sections"][0]["lines"]}
    late = lines["Telkomsel, Jakarta"]
    assert (late[0]["word"], late[3]["word"], late[4]["word"]) == ("late", "no route", "1")
    assert lines["XL Axiata, Jakarta"][0]["word"] == "switched off"


@pytest.mark.parametrize(("locale", "expected"), [("id-ID", "Titik pantau"), ("nl-NL", "Vantage points")])
def test_language_of_the_browser(locale: str, expected: str, store: Store) -> None:
    fill_replay(store, days=1, step=timedelta(hours=12))
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    app.context = {"locale": locale}
    run(app)
    text = load_text("id" if locale.startswith("id") else "en")
    assert text("page.vantage_points") == expected
    assert text("group.host") in words(app)
    assert "lang" not in app.query_params


def test_language_switch_goes_into_the_address(store: Store) -> None:
    fill_replay(store, days=1, step=timedelta(hours=12))
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    run(app)
    app.button_group(key="choose.lang").set_value("id").run()
    assert app.query_params["lang"] in ("id", ["id"])
    assert load_text("id")("group.host") in words(app)


def test_a_page_left_open_follows_new_measurements(store: Store) -> None:
    world = real_world(store, make_vantage(0))
    app = open_page("now")
    assert "make run" in words(app)
    world.save([("v00", host, now(), BLOCK_PAGE) for host in HOSTS])
    reads.read_coverage.clear()  # type: ignore[attr-defined]
    assert run(app).title[0].value.startswith("Blocked in the latest measurement on the only network")
