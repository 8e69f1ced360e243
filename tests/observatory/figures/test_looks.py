"""How states look: apart without colour, readable on their colour."""

import pytest

from observatory.figures import LOOKS, Theme
from observatory.figures.looks import PAPERS, SHARE_SCALE
from observatory.model import State
from observatory.views.shown import NO_DATA
from tests.observatory.figures.samples import contrast, luminance


def test_every_state_has_a_sign_and_a_colour_of_its_own() -> None:
    assert set(LOOKS) == {*State, NO_DATA}
    assert len({look.sign for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.fill for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.pattern for look in LOOKS.values() if look.pattern}) == 5


@pytest.mark.parametrize("shown", LOOKS)
def test_signs_can_be_read_on_their_colour(shown: str) -> None:
    assert contrast(LOOKS[shown].ink, LOOKS[shown].fill) >= 4.5


@pytest.mark.parametrize("theme", Theme)
def test_text_can_be_read_on_its_paper(theme: Theme) -> None:
    assert contrast(PAPERS[theme].text, PAPERS[theme].background) >= 7
    assert contrast(PAPERS[theme].faint, PAPERS[theme].background) >= 4.5


def test_blocked_is_darkest_and_ok_lighter_without_any_colour() -> None:
    grey = {shown: luminance(look.fill) for shown, look in LOOKS.items()}
    assert grey[State.BLOCKED] == min(grey.values())
    assert grey[State.OK] - grey[State.BLOCKED] > 0.5


def test_no_shade_of_a_share_is_grey() -> None:
    for _, colour in SHARE_SCALE:
        channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert max(channels) - min(channels) > 25, colour
