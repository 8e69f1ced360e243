"""The JSON of events, as it is stored and as other programs read it: its keys are a promise."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta

from observatory.model import (
    Certainty,
    Confirmation,
    DailyWindow,
    Event,
    Interval,
    Method,
    Portion,
    Shows,
    Silence,
    Spell,
    SpellEvidence,
    State,
    Witness,
)
from observatory.model.codec import encode_event, encode_spell, parse_event, parse_spell

AT = datetime(2017, 7, 14, 4, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
PORTION = Portion(n_blocked=3, n_judged=4, low=0.3, high=0.95)
BORDER = Interval(after=AT - HOUR, by=AT)

BARE = Spell(
    target="t.me", asn=7713, onset=BORDER, certainty=Certainty.SUSPECTED, suspected_at=AT, portion=PORTION
)
FULL = Spell(
    target="t.me",
    asn=7713,
    onset=Interval(after=None, by=AT),
    end=Interval(after=AT + HOUR, by=AT + 2 * HOUR),
    certainty=Certainty.CONFIRMED,
    suspected_at=AT,
    confirmed_at=AT + HOUR,
    portion=PORTION,
    partial=True,
    isp="Telkom",
    country="ID",
    zone="Asia/Jakarta",
    emulated=True,
    windows=(DailyWindow.parse("09:00", "17:00"),),
    methods=(
        Method(layer="dns", mechanism="dns.nxdomain", resolver="10.0.0.53", onset=BORDER, portion=PORTION),
    ),
    silences=(Silence(start=AT, end=AT + HOUR, offline=True, unjudged=True),),
    vantages=("jkt-one",),
    witnesses=(Witness(measurement_id="m1", vantage="jkt-one", at=AT, shows=Shows.LAST_OK, state=State.OK),),
    counted_until=AT,
    counts_whole_hours=True,
    control=PORTION,
    n_control_unjudged=2,
    n_control_offline=1,
    versions=(("2", "2026-11"),),
    evidence=SpellEvidence(
        artefacts=(AT,),
        pairs=(AT,),
        failing=(AT, AT + HOUR),
        outlasts_at=AT + HOUR,
        reached_at=AT + HOUR,
        asked=True,
        routing_ruled_out_at=AT + HOUR,
        contradicted_by=("jkt-two",),
        by_share=True,
    ),
    confirmed_by=Confirmation.ARTEFACTS,
    onset_from_rule_change=True,
    end_from_rule_change=True,
)


def test_a_spell_comes_back_equal() -> None:
    assert [parse_spell(encode_spell(spell)) for spell in (BARE, FULL)] == [BARE, FULL]


def test_an_event_comes_back_equal() -> None:
    event = Event(id="id-2017-07-14", country="ID", emulated=True, spells=(BARE, FULL), withdrawn=True)
    assert parse_event(json.dumps(encode_event(event))) == event


def test_keys_are_those_that_were_first_written() -> None:
    """Rows of years ago and programs of others have these keys, whatever the fields are called today."""
    keys = {field.name for field in fields(Spell)} - {"onset_from_rule_change", "end_from_rule_change"}
    encoded = json.loads(encode_spell(FULL))
    assert set(encoded) == keys | {"onset_is_ours", "end_is_ours"}
    assert encoded["windows"] == [["09:00", "17:00"]]
    assert encoded["suspected_at"] == "2017-07-14T04:22:00+00:00"


def test_what_has_its_default_is_left_out() -> None:
    assert set(json.loads(encode_spell(BARE))) == {
        "target",
        "asn",
        "onset",
        "certainty",
        "suspected_at",
        "portion",
    }
