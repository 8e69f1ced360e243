"""What the replay plays is found as one event: from verdicts as each round of the script would give them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from demo.check import compare, played_times
from demo.script import PLAYED_BY, round_times, write_script
from observatory.detection.detector import Detector
from observatory.model import Event, State, VantagePoint
from observatory.model.series import Series
from observatory.reference import load_targets, load_yaml
from observatory.store import open_store
from probes.records import TargetKind
from tests.observatory.store.samples import make_measurement, make_verdict

HOSTS = [t.name for t in load_targets() if t.kind is TargetKind.HOST]
SCRIPT = write_script(load_yaml("indonesia_2017.yaml")["events"], HOSTS)
PLAYED = played_times(SCRIPT)
ASNS = (*PLAYED_BY, 17451, 4800)


def is_blocked(asn: int, host: str, at: datetime) -> bool:
    onset, end = PLAYED.get(Series(target=host, asn=asn, emulated=True), (at, at))
    return onset <= at < end


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Event, ...]]:
    """Played round by round, every third host, as the detector met it live."""
    folder: Path = tmp_path_factory.mktemp("replay")
    with open_store(f"sqlite:///{folder}/replay.sqlite") as store:
        points = [
            VantagePoint(id=f"as{asn}", name=f"AS{asn}", isp=f"AS{asn}", asn=asn, country="ID")
            for asn in ASNS
        ]
        store.save_vantage_points(points, at=SCRIPT[0].at)
        detector = Detector(store)
        for at in round_times(SCRIPT):
            judged = []
            for place, asn in enumerate(ASNS):
                started_at = at + place * timedelta(seconds=2)
                for host in HOSTS:
                    state = State.BLOCKED if is_blocked(asn, host, at) else State.OK
                    measurement = make_measurement(
                        f"{asn} {host} {at}",
                        vantage=f"as{asn}",
                        asn=asn,
                        target=host,
                        at=started_at,
                        emulated=True,
                    )
                    mechanism = "dns.injection.blockpage" if state is State.BLOCKED else None
                    judged.append((measurement, make_verdict(state, mechanism=mechanism)))
            store.save_measurements(judged, received_at=at)
            detector.run(at)
        detector.run(at, review=True)
        yield tuple(revision.event for revision in store.load_events())


def test_it_is_found_as_it_was_played_and_nothing_else(events: tuple[Event, ...]) -> None:
    assert compare(events, SCRIPT) == []
    (event,) = events
    assert set(event.networks) == set(PLAYED_BY) and set(event.targets) == set(HOSTS)
    assert event.mechanisms == ("dns.injection.blockpage",) and event.emulated


def test_what_differs_is_named(events: tuple[Event, ...]) -> None:
    (event,) = events
    first = event.spells[0]
    moved = replace(first, onset=replace(first.onset, by=first.onset.after or first.onset.by))
    assert compare([], SCRIPT) == ["expected one event, found 0: "]
    for spells, problem in (
        (event.spells[1:], "expected a block, found none"),
        ((*event.spells, replace(first, asn=99)), "expected none, found a block"),
        ((*event.spells, replace(first, partial=True)), "found twice"),
        ((moved, *event.spells[1:]), "onset: expected an interval around"),
        ((replace(first, end=None), *event.spells[1:]), "expected an end at"),
    ):
        problems = compare([replace(event, spells=tuple(spells))], SCRIPT)
        assert any(problem in p for p in problems), problem
