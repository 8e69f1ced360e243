"""The newest verdict of each target from each vantage point, in whatever order measurements arrive."""

from itertools import permutations

import pytest

from observatory.model import State
from observatory.store import Store
from tests.observatory.store.samples import AT, MINUTE, make_measurement, make_verdict


@pytest.mark.parametrize("in_one_batch", [True, False], ids=["one batch", "a batch each"])
@pytest.mark.parametrize("order", list(permutations("abc")), ids="".join)
def test_latest_of_equal_times_is_the_same_whatever_arrives_first(
    store: Store, order: tuple[str, ...], in_one_batch: bool
) -> None:
    """Two databases that hold the same measurements must show the same on the page Now."""
    states = {"a": State.OK, "b": State.IMPAIRED, "c": State.BLOCKED}
    judged = [(make_measurement(id_), make_verdict(states[id_])) for id_ in order]
    for batch in [judged] if in_one_batch else [[pair] for pair in judged]:
        store.save_measurements(batch, received_at=AT)
    (latest,) = store.load_latest()
    assert (latest.measurement_id, latest.state) == ("c", State.BLOCKED)


@pytest.mark.parametrize("order", list(permutations("abc")), ids="".join)
def test_latest_is_the_newest_and_not_the_last_to_arrive(store: Store, order: tuple[str, ...]) -> None:
    times = {"a": AT + MINUTE, "b": AT - MINUTE, "c": AT}
    for id_ in order:
        store.save_measurements([(make_measurement(id_, at=times[id_]), make_verdict())], received_at=AT)
    (latest,) = store.load_latest()
    assert (latest.measurement_id, latest.measured_at) == ("a", AT + MINUTE)
