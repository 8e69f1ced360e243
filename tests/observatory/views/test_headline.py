"""What the page says, sentence by sentence: each table row is a situation and the words for it."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from observatory.analysis.events.publication import Present
from observatory.model import BLOCKED_STATES, LeadsTo, State
from observatory.text import load_text
from observatory.views.headline import describe, describe_controls
from observatory.views.matrix import Matrix, TargetGroup
from tests.observatory.views.samples import make_matrix

OK, BLOCKED, LIKELY = State.OK, State.BLOCKED, State.LIKELY_BLOCKED
IMPAIRED, DOWN, UNCLEAR = State.IMPAIRED, State.DOWN, State.INSUFFICIENT
JAKARTA = ZoneInfo("Asia/Jakarta")
EN, ID = load_text("en"), load_text("id")
AT = "23 Nov 2026, 18:59 WIB (11:59 UTC)"
AT_ID = "23 Nov 2026, 18.59 WIB (11.59 UTC)"


def both(state: State) -> dict[str, State]:
    return {"t.me": state, "telegram.org": state}


def all_confirmed(matrix: Matrix) -> Present:
    """Say that an event in progress names everything that is blocked now."""
    cells = matrix.of(matrix.probes, TargetGroup.HOST) + matrix.of(matrix.probes, TargetGroup.DATA_CENTRE)
    return Present(confirmed=frozenset((c.target, c.vantage.asn) for c in cells if c.shown in BLOCKED_STATES))


def claims(matrix: Matrix, language: str = "en", kind: TargetGroup = TargetGroup.HOST) -> list[str]:
    finding = describe(matrix, kind, load_text(language), JAKARTA, all_confirmed(matrix))
    return [statement.claim for statement in finding.statements]


SITUATIONS = {
    "all names blocked on one of two": (
        make_matrix({"axis": both(BLOCKED), "biznet": both(OK)}),
        ["Blocked on 1 of the 2 networks measured: t.me and telegram.org."],
        ["Diblokir di 1 dari 2 jaringan yang diukur: t.me dan telegram.org."],
    ),
    "blocked everywhere": (
        make_matrix({"axis": both(BLOCKED), "biznet": both(BLOCKED)}),
        ["Blocked on all 2 networks measured: t.me and telegram.org."],
        ["Diblokir di semua 2 jaringan yang diukur: t.me dan telegram.org."],
    ),
    "the only network": (
        make_matrix({"axis": both(BLOCKED)}),
        ["Blocked on the only network measured: t.me and telegram.org."],
        ["Diblokir di satu-satunya jaringan yang diukur: t.me dan telegram.org."],
    ),
    "likely is its own sentence": (
        make_matrix({"axis": both(BLOCKED), "biznet": both(LIKELY), "cbn": both(OK)}),
        [
            "Blocked on 1 of the 3 networks measured: t.me and telegram.org.",
            "Likely blocked on 1 of the 3 networks measured: t.me and telegram.org.",
        ],
        [
            "Diblokir di 1 dari 3 jaringan yang diukur: t.me dan telegram.org.",
            "Kemungkinan besar diblokir di 1 dari 3 jaringan yang diukur: t.me dan telegram.org.",
        ],
    ),
    "only likely": (
        make_matrix({"axis": {"t.me": LIKELY, "telegram.org": OK}, "biznet": both(OK)}),
        ["Likely blocked on 1 of the 2 networks measured: t.me."],
        ["Kemungkinan besar diblokir di 1 dari 2 jaringan yang diukur: t.me."],
    ),
    "a partial block says in part": (
        make_matrix(
            {"axis": {"t.me": LIKELY, "telegram.org": BLOCKED}, "biznet": both(OK)},
            partial=frozenset({("axis", "t.me"), ("axis", "telegram.org")}),
        ),
        [
            "Blocked in part on 1 of the 2 networks measured: telegram.org. "
            "Another way to reach the same target still works there.",
            "Likely blocked in part on 1 of the 2 networks measured: t.me. "
            "Another way to reach the same target still works there.",
        ],
        [
            "Diblokir sebagian di 1 dari 2 jaringan yang diukur: telegram.org. "
            "Di sana sasaran masih dapat diakses dengan cara lain.",
            "Kemungkinan besar diblokir sebagian di 1 dari 2 jaringan yang diukur: t.me. "
            "Di sana sasaran masih dapat diakses dengan cara lain.",
        ],
    ),
    "impaired comes before all is well": (
        make_matrix({"axis": both(OK), "biznet": {"t.me": IMPAIRED, "telegram.org": OK}}),
        ["Impaired on 1 of the 2 networks measured, cause unclear: t.me."],
        ["Terganggu di 1 dari 2 jaringan yang diukur, penyebabnya belum jelas: t.me."],
    ),
    "nothing blocked": (
        make_matrix({"axis": both(OK), "biznet": both(OK)}),
        ["No blocking found on the 2 networks measured."],
        ["Tidak ditemukan pemblokiran di 2 jaringan yang diukur."],
    ),
    "down is not blocked": (
        make_matrix({"axis": {"t.me": DOWN, "telegram.org": OK}, "biznet": both(OK)}),
        [
            "No blocking found on the 2 networks measured.",
            "Down on 1 of the 2 networks measured and at the control too, so not counted as blocking: t.me.",
        ],
        [
            "Tidak ditemukan pemblokiran di 2 jaringan yang diukur.",
            "Tidak berfungsi di 1 dari 2 jaringan yang diukur dan juga di pembanding, jadi tidak dihitung "
            "sebagai pemblokiran: t.me.",
        ],
    ),
    "only insufficient": (
        make_matrix({"axis": both(UNCLEAR), "biznet": both(UNCLEAR)}),
        [f"Not enough evidence to say whether these are blocked: 2 networks, measured on {AT}."],
        [f"Bukti tidak cukup untuk menyatakan apakah sasaran ini diblokir: 2 jaringan, diukur pada {AT_ID}."],
    ),
    "an unclear network is not counted": (
        make_matrix({"axis": both(BLOCKED), "biznet": both(UNCLEAR), "cbn": both(OK)}),
        ["Blocked on 1 of the 2 networks measured: t.me and telegram.org."],
        ["Diblokir di 1 dari 2 jaringan yang diukur: t.me dan telegram.org."],
    ),
    "a stale network is not counted": (
        make_matrix(
            {"axis": both(BLOCKED), "biznet": both(OK), "cbn": both(OK)}, ages={"axis": timedelta(hours=1)}
        ),
        ["No blocking found on the 2 networks measured."],
        ["Tidak ditemukan pemblokiran di 2 jaringan yang diukur."],
    ),
    "all stale": (
        make_matrix({"axis": both(BLOCKED)}, ages={"axis": timedelta(hours=1)}),
        ["No current data. The last measurement was on 23 Nov 2026, 18:00 WIB (11:00 UTC)."],
        ["Tidak ada data terkini. Pengukuran terakhir dilakukan pada 23 Nov 2026, 18.00 WIB (11.00 UTC)."],
    ),
    "never measured": (
        make_matrix({"axis": {}}),
        ["Not measured yet."],
        ["Belum diukur."],
    ),
    "a control is never a network": (
        make_matrix(
            {"axis": both(OK), "ctl": both(BLOCKED)},
            controls=("ctl",),
        ),
        ["No blocking found on the 1 network measured."],
        ["Tidak ditemukan pemblokiran di 1 jaringan yang diukur."],
    ),
    "two vantage points of one network count once": (
        make_matrix({"axis": both(BLOCKED), "axis2": both(OK)}, asns={"axis": 1, "axis2": 1}),
        ["Blocked on the only network measured: t.me and telegram.org."],
        ["Diblokir di satu-satunya jaringan yang diukur: t.me dan telegram.org."],
    ),
}


@pytest.mark.parametrize(("matrix", "english", "indonesian"), SITUATIONS.values(), ids=SITUATIONS)
def test_claims(matrix: Matrix, english: list[str], indonesian: list[str]) -> None:
    assert claims(matrix, "en") == english
    assert claims(matrix, "id") == indonesian


@pytest.mark.parametrize("situation", SITUATIONS)
def test_blocked_is_said_of_nothing_weaker(situation: str) -> None:
    matrix = SITUATIONS[situation][0]
    probed = matrix.of(matrix.probes, TargetGroup.HOST)
    is_blocked = any(s.shown == BLOCKED and not s.is_partial for s in probed)
    assert any(claim.startswith("Blocked on") for claim in claims(matrix)) == is_blocked


def test_pairs_that_differ_are_not_glossed_over() -> None:
    matrix = make_matrix(
        {"axis": {"t.me": BLOCKED, "telegram.org": OK}, "biznet": {"t.me": OK, "telegram.org": BLOCKED}}
    )
    statement = describe(matrix, TargetGroup.HOST, EN, JAKARTA, all_confirmed(matrix)).statements[0]
    assert statement.details == (
        "Networks: Axis and Biznet.",
        "Not all of them on each of these networks; the table shows which.",
    )


def test_uniform_block_needs_no_qualification() -> None:
    matrix = make_matrix({"axis": both(BLOCKED), "biznet": both(OK)})
    statement = describe(matrix, TargetGroup.HOST, ID, JAKARTA, all_confirmed(matrix)).statements[0]
    assert statement.details == ("Jaringan: Axis.",)


def test_basis_and_caveats_name_what_is_missing() -> None:
    matrix = make_matrix(
        {"axis": both(OK), "biznet": both(UNCLEAR), "cbn": both(OK), "dev": {}},
        ages={"cbn": timedelta(hours=5)},
        provisional=frozenset({("axis", "t.me")}),
    )
    finding = describe(matrix, TargetGroup.HOST, EN, JAKARTA, all_confirmed(matrix))
    assert finding.caveats == (
        "No current data from Cbn and Dev.",
        "Not enough evidence on Biznet.",
        "1 of these verdicts are provisional and will be checked again once the control has measured.",
    )
    assert finding.basis is not None
    assert finding.basis.startswith("2 of 8 network–target pairs")


def test_a_vantage_point_without_a_connection_says_so() -> None:
    matrix = make_matrix(
        {"axis": both(OK), "biznet": both(UNCLEAR), "cbn": both(UNCLEAR)},
        rules={"cbn": "guard.vantage_offline"},
    )
    assert describe(matrix, TargetGroup.HOST, EN, JAKARTA, all_confirmed(matrix)).caveats == (
        "No internet connection when measuring: Cbn.",
        "Not enough evidence on Biznet.",
    )


def test_three_intervals_are_current_and_a_second_more_is_not() -> None:
    current = make_matrix({"axis": both(BLOCKED)}, ages={"axis": timedelta(minutes=30)})
    late = make_matrix({"axis": both(BLOCKED)}, ages={"axis": timedelta(minutes=30, seconds=1)})
    assert claims(current)[0].startswith("Blocked on")
    assert claims(late)[0].startswith("No current data")


CONTROLS = {
    "all ok": (
        make_matrix({"ctl": both(OK)}, controls=("ctl",)),
        ["At the control (ctl, Jakarta), all 2 targets were reached."],
    ),
    "one fails": (
        make_matrix({"ctl": {"t.me": OK, "telegram.org": DOWN}}, controls=("ctl",)),
        ["At the control (ctl, Jakarta), 1 of 2 targets were reached; not ok: telegram.org."],
    ),
    "silent": (
        make_matrix({"ctl": both(OK)}, controls=("ctl",), ages={"ctl": timedelta(hours=1)}),
        [EN("finding.control_none", name="ctl, Jakarta"), EN("finding.no_control")],
    ),
    "none": (make_matrix({"axis": both(OK)}), [EN("finding.no_control")]),
}


@pytest.mark.parametrize(("matrix", "expected"), CONTROLS.values(), ids=CONTROLS)
def test_controls(matrix: Matrix, expected: list[str]) -> None:
    assert list(describe_controls(matrix, EN)) == expected


AXIS = frozenset({("t.me", 64500 + sum(b"axis"))})
PRESENTS = {
    "measured as blocked, not confirmed": (
        {"t.me": BLOCKED},
        Present(unconfirmed=AXIS),
        "Blocked in the latest measurement on the only network measured, not confirmed yet: t.me.",
    ),
    "silence may be routing": (
        {"t.me": LIKELY},
        Present(unconfirmed=AXIS, may_be_routing=AXIS),
        "Fails on the only network measured: t.me. No answer came; it could be a fault of routing.",
    ),
    "an event goes on, and the latest measurement is ok": (
        {"t.me": OK},
        Present(confirmed=AXIS),
        "Blocked or likely blocked by an event that has not ended, though the latest measurement does not "
        "show it, on 1 network: t.me.",
    ),
    "suspected, and the latest measurement is ok": (
        {"t.me": OK},
        Present(unconfirmed=AXIS),
        "Suspected, not confirmed, on 1 network: t.me.",
    ),
}


@pytest.mark.parametrize(("states", "present", "expected"), PRESENTS.values(), ids=PRESENTS)
def test_what_no_event_says_is_not_said_as_if_it_did(
    states: dict[str, State], present: Present, expected: str
) -> None:
    finding = describe(make_matrix({"axis": states}), TargetGroup.HOST, EN, JAKARTA, present)
    assert [statement.claim for statement in finding.statements] == [expected]


def test_what_was_blocked_when_last_measured_is_said_below_that_nothing_is_current() -> None:
    matrix = make_matrix({"axis": both(BLOCKED)}, ages={"axis": timedelta(hours=5)})
    finding = describe(matrix, TargetGroup.HOST, EN, JAKARTA, Present(confirmed=AXIS))
    first, second = finding.statements
    assert first.claim.startswith("No current data.")
    assert str(second) == "Blocked or likely blocked when last measured, on 1 network: t.me. Networks: Axis."


def test_where_nothing_can_be_judged_an_event_is_still_named() -> None:
    matrix = make_matrix({"axis": both(UNCLEAR)})
    finding = describe(matrix, TargetGroup.HOST, EN, JAKARTA, Present(confirmed=AXIS))
    assert finding.statements[0].claim.startswith("Not enough evidence")
    assert "an event that has not ended" in finding.statements[1].claim


PLACE = LeadsTo(target="landing.example", state=BLOCKED, mechanism="http.blockpage")
LED = {
    "to a block": (
        {("axis", "t.me"): PLACE},
        "Reached on 1 of the 2 networks measured, but in the latest measurement visitors are led on to a "
        "host that is blocked or likely blocked: t.me (to landing.example).",
        "Dapat diakses di 1 dari 2 jaringan yang diukur, tetapi dalam pengukuran terakhir pengunjung "
        "diarahkan ke host yang diblokir atau kemungkinan besar diblokir: t.me (ke landing.example).",
    ),
    "to a host that works": (
        {("axis", "t.me"): replace(PLACE, state=OK, mechanism=None)},
        "No blocking found on the 2 networks measured.",
        "Tidak ditemukan pemblokiran di 2 jaringan yang diukur.",
    ),
    "to a host of which nothing is known": (
        {("axis", "t.me"): replace(PLACE, state=UNCLEAR, mechanism=None)},
        "No blocking found on the 2 networks measured.",
        "Tidak ditemukan pemblokiran di 2 jaringan yang diukur.",
    ),
}


@pytest.mark.parametrize(("leads", "english", "indonesian"), LED.values(), ids=LED)
def test_a_target_that_is_reached_and_leads_to_a_block_is_no_good_news(
    leads: dict[tuple[str, str], LeadsTo], english: str, indonesian: str
) -> None:
    matrix = make_matrix({"axis": both(OK), "biznet": both(OK)}, leads=leads)
    assert claims(matrix) == [english]
    assert claims(matrix, "id") == [indonesian]
