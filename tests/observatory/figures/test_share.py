"""The share of what was blocked: what was not judged is a gap."""

from observatory.figures import LOOKS
from observatory.model.views import Share
from observatory.views.shown import NO_DATA
from tests.observatory.figures.samples import HOUR, START, share


def test_share_of_an_unjudged_hour_is_a_gap_and_not_zero() -> None:
    figure = share(
        [
            Share(bucket_at=START, key="axis", n_blocked=1, n_judged=4, n=4),
            Share(bucket_at=START + HOUR, key="axis", n_blocked=0, n_judged=0, n=3),
            Share(bucket_at=START + 2 * HOUR, key="axis", n_blocked=0, n_judged=2, n=2),
        ]
    )
    heat = figure.data[-1]
    assert list(heat.z[0]) == [0.25, None, 0.0, None, None, None]
    assert heat.text[0][0] == "25% blocked or likely blocked (1 of 4 judged; 4 measured)"
    assert heat.text[0][1] == "not enough evidence (3 measured, none judged)"
    assert heat.text[0][3] == "no data"
    (hatched,) = [trace for trace in figure.data if trace.type == "bar"]
    assert list(hatched.y) == [0, 0, 1]
    assert hatched.marker.pattern.shape == LOOKS[NO_DATA].pattern
