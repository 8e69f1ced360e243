"""A state that is plain ok only where its visitors get through: table, details, list of the newest."""

from datetime import UTC, timedelta

import pytest

from observatory.model import LeadsTo, State
from observatory.text import load_text
from observatory.views.matrix_table import cell_detail, matrix_sections
from observatory.views.measurement_list import newest_section
from tests.observatory.views.samples import make_latest, make_matrix

EN, ID = load_text("en"), load_text("id")
BLOCKED = LeadsTo(target="telegram.org", state=State.LIKELY_BLOCKED, mechanism="tls.reset.sni")
UNKNOWN = LeadsTo(target="landing.example", state=State.INSUFFICIENT)
WORKS = LeadsTo(target="telegram.org", state=State.OK)


@pytest.mark.parametrize(
    ("leads", "english", "indonesian"),
    [
        (None, (), ()),
        (WORKS, (), ()),
        (
            BLOCKED,
            ("leads to telegram.org: likely blocked",),
            ("mengarah ke telegram.org: kemungkinan besar diblokir",),
        ),
        (
            UNKNOWN,
            ("leads to landing.example: not enough evidence",),
            ("mengarah ke landing.example: bukti kurang",),
        ),
    ],
)
def test_below_ok_stands_where_it_leads(
    leads: LeadsTo | None, english: tuple[str, ...], indonesian: tuple[str, ...]
) -> None:
    known = {("axis", "t.me"): leads} if leads is not None else {}
    matrix = make_matrix({"axis": {"t.me": State.OK}}, leads=known)
    for text, expected in ((EN, english), (ID, indonesian)):
        entry = matrix_sections(matrix, text, UTC)[0].lines[0].entries[0]
        assert (entry.word, entry.small, entry.look) == (text("short.ok"), expected, "ok")
        assert all(line in entry.full for line in expected)
        one = make_latest("axis", "t.me", State.OK, leads_to=leads)
        assert newest_section([one], {}, text, UTC).lines[0].entries[1].small == expected


def test_what_is_too_old_to_speak_for_now_says_it_too() -> None:
    matrix = make_matrix(
        {"axis": {"t.me": State.OK}}, leads={("axis", "t.me"): BLOCKED}, ages={"axis": timedelta(hours=5)}
    )
    entry = matrix_sections(matrix, EN, UTC)[0].lines[0].entries[0]
    assert entry.look == "no_data"
    assert entry.small[1:] == ("leads to telegram.org: likely blocked",)
    assert "leads to telegram.org" in entry.full


@pytest.mark.parametrize("leads", [BLOCKED, WORKS])
def test_the_details_of_a_cell_name_the_place_and_how_it_fares(leads: LeadsTo) -> None:
    matrix = make_matrix({"axis": {"t.me": State.OK}}, leads={("axis", "t.me"): leads})
    facts = dict(cell_detail(matrix.cells["axis", "t.me"], EN).facts)
    how = f", {EN('mechanism.tls.reset.sni')}" if leads is BLOCKED else ""
    assert facts[EN("now.leads_to")] == f"telegram.org: {EN(f'state.{leads.state}')}{how}"


def test_the_details_of_a_target_that_leads_nowhere_have_no_such_line() -> None:
    matrix = make_matrix({"axis": {"t.me": State.OK}})
    assert EN("now.leads_to") not in dict(cell_detail(matrix.cells["axis", "t.me"], EN).facts)
