"""How soon a block is known on streams of measurements, by rounds: the rows of the table in docs/events.md.

Each row is played several times, each time with another moment at which the block begins between two rounds.
"""

import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from benchmarks.changes.streams import (
    ARTEFACT,
    DAY,
    HOUR,
    ONSET,
    PAIR,
    SILENCE,
    SLOT,
    XL,
    Found,
    Stream,
    Told,
    World,
    during,
    network,
    play,
)
from benchmarks.figure import Figure
from observatory.model import VantagePoint
from observatory.store import open_store

_OTHER, _THIRD, _FOURTH = network(4761), network(45727), network(23693)
_ALL: Final = (XL, _OTHER, _THIRD)
_N_PLAYS: Final = 5

# What begins, and within how many rounds it must be suspected and confirmed.
ROWS: Final[tuple[tuple[str, Found, Stream, int, int], ...]] = (
    ("artefact, several targets", ARTEFACT, Stream(world=during(ARTEFACT)), 1, 2),
    ("artefact, one target", ARTEFACT, Stream(world=during(ARTEFACT), targets=("t.me",)), 1, 3),
    ("filtered name, several targets", PAIR, Stream(world=during(PAIR)), 1, 3),
    (
        "filtered name, two networks",
        PAIR,
        Stream(world=during(PAIR), targets=("t.me",), vantages=(XL, _OTHER)),
        1,
        2,
    ),
    ("artefact, hourly rounds", ARTEFACT, Stream(world=during(ARTEFACT), every=HOUR), 1, 2),
    (
        "artefact, one round a day",
        ARTEFACT,
        Stream(world=during(ARTEFACT), every=DAY, start=ONSET - 20 * DAY),
        1,
        2,
    ),
    (
        "silence, the app beside it answers",
        SILENCE,
        Stream(world=during(SILENCE), centres=("dc2", "dc4")),
        2,
        4,
    ),
    (
        "silence, three networks of four",
        SILENCE,
        Stream(world=during(SILENCE), vantages=(*_ALL, _FOURTH)),
        2,
        3,
    ),
)


def measure_promptness(seed: int) -> Iterator[Figure]:
    """Yield for each row the rounds to suspicion and to confirmation, of the slowest play in twenty."""
    _say(f"{'rounds until it is known':<40}{'suspected':>12} median   95 %{'confirmed':>12} median   95 %")
    drawn = random.Random(seed)
    for what, found, stream, suspected, confirmed in ROWS:
        begins = [ONSET + drawn.random() * stream.every for _ in range(_N_PLAYS)]
        told = [_play(stream, found, at) for at in begins]
        known = {
            "suspected": [_rounds(t.suspected_at, at, stream) for t, at in zip(told, begins, strict=True)],
            "confirmed": [_rounds(t.confirmed_at, at, stream) for t, at in zip(told, begins, strict=True)],
        }
        _say(f"{what:<40}" + "".join(_spread(rounds) for rounds in known.values()))
        for name, bound in (("suspected", suspected), ("confirmed", confirmed)):
            value = float(np.percentile(known[name], 95))
            yield Figure(what=f"{what}: rounds until {name}", value=value, unit="", bound=bound)


def _play(stream: Stream, found: Found, begins: datetime) -> Told:
    blocking = [v for v in stream.vantages if v is not _FOURTH]
    until = ONSET + max(8 * stream.every, 2 * HOUR)
    played = replace(stream, world=_from(found, stream, blocking, begins), until=until)
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/o.sqlite") as store:
        return play(store, played)


def _from(found: Found, stream: Stream, blocking: Iterable[VantagePoint], begins: datetime) -> World:
    return during(found, targets=stream.targets, vantages=blocking, start=begins)


def _rounds(at: datetime | None, begins: datetime, stream: Stream) -> float:
    """Return in how many rounds the block could be seen until then."""
    if at is None:
        return float("inf")
    first = next(moment for moment in _moments(stream) if moment >= begins)
    return (at - stream.start) // stream.every - (first - stream.start) // stream.every + 1


def _moments(stream: Stream) -> Iterator[datetime]:
    """The times at which those measure that the block is on, in order."""
    places = [n for n, v in enumerate((*stream.controls, *stream.vantages)) if v in _ALL]
    number = 0
    while True:
        yield from (stream.start + number * stream.every + place * SLOT for place in places)
        number += 1


def _spread(rounds: list[float]) -> str:
    return f"{np.median(rounds):>19.0f}{np.percentile(rounds, 95):>7.0f}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
