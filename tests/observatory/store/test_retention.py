"""Raw rows may go; counts stay, and an old id is still known."""

from sqlalchemy import func, select

from observatory.model import Grain
from observatory.store import Store
from observatory.store.schema import blobs
from tests.observatory.store.backdoor import connect
from tests.observatory.store.samples import AT, DAY, HOUR, make_measurement, make_observations, make_verdict


def _n_blobs(store: Store) -> int | None:
    with connect(store) as connection:
        return connection.execute(select(func.count()).select_from(blobs)).scalar()


def test_raw_rows_go_and_counts_stay(store: Store) -> None:
    old = [
        make_measurement(f"old{i}", at=AT + i * HOUR, observations=make_observations(body=b"old page"))
        for i in range(7)
    ]
    new = make_measurement("new", at=AT + DAY, observations=make_observations(body=b"new page"))
    store.save_measurements([(m, make_verdict()) for m in (*old, new)], received_at=AT)
    before = store.load_cells(Grain.DAY, AT - DAY, AT + 2 * DAY)
    assert _n_blobs(store) == 4

    assert store.delete_raw_before(AT + DAY, chunk=3) == 7
    assert store.load_measurements() == [new]
    assert _n_blobs(store) == 3
    assert store.load_cells(Grain.DAY, AT - DAY, AT + 2 * DAY) == before
    # Days without their raw rows cannot be counted again, and are left as they are.
    assert store.recompute_cells(AT - DAY, AT + 2 * DAY) == 0
    assert store.load_cells(Grain.DAY, AT - DAY, AT + 2 * DAY) == before
    assert store.save_measurements([(old[0], make_verdict())], received_at=AT) == 0
    assert store.replace_verdicts({"old0": make_verdict()}) == 0


def test_a_day_that_has_begun_is_kept_whole(store: Store) -> None:
    store.save_measurements([(make_measurement("m1"), make_verdict())], received_at=AT)
    assert store.delete_raw_before(AT + HOUR) == 0
    assert len(store.load_measurements()) == 1
    assert store.delete_raw_before(AT - 10 * DAY) == 0
