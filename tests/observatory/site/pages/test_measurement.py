"""The page of one measurement as Streamlit runs it: found, unknown, deleted, hostile, emulated, imported."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from observatory.model import Finding, Layer, Role, StandIn, State, Verdict
from observatory.store import Store
from observatory.text import LANGUAGES, load_text
from observatory.text.rules import load_rule_texts
from observatory.views.addresses import measurement_address
from observatory.views.measurement_words import headline
from probes.records import AnyObservation, ExtendedError, Failure, Heard, Measurement, Purpose, TargetKind
from tests.observatory.site.test_pages import HOSTILE, open_page, words
from tests.observatory.site.world import make_vantage
from tests.observatory.store.backdoor import connect
from tests.observatory.views.samples import make_status
from tests.observatory.views.test_steps import EXCEEDED, HARMLESS, LEAF, answer, dns, hops, http, tls

AT = datetime.now(UTC) - timedelta(minutes=3)
RESET = (
    dns(id="dns1", answers=(answer("149.154.167.99"),)),
    tls(id="tls1", failure=Failure.CONNECTION_RESET, detail="[Errno 104] Connection reset by peer"),
    replace(tls(id="tls2", failure=Failure.CONNECTION_RESET), started_s=0.6, attempt=2),
    tls(id="tls3", server_name="example.com", purpose=Purpose.HARMLESS_NAME, chain=(LEAF,)),
    hops(EXCEEDED, EXCEEDED, Heard.RESET, id="hops1"),
    hops(EXCEEDED, EXCEEDED, EXCEEDED, id="hops2", **HARMLESS),
)


def measured(id_: str, *observations: AnyObservation, **other: object) -> Measurement:
    details: dict[str, object] = {
        "id": id_,
        "round_id": f"round of {id_}",
        "vantage": "v02",
        "asn": 24203,
        "target": "t.me",
        "target_kind": TargetKind.HOST,
        "started_at": AT,
        "duration_s": 1.2,
        "resolver": "10.3.53.53",
        "public_resolver": "8.8.8.8",
        "software": "telegram-block-observatory 9.9",
        "observations": observations,
    }
    return Measurement(**{**details, **other})  # type: ignore[arg-type]


def likely(**other: object) -> Verdict:
    dns_ok = Finding(layer=Layer.DNS, state=State.OK, mechanism=None, rule_id="dns.genuine")
    reset = Finding(
        layer=Layer.TLS,
        state=State.LIKELY_BLOCKED,
        mechanism="tls.reset.sni",
        rule_id="tls.reset.sni",
        evidence=("tls1", "tls2", "tls3"),
    )
    details: dict[str, object] = {
        "state": reset.state,
        "layer": reset.layer,
        "mechanism": reset.mechanism,
        "rule_id": reset.rule_id,
        "rules_version": "2",
        "reference_version": "2026-11-23+743ad752",
        "evidence": reset.evidence,
        "findings": (dns_ok, reset),
        "controls": ("control", "long gone"),
        "stand_ins": (StandIn.OWN_PREFIX,),
        "acts_at_hop": 3,
    }
    return Verdict(**{**details, **other})  # type: ignore[arg-type]


@pytest.fixture
def stored(store: Store) -> Store:
    """A likely block with its canary, and one control of two whose rows are still there."""
    control = make_vantage(
        9, role=Role.CONTROL, isp="Clean", asn=64501, timezone="UTC", name="Clean, Singapore"
    )
    store.save_vantage_points([make_vantage(2), control], at=AT)
    canary = measured(
        "canary",
        dns(id="c1", name="example.com", answers=(answer("93.184.215.14"),)),
        target="example.com",
        target_kind=TargetKind.CANARY,
        round_id="round of m",
    )
    theirs = measured("control", tls(id="x1", chain=(LEAF,)), vantage="v09", asn=64501)
    store.save_measurements(
        [
            (measured("m", *RESET), likely()),
            (canary, likely(state=State.OK, findings=())),
            (theirs, likely(state=State.OK, controls=())),
        ],
        received_at=AT,
    )
    return store


def steps(app: AppTest, number: int = 0) -> list[dict[str, Any]]:
    drawn = [json.loads(c.proto.json) for c in app.get("bidi_component")]
    found: list[dict[str, Any]] = [d for d in drawn if "sections" in d and "words" in d][number]["sections"]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_finding_rule_layers_controls_steps_and_origin(language: str, stored: Store) -> None:
    app = open_page("measurement", language, id="m")
    text, shown = load_text(language), words(app)
    rule = load_rule_texts(language)["tls.reset.sni"]
    assert "XL Axiata, Jakarta (XL Axiata, AS24203)" in app.title[0].value.replace("\\", "")
    assert text("mechanism.tls.reset.sni") in app.title[0].value.replace("\\", "")
    for sentence in (rule.says, rule.besides, rule.change, load_rule_texts(language)["dns.genuine"].says):
        assert sentence in shown
    assert "Clean, Singapore" in shown and text("measured.control_gone") in shown
    assert text("measured.stand_in_own_prefix") in shown
    assert text("measured.path", near=2, far=3) in shown
    for value in ("2026-11-23+743ad752", "10.3.53.53", "telegram-block-observatory 9.9", "round of m"):
        assert value in shown
    names = [section["name"] for section in steps(app)]
    assert names == [text(f"step_group.{group}") for group in ("names", "tls", "path")]


def test_headline_may_be_quoted(stored: Store) -> None:
    title = open_page("measurement", id="m").title[0].value.replace("\\", "")
    assert title.startswith(
        "t.me was likely blocked: the connection is cut off (reset) when this name is asked for, and not for "
        "a neutral name at the same address. Measured on "
    )
    assert title.endswith(" from XL Axiata, Jakarta (XL Axiata, AS24203).")


def test_evidence_is_marked_tries_are_both_there_and_the_control_next_to_them(stored: Store) -> None:
    app = open_page("measurement", id="m")
    (names, tls_steps, path) = (section["steps"] for section in steps(app))
    assert [step["is_evidence"] for step in (*names, *tls_steps)] == [False, True, True, True]
    assert tls_steps[0]["lines"] == ["Raw error: [Errno 104] Connection reset by peer"]
    assert any(step["when"].startswith("Try 2: ") for step in tls_steps)
    assert tls_steps[0]["elsewhere"] == [
        "Elsewhere, Clean, Singapore: The connection was set up, and the certificate is valid."
    ]
    assert "hop 3 brought a reset" in steps(app)[2]["notes"][0]
    assert len(path) == 2


def test_canary_of_the_round_has_its_own_steps(stored: Store) -> None:
    app = open_page("measurement", id="m")
    assert "example.com, not known to be blocked anywhere" in words(app)
    assert steps(app, 1)[0]["steps"][0]["came"] == "The answer: 93.184.215.14."
    alone = open_page("measurement", id="canary")
    assert "not known to be blocked anywhere" not in words(alone)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("id_", ["nonsense", HOSTILE, "' OR 1=1 --", "x" * 5000])
def test_an_unknown_identifier_says_what_to_do(id_: str, language: str, stored: Store) -> None:
    app = open_page("measurement", language, id=id_)
    assert load_text(language)("measured.unknown_next") in words(app)
    assert not any("[x](http" in str(m.value) for m in app.markdown)
    assert not app.title


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_measurement_whose_rows_were_deleted_says_so(language: str, stored: Store) -> None:
    stored.delete_raw_before(AT + timedelta(days=2))
    shown = words(open_page("measurement", language, id="m"))
    assert load_text(language)("measured.deleted", id="m", at="@").split("@")[0] in shown
    assert load_text(language)("measured.deleted_next") in shown


def test_a_damaged_row_is_no_crash(stored: Store) -> None:
    with connect(stored) as connection:
        connection.exec_driver_sql("UPDATE measurements SET body = x'00'")
    assert load_text("en")("measured.damaged_next") in words(open_page("measurement", id="m"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_an_identifier_the_newest_are_listed_with_links(language: str, stored: Store) -> None:
    app = open_page("measurement", language)
    table = json.loads(app.get("bidi_component")[0].proto.json)
    links = [line["entries"][0]["href"] for section in table["sections"] for line in section["lines"]]
    assert set(links) == {measurement_address("m", language), measurement_address("control", language)}


def test_cells_of_the_now_page_lead_here(stored: Store) -> None:
    app = open_page("now")
    app.session_state["open_cell"] = ("v02", "t.me")
    app.run()
    detail = json.loads(app.get("bidi_component")[0].proto.json)["detail"]
    assert detail["link"][1] == "measurement?id=m&lang=en"


def test_an_identifier_cannot_leave_its_place_in_an_address() -> None:
    assert measurement_address("a&lang=x#y/ü", "id") == "measurement?id=a%26lang%3Dx%23y%2F%C3%BC&lang=id"


def test_what_the_network_sent_is_never_markup(store: Store) -> None:
    evil = "<img src=http://evil.example/x> [x](http://evil.example) ![x](http://evil.example/y)"
    page = http(status=200, headers=(("Server", evil), ("Location", evil)), body=evil.encode() * 50)
    lie = dns(name=evil, answers=(answer(extended_errors=(ExtendedError(code=15, text=evil),)),))
    hostile = measured(
        "m", page, lie, target=evil, vantage=evil, software=evil, origin=evil, resolver=evil, trust=evil
    )
    store.save_measurements([(hostile, likely(rule_id="tls.no_such_rule", controls=()))], received_at=AT)
    app = open_page("measurement", id="m")
    for element in (*app.markdown, *app.caption, *app.title):
        assert "<img" not in str(element.value).replace("\\<", "")
        assert "](http" not in str(element.value)
    assert not app.get("html") or all("evil" not in str(h.proto) for h in app.get("html"))
    assert load_text("en")("measured.rule_unknown") in words(app)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_import_and_an_emulation_say_so(language: str, store: Store) -> None:
    store.save_vantage_points([make_vantage(2)], at=AT)
    real = measured("real", origin="ooni:20170714T112200Z_x")
    made_up = measured("made-up", emulated=True, target="telegram.org")
    store.save_measurements([(real, likely()), (made_up, likely())], received_at=AT)
    text = load_text(language)
    imported = open_page("measurement", language, id="real")
    assert "ooni:20170714T112200Z_x" in words(imported)
    assert text("measured.no_steps") in words(imported)
    emulated = open_page("measurement", language, id="made-up")
    assert text("measured.emulated") in [w.value for w in emulated.warning]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_its_headline(state: State, language: str) -> None:
    text, m = load_text(language), measured("m")
    verdict = likely(state=state, mechanism=None)
    sentence = headline(m, verdict, make_status("xl"), text, UTC)
    assert "t.me" in sentence and "AS24203" in sentence
    assert (text("state.blocked") in sentence) is (state in (State.BLOCKED, State.LIKELY_BLOCKED))
    others = {
        headline(m, likely(state=other, mechanism=None), None, text, UTC) for other in State if other != state
    }
    assert headline(m, verdict, None, text, UTC) not in others


def test_a_partial_block_says_so_in_its_headline() -> None:
    sentence = headline(measured("m"), likely(partial=True), None, load_text("en"), UTC)
    assert load_text("en")("legend.partly") in sentence
