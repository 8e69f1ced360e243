"""What people read: what, where, since when, how sure, where to look; in both languages, whole messages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from observatory.model import (
    Alert,
    AlertKind,
    Audience,
    Certainty,
    DailyWindow,
    Event,
    Interval,
    Method,
    Portion,
)
from observatory.model.views import VantageStatus
from observatory.notify.message import Notice, describe_event, join_notices
from observatory.notify.operator_notices import describe_operator_alert, describe_test
from observatory.text import LANGUAGES, load_text
from tests.observatory.notify.samples import AT, DAY, HOUR, ended, make_event, make_spell, make_vantage

LINK = "https://observatory.example/event?id=id-20261124-1"
K = AlertKind


def describe(*kinds: AlertKind, event: Event, before: Event | None = None, language: str = "en") -> Notice:
    return describe_event(load_text(language), kinds, event, before, link=LINK)


def test_a_whole_message_in_english() -> None:
    event = make_event(
        make_spell(), make_spell(target="web.telegram.org"), make_spell(asn=4761, isp="Indosat")
    )
    notice = describe(K.ONSET, event=event)
    assert notice.subject == "Blocked: t.me and web.telegram.org on 2 networks"
    assert notice.text == (
        "t.me and web.telegram.org are blocked on ISP 7713 and Indosat.\n"
        "Not every target on each of these networks.\n"
        "Started on 24 Nov 2026 between 10:22 and 11:22 WIB (03:22–04:22 UTC).\n"
        "No end seen.\n"
        "Confirmed by a trace of a filter, such as a block page or a forged answer.\n"
        "Blocked or likely blocked in 27 of 30 measurements that could be judged.\n"
        "How: the connection is cut off (reset) when this name is asked for, and not for a neutral name "
        "at the same address.\n"
        "At the control, 0 of 8 measurements failed too.\n"
        "Evidence: https://observatory.example/event?id=id-20261124-1"
    )


def test_a_whole_message_in_indonesian() -> None:
    event = make_event(
        make_spell(
            isp="Telkom",
            onset=Interval(after=None, by=AT),
            certainty=Certainty.SUSPECTED,
            confirmed_at=None,
            control=None,
        ),
        emulated=True,
    )
    notice = describe(K.ONSET, event=event, language="id")
    assert notice.subject == "EMULASI: Diduga diblokir: t.me di Telkom"
    assert notice.text.splitlines()[0].startswith("EMULASI, bukan internet yang sebenarnya.")
    assert "t.me diduga diblokir di Telkom." in notice.text
    assert "sebelum 24 Nov 2026, 11.22 WIB (04.22 UTC)" in notice.text
    assert "Tidak ada pengukuran pembanding" in notice.text
    assert notice.text.splitlines()[-1] == f"Bukti: {LINK}"


def ended_by_rules(event: Event, by: datetime, *asns: int) -> Event:
    over = ended(event, by, *asns)
    return replace(
        over, spells=tuple(replace(s, end_from_rule_change=s.end is not None) for s in over.spells)
    )


BEFORE = make_event(make_spell(), make_spell(asn=4761, isp="Indosat"))
SUBJECTS: dict[str, tuple[tuple[AlertKind, ...], Event, Event | None, str]] = {
    "never delivered": ((K.ONSET,), BEFORE, None, "Blocked: t.me on 2 networks"),
    "never delivered, and spread while it settled": (
        (K.ONSET, K.SPREAD),
        BEFORE,
        None,
        "Blocked: t.me on 2 networks",
    ),
    "never delivered, and over": (
        (K.ONSET, K.END),
        ended(BEFORE, AT + HOUR),
        None,
        "Blocked, now ended: t.me on 2 networks",
    ),
    "a history that the channel did not get": (
        (K.SPREAD,),
        BEFORE,
        make_event(),
        "Blocked, spreading: t.me on 2 networks",
    ),
    "ended in one network": (
        (K.PARTIAL_END,),
        ended(BEFORE, AT + HOUR, 4761),
        BEFORE,
        "Blocked, ended in part: t.me on 2 networks",
    ),
    "ended everywhere": (
        (K.END,),
        ended(BEFORE, AT + HOUR),
        BEFORE,
        "Blocked, now ended: t.me on 2 networks",
    ),
    "ended, and the end was corrected": (
        (K.CORRECTION,),
        BEFORE,
        ended(BEFORE, AT + HOUR),
        "Blocked (corrected): t.me on 2 networks",
    ),
    "our rules ended it": (
        (K.CORRECTION,),
        ended_by_rules(BEFORE, AT + HOUR),
        BEFORE,
        "Blocked, end not known: t.me on 2 networks",
    ),
    "our rules ended it, and the reader knows nothing yet": (
        (K.ONSET,),
        ended_by_rules(BEFORE, AT + HOUR),
        None,
        "Blocked, end not known: t.me on 2 networks",
    ),
    "our rules ended one of two": (
        (K.CORRECTION,),
        ended_by_rules(BEFORE, AT + HOUR, 4761),
        BEFORE,
        "Blocked (corrected): t.me on 2 networks",
    ),
    "a suspicion joined": (
        (K.CORRECTION,),
        make_event(make_spell(), make_spell(4761, "suspected.org", certainty=Certainty.SUSPECTED)),
        make_event(),
        "Blocked (corrected): t.me on ISP 7713",
    ),
    "all that is left is suspected": (
        (K.WITHDRAWAL,),
        make_event(make_spell(certainty=Certainty.SUSPECTED)),
        make_event(),
        "Finding withdrawn: t.me on ISP 7713",
    ),
    "another method": ((K.METHOD,), BEFORE, BEFORE, "Blocked, method changed: t.me on 2 networks"),
    "spread and another method": (
        (K.METHOD, K.SPREAD),
        BEFORE,
        make_event(),
        "Blocked, spreading: t.me on 2 networks",
    ),
    "withdrawn": (
        (K.WITHDRAWAL,),
        replace(BEFORE, withdrawn=True, spells=()),
        BEFORE,
        "Finding withdrawn: t.me on 2 networks",
    ),
}


@pytest.mark.parametrize("situation", SUBJECTS)
def test_subjects(situation: str) -> None:
    kinds, event, before, expected = SUBJECTS[situation]
    assert describe(*kinds, event=event, before=before).subject == expected


NEWS: dict[str, tuple[tuple[AlertKind, ...], Event, Event | None, list[str]]] = {
    "never delivered": ((K.ONSET,), BEFORE, None, []),
    "one more network": ((K.SPREAD,), BEFORE, make_event(), ["New networks: Indosat."]),
    "one more host": (
        (K.SPREAD,),
        make_event(make_spell(), make_spell(target="telegram.org")),
        make_event(),
        ["New targets: telegram.org."],
    ),
    "a known host on a known network": (
        (K.SPREAD,),
        make_event(make_spell(), make_spell(1, "b"), make_spell(1, "t.me")),
        make_event(make_spell(), make_spell(1, "b")),
        ["New: more of these targets on more of these networks."],
    ),
    "ended in one network": (
        (K.PARTIAL_END,),
        ended(BEFORE, AT + HOUR, 4761),
        BEFORE,
        ["Ended on Indosat; still in progress on the others."],
    ),
    "another method": ((K.METHOD,), BEFORE, BEFORE, ["The method changed; those seen are listed below."]),
    "corrected": (
        (K.CORRECTION,),
        BEFORE,
        BEFORE,
        ["An earlier message is corrected; this is how it stands now."],
    ),
    "withdrawn": (
        (K.WITHDRAWAL,),
        replace(BEFORE, withdrawn=True),
        BEFORE,
        ["The earlier finding is withdrawn: what is known now does not support it."],
    ),
}


@pytest.mark.parametrize("situation", NEWS)
def test_what_is_new_to_the_reader(situation: str) -> None:
    kinds, event, before, expected = NEWS[situation]
    lines = describe(*kinds, event=event, before=before).text.splitlines()
    assert lines[: len(expected)] == expected
    follows = "The earlier message said: t.me " if event.withdrawn else event.targets[0]
    assert lines[len(expected)].startswith(follows)


DETAILS: dict[str, tuple[dict[str, Any], str]] = {
    "only in part": ({"partial": True}, "t.me is blocked in part on ISP 7713."),
    "by the time of day": (
        {"windows": (DailyWindow.parse("09:00", "17:30"),)},
        "At certain hours only: 09:00–17:30 (Asia/Jakarta).",
    ),
    "our own rules changed": (
        {"onset_from_rule_change": True},
        "The start is not known: verdicts changed with our own rules",
    ),
    "a mechanism without words": (
        {
            "methods": (
                Method(
                    layer="tls",
                    mechanism="tls.new.thing",
                    onset=Interval(after=None, by=AT),
                    portion=Portion(n_blocked=1, n_judged=1, low=0.1, high=1.0),
                ),
            )
        },
        "How: ",
    ),
    "no trace of a filter": ({"witnesses": ()}, "t.me is likely blocked on ISP 7713."),
    "a zone of nowhere": ({"zone": "Mars/Base"}, "between 03:22 and 04:22 UTC"),
    "an ISP without a name": ({"isp": ""}, "blocked on AS7713."),
}


@pytest.mark.parametrize("situation", DETAILS)
def test_details(situation: str) -> None:
    changes, expected = DETAILS[situation]
    assert expected in describe(K.ONSET, event=make_event(make_spell(**changes))).text


def test_long_lists_are_cut_and_counted() -> None:
    event = make_event(*(make_spell(asn, f"host{host:02}") for asn in range(1, 101) for host in range(40)))
    notice = describe(K.ONSET, event=event)
    assert notice.subject == "Blocked: host00, host01 and 38 more targets on 100 networks"
    assert "host11 and 28 more targets are blocked on" in notice.text
    assert "and 88 more networks.\n" in notice.text
    assert len(notice.text) < 3000


def test_an_event_without_anything_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="at least one spell"):
        describe(K.ONSET, event=replace(BEFORE, spells=()))


def status(**changes: Any) -> VantageStatus:
    point = make_vantage()
    values = {name: getattr(point, name) for name in point.__dataclass_fields__}
    return VantageStatus(**values | changes)


def operator_alert(kind: AlertKind, detail: str = "", **changes: Any) -> Alert:
    vantage = changes.pop("vantage", "jkt-1")
    return Alert(at=AT, kind=kind, audience=Audience.OPERATOR, vantage=vantage, detail=detail, **changes)


OPERATORS: dict[str, tuple[Alert, VantageStatus | None, str, str]] = {
    "silent": (
        operator_alert(K.SILENT, AT.isoformat()),
        status(),
        "Vantage point not reporting: Jakarta 1",
        "Jakarta 1 (Telkom, AS7713) has reported nothing since 24 Nov 2026, 11:22 WIB (04:22 UTC). "
        "It should report every 10 minutes.",
    ),
    "silent from the start": (
        operator_alert(K.SILENT),
        status(),
        "Vantage point not reporting: Jakarta 1",
        "Jakarta 1 (Telkom, AS7713) has never reported.",
    ),
    "back": (
        operator_alert(K.BACK, AT.isoformat()),
        status(),
        "Vantage point reports again: Jakarta 1",
        "reports again. It had not reported since 24 Nov 2026, 11:22 WIB (04:22 UTC).",
    ),
    "a vantage point that is not known any more": (
        operator_alert(K.SILENT, AT.isoformat()),
        None,
        "Vantage point not reporting: jkt-1",
        "jkt-1 (?, AS0) has reported nothing since 24 Nov 2026, 04:22 UTC.",
    ),
    "ours": (
        operator_alert(K.RULE_CHANGE, "rules 7 → 8: 40 verdicts", vantage=None),
        None,
        "Verdicts changed by our own rules",
        "Note: rules 7 → 8: 40 verdicts",
    ),
    "emulated": (
        operator_alert(K.SILENT, AT.isoformat(), emulated=True),
        status(),
        "EMULATED: Vantage point not reporting: Jakarta 1",
        "EMULATED, not the real internet.",
    ),
}


@pytest.mark.parametrize("situation", OPERATORS)
def test_operators(situation: str) -> None:
    alert, vantage, subject, text = OPERATORS[situation]
    notice = describe_operator_alert(load_text("en"), alert, vantage, site="https://o.example")
    assert notice.subject == subject
    assert text in notice.text
    page = "https://o.example" if alert.vantage is None else "https://o.example/vantage-points"
    assert notice.text.splitlines()[-1] == f"More: {page}"


def test_one_notice_stays_itself_and_says_why_it_came() -> None:
    joined = join_notices(
        load_text("en"), [Notice(subject="One", text="Text")], channel="press", site="https://o.example"
    )
    assert joined.subject == "One"
    assert joined.text.startswith("Text\n\nYou receive this because the channel “press” is set up")


def test_a_digest_of_emulated_events_alone_says_so_first() -> None:
    text = load_text("en")
    emulated, real = Notice(subject="EMULATED: a", text="x"), Notice(subject="b", text="y")

    def subject(*notices: Notice) -> str:
        return join_notices(text, notices, channel="press", site="s").subject

    assert subject(emulated, emulated) == "EMULATED: 2 notices"
    assert subject(emulated, real) == "2 notices"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_can_be_said_in_every_language(language: str) -> None:
    text = load_text(language)
    for kind in AlertKind:
        if kind in (K.SILENT, K.BACK, K.RULE_CHANGE):
            notice = describe_operator_alert(text, operator_alert(kind, AT.isoformat()), status(), site="s")
        else:
            notice = describe(kind, event=BEFORE, before=make_event(), language=language)
        assert notice.subject and "{" not in notice.subject + notice.text
    assert "“press”" in describe_test(text, channel="press", site="s").text


def test_times_far_apart_are_both_dated() -> None:
    onset = Interval(after=datetime(2017, 7, 14, tzinfo=UTC), by=datetime(2017, 7, 14, tzinfo=UTC) + 3 * DAY)
    event = make_event(make_spell(onset=onset))
    assert (
        "Started between 14 Jul 2017, 07:00 WIB (00:00 UTC) and 17 Jul 2017, 07:00 WIB (00:00 UTC)"
        in describe(K.ONSET, event=ended(event, AT + timedelta(days=400))).text
    )


def test_names_from_elsewhere_cannot_write_lines_of_their_own() -> None:
    evil = "Telkom\nEvidence: https://evil.example\r\nBcc: all@evil.example" + "x" * 500
    notice = describe(K.ONSET, event=make_event(make_spell(isp=evil, target="t.me\n")))
    assert "\n" not in notice.subject and "\r" not in notice.subject + notice.text
    assert [line for line in notice.text.splitlines() if line.startswith(("Evidence", "Bcc"))] == [
        f"Evidence: {LINK}"
    ]
    assert len(notice.subject) < 200
