"""Shares counted from each network's own onset."""

from datetime import timedelta

from observatory.model.views import Share
from observatory.views.aligned import ZERO, align_shares
from observatory.views.csv import aligned_csv
from tests.observatory.site.feeds.samples import (
    AT,
    HOUR,
    make_event,
)


def test_shares_are_moved_and_counted_by_network() -> None:
    def share(key: str, hour: int, n_blocked: int) -> Share:
        return Share(bucket_at=AT + hour * HOUR, key=key, n_blocked=n_blocked, n_judged=2, n=3)

    given = [share("a", 4, 0), share("a", 5, 1), share("b", 5, 2), share("c", 9, 2), share("other", 5, 2)]
    onsets = {1: AT + 5 * HOUR + timedelta(minutes=20), 2: AT + 9 * HOUR}
    moved = align_shares(given, {"a": 1, "b": 1, "c": 2}, onsets, HOUR)
    assert [((s.bucket_at - ZERO) / HOUR, s.key, s.n_blocked, s.n_judged, s.n) for s in moved] == [
        (-1, "1", 0, 2, 3),
        (0, "1", 3, 4, 6),
        (0, "2", 2, 2, 3),
    ]
    (day,) = align_shares(given[1:3], {"a": 1, "b": 1}, onsets, 24 * HOUR)
    assert day.bucket_at == ZERO
    lines = (
        aligned_csv(moved, event=make_event("e"), onsets=onsets, zero=ZERO, step=HOUR).decode().splitlines()
    )
    assert lines[2] == "e,1,,2017-07-14T16:20:00Z,0,1,3,4,6,0.75,false"
