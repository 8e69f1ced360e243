"""How soon a block is known, by what its measurements saw: the rows of the table in docs/events.md."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.changes.streams import (
    ARTEFACT,
    CONTROL,
    DAY,
    HOUR,
    MINUTE,
    NAMES,
    OK,
    ONSET,
    PAIR,
    SILENCE,
    START,
    UNSURE,
    XL,
    Found,
    Stream,
    World,
    during,
    events_of,
    network,
    play,
    play_at_once,
    play_late,
)
from observatory.detection.detector import Detector
from observatory.model import AlertKind, Certainty, Confirmation, State
from observatory.store import Store, open_store

TELKOMSEL, INDOSAT, TRI = network(23693), network(4761), network(45727)
# Between the first vantage point's slot and the last one's, of a round.
SLOT = 5 * MINUTE


@pytest.fixture
def store(tmp_path: Path) -> Iterable[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        yield opened


def rounds_after(at: datetime | None, every: timedelta = 10 * MINUTE) -> int:
    """Return in which round of the block something was known, from 1 on."""
    assert at is not None
    return (at - ONSET) // every + 1


ROWS = [
    pytest.param(Stream(world=during(ARTEFACT)), 1, 2, id="artefact on several targets"),
    pytest.param(Stream(world=during(ARTEFACT, targets=["t.me"])), 1, 3, id="artefact on one target"),
    pytest.param(Stream(world=during(PAIR)), 1, 3, id="filtered name on several targets"),
    pytest.param(Stream(world=during(PAIR), controls=()), 1, 3, id="filtered name, no control at all"),
    pytest.param(
        Stream(world=during(PAIR, targets=["t.me"], vantages=[XL, INDOSAT]), vantages=[XL, INDOSAT]),
        1,
        2,
        id="filtered name on two networks",
    ),
    pytest.param(
        Stream(world=during(ARTEFACT, targets=["t.me"], vantages=[XL, INDOSAT]), vantages=[XL, INDOSAT]),
        1,
        2,
        id="artefact of one target on two networks",
    ),
    pytest.param(
        Stream(world=during(ARTEFACT), every=HOUR, until=ONSET + 6 * HOUR), 1, 2, id="hourly rounds"
    ),
    pytest.param(
        Stream(
            world=during(ARTEFACT, targets=["t.me"]), every=DAY, start=ONSET - 30 * DAY, until=ONSET + 6 * DAY
        ),
        1,
        2,
        id="one measurement a day",
    ),
    pytest.param(
        Stream(world=during(SILENCE), vantages=[XL, INDOSAT, TRI], centres=["dc2", "dc4"]),
        2,
        4,
        id="silence, but the app's addresses beside it answer",
    ),
    pytest.param(
        Stream(world=during(SILENCE, vantages=[XL, INDOSAT, TRI]), vantages=[XL, INDOSAT, TRI, TELKOMSEL]),
        2,
        3,
        id="silence on three networks at once, a fourth reaches it",
    ),
    pytest.param(
        Stream(
            world=during(SILENCE, targets=["t.me", "t2"]), targets=["t.me", "t2"], until=ONSET + 13 * HOUR
        ),
        2,
        74,
        id="silence that outlasts faults of routing",
    ),
]


@pytest.mark.parametrize(("stream", "suspected", "confirmed"), ROWS)
def test_known_by_the_round_and_the_same_however_it_came(
    tmp_path: Path, stream: Stream, suspected: int, confirmed: int
) -> None:
    """Live, all at once and late in disorder."""
    with open_store(f"sqlite:///{tmp_path}/live.sqlite") as live:
        told = play(live, stream)
    assert rounds_after(told.suspected_at, stream.every) <= suspected
    assert rounds_after(told.confirmed_at, stream.every) <= confirmed
    for player in (play_at_once, play_late):
        with open_store(f"sqlite:///{tmp_path}/{player.__name__}.sqlite") as opened:
            found = player(opened, stream)
        assert [event.spells for event in found] == [event.spells for event in told.events]


@pytest.mark.parametrize("share", [0.5, 0.35, 0.2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_share_with_artefacts_is_confirmed_by_the_fifth(store: Store, share: float, seed: int) -> None:
    drawn = random.Random(seed)
    times: list[datetime] = []

    def world(vantage: object, target: str, at: datetime) -> Found:
        if target != "t.me" or vantage is CONTROL or at < ONSET or drawn.random() >= share:
            return OK
        times.append(at)
        return ARTEFACT

    told = play(store, Stream(world=world, targets=["t.me", "telegram.org"], until=ONSET + 8 * HOUR))
    assert told.suspected_at is not None and told.suspected_at <= times[2]
    assert told.confirmed_at is not None and told.confirmed_at <= times[4]


def test_a_short_block_that_ended_is_an_event_for_good(store: Store) -> None:
    told = play(store, Stream(world=during(ARTEFACT, end=ONSET + 20 * MINUTE), until=ONSET + 6 * HOUR))
    (event,) = told.events
    assert event.certainty is Certainty.CONFIRMED and len(event.spells) == len(NAMES)
    assert event.end is not None
    assert (event.end.after, event.end.by) == (
        ONSET + 10 * MINUTE + timedelta(seconds=20),
        ONSET + 20 * MINUTE + timedelta(seconds=20),
    )
    assert told.ended_at is not None
    assert (told.ended_at - ONSET) // (10 * MINUTE) + 1 == 5
    assert {(s.portion.n_blocked, s.portion.n_judged) for s in event.spells} == {(2, 2)}


def test_onset_inside_an_hour_does_not_wait_for_its_end(store: Store) -> None:
    start = ONSET + 23 * MINUTE
    told = play(store, Stream(world=during(ARTEFACT, start=start), until=ONSET + HOUR))
    assert told.confirmed_at is not None and told.confirmed_at < ONSET + 50 * MINUTE
    (event,) = told.events
    assert (event.onset.after, event.onset.by) == (
        ONSET + 20 * MINUTE + timedelta(seconds=20),
        ONSET + 30 * MINUTE + timedelta(seconds=20),
    )


def either(*worlds: World) -> World:
    return lambda vantage, target, at: next(
        (found for world in worlds if (found := world(vantage, target, at)) is not OK), OK
    )


ALL = (*NAMES, "dc2", "dc4")
NO_EVENTS = [
    pytest.param(
        Stream(world=during(SILENCE, targets=ALL, end=ONSET + 6 * HOUR), centres=["dc2", "dc4"]),
        id="the route to all of Telegram is gone for six hours",
    ),
    pytest.param(
        Stream(world=during(ARTEFACT, targets=["canary", *NAMES], end=ONSET + 6 * HOUR)),
        id="a captive portal answers for everything",
    ),
    pytest.param(
        Stream(world=during(ARTEFACT, vantages=[XL, CONTROL], end=ONSET + 6 * HOUR)),
        id="a page that every network gets",
    ),
    pytest.param(
        Stream(
            world=either(
                during(SILENCE, vantages=[XL, INDOSAT, TRI], end=ONSET + HOUR),
                during(UNSURE, vantages=[CONTROL], end=ONSET + HOUR),
            ),
            vantages=[XL, INDOSAT, TRI],
        ),
        id="Telegram is down for everyone and the control says nothing",
    ),
    pytest.param(
        Stream(
            world=either(
                during((PAIR[0], "dns.injection.other"), vantages=[XL, INDOSAT], end=ONSET + HOUR),
                during(UNSURE, vantages=[CONTROL], end=ONSET + HOUR),
            ),
            vantages=[XL, INDOSAT],
        ),
        id="Telegram moves to new addresses while the control is late",
    ),
    pytest.param(
        Stream(
            world=during(ARTEFACT, vantages=[XL]),
            vantages=[XL, network(XL.asn, "second"), network(XL.asn, "third")],
        ),
        id="one vantage point of three contradicts the others",
    ),
]


@pytest.mark.parametrize("stream", NO_EVENTS)
def test_no_event_is_confirmed(store: Store, stream: Stream) -> None:
    stream.until = ONSET + 8 * HOUR
    assert play(store, stream).confirmed_at is None


def test_a_line_that_loses_packets_for_hours_is_no_event(store: Store) -> None:
    drawn = random.Random(11)

    def world(vantage: object, target: str, at: datetime) -> Found:
        lossy = ONSET <= at < ONSET + 5 * HOUR and vantage is XL and target != "canary"
        return SILENCE if lossy and drawn.random() < 0.6 else OK

    stream = Stream(world=world, centres=["dc2", "dc4"], until=ONSET + 9 * HOUR)
    assert play(store, stream).confirmed_at is None


def test_silence_says_by_what_it_was_confirmed(store: Store) -> None:
    told = play(store, Stream(world=during(SILENCE), centres=["dc2", "dc4"]))
    (event,) = told.events
    assert {s.confirmed_by for s in event.spells} == {Confirmation.ROUTING_RULED_OUT}
    assert event.spells[0].onset.after is not None and START < event.spells[0].onset.after < ONSET


def test_a_new_prober_with_which_everything_fails_is_a_fault_of_the_instrument(store: Store) -> None:
    world = either(during(ARTEFACT, vantages=[XL, INDOSAT]), during(UNSURE, vantages=[CONTROL]))
    stream = Stream(world=world, vantages=[XL, INDOSAT], software=lambda at: "2.0" if at >= ONSET else "1.0")
    assert play(store, stream).confirmed_at is None
    assert AlertKind.RULE_CHANGE in {alert.kind for alert in store.load_alerts()}


def test_a_block_that_begins_with_a_new_prober_is_told_when_others_reach_the_target_with_it(
    store: Store,
) -> None:
    stream = Stream(world=during(ARTEFACT), software=lambda at: "2.0" if at >= ONSET else "1.0")
    assert rounds_after(play(store, stream).confirmed_at) <= 2


def test_measurements_of_one_moment_are_taken_in_one_order(tmp_path: Path) -> None:
    """Imports bring several of one vantage point and target at the same time, reached and not."""
    stream = Stream(world=during(ARTEFACT))
    twice = [
        (replace(measurement, id=f"{measurement.id} again"), replace(verdict, state=State.OK, mechanism=None))
        for _, judged in stream.rounds()
        for measurement, verdict in judged
    ]
    found = []
    for name, order in (("one", 1), ("other", -1)):
        with open_store(f"sqlite:///{tmp_path}/{name}.sqlite") as opened:
            opened.save_vantage_points([*stream.controls, *stream.vantages], at=stream.start)
            once = [pair for _, judged in stream.rounds() for pair in judged]
            opened.save_measurements([*once, *twice][::order], received_at=stream.until)
            Detector(opened).run(stream.until, review=True)
            spells = [s for event in events_of(opened) for s in event.spells]
            found.append([(s.target, s.onset, s.suspected_at, s.confirmed_at, s.evidence) for s in spells])
    assert found[0] == found[1] != []


def test_silence_in_whose_place_a_hop_on_the_way_answers_is_no_fault_of_routing(store: Store) -> None:
    stream = Stream(world=during((PAIR[0], "ip.unreachable")))
    stream.hop = 3
    told = play(store, stream)
    assert rounds_after(told.confirmed_at) <= 3
    assert {s.confirmed_by for s in told.events[0].spells} == {Confirmation.ROUTING_RULED_OUT}
