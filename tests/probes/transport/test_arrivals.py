"""Rates from what a socket delivered when: lines held to a rate against fast ones that pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.transport.arrivals import Arrivals

PACKET = 1448


def bps(*deliveries: tuple[float, int]) -> float:
    arrivals = Arrivals()
    for at_s, n_bytes in deliveries:
        arrivals.note(at_s, n_bytes)
    n_bytes, seconds = arrivals.rated()
    return 8 * n_bytes / max(seconds, 1e-3)


def held_to(rate_bps: float, n_bytes: int, burst: int = 1) -> list[tuple[float, int]]:
    """Packets as a shaper sends them on: a few at once, then one each time its bytes are due."""
    n_packets = -(-n_bytes // PACKET)
    every_s = 8 * PACKET / rate_bps
    return [(max(0, i - burst + 1) * every_s, PACKET) for i in range(n_packets)]


@pytest.mark.parametrize("kbit", [64, 128, 256, 512])
@pytest.mark.parametrize("n_bytes", [6_000, 12_000, 30_000, 100_000, 1_000_000])
@pytest.mark.parametrize("burst", [1, 2])
def test_a_line_held_to_a_rate_shows_it(kbit: int, n_bytes: int, burst: int) -> None:
    assert bps(*held_to(1000 * kbit, n_bytes, burst)) == pytest.approx(1000 * kbit, rel=0.02)


@pytest.mark.parametrize("kbit", [64, 128, 256, 512])
def test_four_packets_are_enough(kbit: int) -> None:
    assert bps(*held_to(1000 * kbit, 4_400)) == pytest.approx(1000 * kbit, rel=0.02)


def test_a_burst_that_a_shaper_lets_through_takes_no_part() -> None:
    assert bps(*held_to(128_000, 30_000, burst=10)) == pytest.approx(128_000, rel=0.02)


@pytest.mark.parametrize(
    ("situation", "deliveries"),
    [
        ("all at once", [(1.0, 12_000)]),
        ("10 Mbit/s", held_to(10e6, 30_000)),
        ("the server thinks after its head", [(0.0, 300), (0.4, 8_000), (0.407, 8_000)]),
        ("slow start far away", [(0.0, 14_480), (0.3, 14_480), (0.307, 14_480)]),
        ("slow start of a larger body", [(0.0, 14_480), (0.2, 28_960), (0.4, 57_920), (0.6, 98_640)]),
        ("one lost packet", [(0.0, 6_000), (0.006, 6_000), (0.012, 6_000), (0.312, 6_000)]),
        ("a prober that stood still", [(0.0, 6_000), (0.006, 6_000), (1.006, 64_000)]),
    ],
)
def test_a_fast_line_that_pauses_is_no_slow_one(situation: str, deliveries: list[tuple[float, int]]) -> None:
    assert bps(*deliveries) > 2_000_000


def test_nothing_came() -> None:
    arrivals = Arrivals()
    arrivals.note(1.0, 0)
    assert (arrivals.first_s, arrivals.last_s, arrivals.rated()) == (None, None, (0, 0.0))


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 65536)), max_size=60))
def test_no_more_is_rated_than_came(deliveries: list[tuple[float, int]]) -> None:
    arrivals = Arrivals()
    deliveries.sort()
    for at_s, n_bytes in deliveries:
        arrivals.note(at_s, n_bytes)
    n_bytes, seconds = arrivals.rated()
    assert 0 <= n_bytes <= sum(n for _, n in deliveries)
    assert 0 <= seconds <= 3
    assert (n_bytes > 0) is any(n for _, n in deliveries)
