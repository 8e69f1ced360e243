"""What an event says: no stronger word than its evidence, no more names than fit, intervals as they are."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from observatory.model import (
    Certainty,
    DailyWindow,
    Event,
    Interval,
    Method,
    Portion,
    Shows,
    Spell,
    State,
    Witness,
)
from observatory.text import LANGUAGES, load_text
from observatory.text.events import (
    describe,
    end_sentence,
    finding,
    how_words,
    network_names,
    onset_sentence,
    onset_words,
    shortened,
    windows_sentence,
)
from observatory.text.events import event_zone as zone_of

EN = load_text("en")
AT = datetime(2017, 7, 14, 11, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ISPS = ("Telkomsel", "XL", "Indosat", "IndiHome", "First Media", "Tri")


def make_witness(state: State) -> Witness:
    return Witness(measurement_id="m", vantage="v", at=AT, shows=Shows.FIRST_BLOCKED, state=state)


def make_spell(isp: str = "Telkomsel", target: str = "t.me", **other: Any) -> Spell:
    given = {
        "target": target,
        "asn": 64512 + sum(isp.encode()),
        "isp": isp,
        "country": "ID",
        "zone": "Asia/Jakarta",
        "onset": Interval(after=AT, by=AT + HOUR),
        "certainty": Certainty.CONFIRMED,
        "suspected_at": AT + HOUR,
        "confirmed_at": AT + 2 * HOUR,
        "portion": Portion(n_blocked=9, n_judged=10, low=0.6, high=0.98),
        "witnesses": (make_witness(State.BLOCKED),),
    }
    return Spell(**{**given, **other})


def make_event(*spells: Spell, withdrawn: bool = False) -> Event:
    return Event(
        id="id-1", country="ID", emulated=False, spells=spells or (make_spell(),), withdrawn=withdrawn
    )


ENDED = Interval(after=AT + 2 * HOUR, by=AT + 3 * HOUR)
COMPARED = (make_witness(State.LIKELY_BLOCKED),)
FINDINGS = {
    "one": (make_event(), "t.me is blocked on Telkomsel."),
    "two targets": (
        make_event(make_spell(), make_spell(target="telegram.org")),
        "t.me and telegram.org are blocked on Telkomsel.",
    ),
    "three names are said": (
        make_event(*(make_spell(isp) for isp in ISPS[:3])),
        "t.me is blocked on Indosat, Telkomsel and XL.",
    ),
    "more than three are counted": (
        make_event(
            *(make_spell(isp, onset=Interval(after=AT, by=AT + n * HOUR)) for n, isp in enumerate(ISPS))
        ),
        "t.me is blocked on Telkomsel, XL and 4 more networks.",
    ),
    "over": (make_event(make_spell(end=ENDED)), "t.me was blocked on Telkomsel; it has ended."),
    "over by our rules alone": (
        make_event(make_spell(end=ENDED, end_from_rule_change=True)),
        "t.me was blocked on Telkomsel; it is not known whether it still is.",
    ),
    "over in one place": (
        make_event(make_spell(end=ENDED), make_spell("XL")),
        "t.me is blocked on Telkomsel and XL.",
    ),
    "by comparison": (make_event(make_spell(witnesses=COMPARED)), "t.me is likely blocked on Telkomsel."),
    "no witness": (make_event(make_spell(witnesses=())), "t.me is likely blocked on Telkomsel."),
    "some by comparison": (
        make_event(make_spell(), make_spell("XL", witnesses=COMPARED)),
        "t.me is blocked or likely blocked on Telkomsel and XL.",
    ),
    "suspected": (
        make_event(make_spell(certainty=Certainty.SUSPECTED)),
        "t.me is suspected to be blocked on Telkomsel.",
    ),
    "partial": (make_event(make_spell(partial=True)), "t.me is blocked in part on Telkomsel."),
}


@pytest.mark.parametrize(("event", "sentence"), FINDINGS.values(), ids=FINDINGS)
def test_finding(event: Event, sentence: str) -> None:
    assert finding(event, EN) == sentence


ONSETS = {
    "nothing earlier": (
        Interval(after=None, by=AT),
        "Already so since before 14 Jul 2017, 18:00 WIB (11:00 UTC); nothing was measured earlier.",
    ),
    "within a day": (
        Interval(after=AT, by=AT + HOUR),
        "Started on 14 Jul 2017 between 18:00 and 19:00 WIB (11:00–12:00 UTC).",
    ),
    "over days": (
        Interval(after=AT, by=AT + timedelta(days=2)),
        "Started between 14 Jul 2017, 18:00 WIB (11:00 UTC) and 16 Jul 2017, 18:00 WIB (11:00 UTC).",
    ),
}


@pytest.mark.parametrize(("onset", "sentence"), ONSETS.values(), ids=ONSETS)
def test_onset(onset: Interval, sentence: str) -> None:
    assert onset_sentence(make_event(make_spell(onset=onset)), EN) == sentence


ENDS = {
    "none": (make_event(), "No end seen."),
    "known": (
        make_event(make_spell(end=ENDED)),
        "Ended on 14 Jul 2017 between 20:00 and 21:00 WIB (13:00–14:00 UTC).",
    ),
    "of some": (
        make_event(make_spell(end=ENDED), make_spell("XL")),
        "Ended on Telkomsel; no end seen on the others.",
    ),
    "of one target of a network": (
        make_event(make_spell(end=ENDED), make_spell(target="telegram.org")),
        "No end seen.",
    ),
    "ours": (
        make_event(make_spell(end=ENDED, end_from_rule_change=True)),
        "It is not known whether it ended: verdicts changed with our own rules or reference data.",
    ),
}


@pytest.mark.parametrize(("event", "sentence"), ENDS.values(), ids=ENDS)
def test_end(event: Event, sentence: str) -> None:
    assert end_sentence(event, EN) == sentence


def test_onset_of_our_own_making_dates_nothing() -> None:
    assert "is not known" in onset_sentence(make_event(make_spell(onset_from_rule_change=True)), EN)


def test_networks_of_one_name_are_told_apart_and_a_nameless_one_has_its_number() -> None:
    event = make_event(
        make_spell("Telkom", asn=7713), make_spell("Telkom", asn=17974), make_spell("", asn=4761)
    )
    assert set(network_names(event)) == {"Telkom (AS7713)", "Telkom (AS17974)", "AS4761"}


def test_zone_that_nobody_knows_is_utc() -> None:
    zone = zone_of(make_event(make_spell(zone="../etc/passwd")))
    assert onset_words(Interval(after=None, by=AT), zone, EN) == "since before 14 Jul 2017, 11:00 UTC"


def test_daily_window() -> None:
    window = DailyWindow(start=time(8), to=time(17))
    sentence = windows_sentence(make_event(make_spell(windows=(window,))), EN)
    assert sentence == "At certain hours only: 08:00–17:00 (Asia/Jakarta)."


def test_unknown_mechanism_has_the_words_of_its_parent_or_none() -> None:
    assert how_words("tls.reset.novel", EN) == EN("mechanism.tls.reset")
    assert how_words("novel", EN) == "novel"


def test_four_names_are_never_three_and_one_more() -> None:
    assert shortened(("a", "b", "c", "d"), EN) == "a, b and 2 more"
    assert shortened(("a", "b", "c"), EN) == "a, b and c"


@pytest.mark.parametrize("language", LANGUAGES)
def test_account_is_whole_in_both_languages(language: str) -> None:
    method = Method(
        layer="dns",
        mechanism="dns.injection.blockpage",
        onset=Interval(after=AT, by=AT + HOUR),
        portion=Portion(n_blocked=9, n_judged=10, low=0.6, high=0.98),
    )
    text = load_text(language)
    event = make_event(make_spell(methods=(method,)), make_spell("XL", "telegram.org", partial=True))
    account = " ".join(describe(event, text))
    for words in (
        "Telkomsel",
        "XL",
        "t.me",
        "WIB",
        "UTC",
        "18",
        "20",
        "not_each",
        "partial_some",
        "is_proven",
    ):
        assert (text(f"event_words.{words}") if text.has(f"event_words.{words}") else words) in account
    assert text("mechanism.dns.injection.blockpage") in account
