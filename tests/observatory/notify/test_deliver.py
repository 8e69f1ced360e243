"""At least once, in time, and not too often: what one channel gets when things happen and fail."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from observatory.model import AlertKind, Audience, Certainty
from observatory.model.channels import Channel
from observatory.notify.deliver import CLAIM, backoff
from observatory.notify.errors import SendError
from observatory.notify.senders import Message, send
from observatory.store import Store, StoreError, open_store
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import (
    AT,
    DAY,
    HOUR,
    MINUTE,
    AlertHarness,
    ended,
    hook,
    make_event,
    make_spell,
)
from tests.observatory.store.backdoor import hold_write_lock

ONSET, SPREAD, END = AlertKind.ONSET, AlertKind.SPREAD, AlertKind.END


def events_of(n: int, first: int = 0) -> list[str]:
    return [f"e{number:03}" for number in range(first, first + n)]


def record_many(harness: AlertHarness, ids: list[str]) -> None:
    for id_ in ids:
        harness.record(make_event(make_spell(target=f"{id_}.example"), id=id_), ONSET)


def test_what_happened_is_delivered_once(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 7713"]
    assert harness.states() == [("delivered", None)]


def test_a_new_channel_is_not_flooded_with_history(harness: AlertHarness, receiver: Receiver) -> None:
    record_many(harness, events_of(40))
    harness.channels = (hook(receiver.url),)
    [first] = harness.deliver()
    assert (first.n_sent, first.n_never) == (0, 40)
    assert set(harness.states()) == {("never", "older than the channel")}
    record_many(harness, ["new"])
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: new.example on ISP 7713"]


def test_a_channel_that_saw_an_empty_log_gets_the_first_alert_ever(
    harness: AlertHarness, receiver: Receiver
) -> None:
    harness.add_channels(hook(receiver.url))
    harness.deliver(30 * DAY)
    harness.record(make_event(), ONSET)
    harness.deliver()
    assert len(receiver.requests) == 1


class Killed(BaseException):
    """What a process meets when it is killed: nothing after it runs."""


def test_killed_between_sending_and_marking(
    url: str, harness: AlertHarness, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "mark_delivered", die)
        with pytest.raises(Killed):
            harness.deliver(MINUTE)
    assert len(receiver.requests) == 1
    with open_store(url) as reopened:
        again = AlertHarness(reopened, harness.channels, now=harness.now)
        # Somebody may still be sending; and what else happens to the event waits for the outcome.
        again.record(make_event(make_spell(), make_spell(asn=4761)), SPREAD)
        again.deliver(MINUTE)
        assert len(receiver.requests) == 1
        again.deliver(CLAIM)
        assert len(receiver.requests) == 2
        first, second = (request.headers["webhook-id"] for request in receiver.requests)
        assert first == second
        assert [a["number"] for a in receiver.bodies[1]["data"]["alerts"]] == [1]
        again.deliver(MINUTE)
        assert receiver.subjects[2:] == ["Blocked, spreading: t.me on 2 networks"]
        again.deliver(DAY)
        assert len(receiver.requests) == 3
        assert again.states() == [("delivered", None), ("delivered", None)]


def test_killed_before_sending(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)

    def die(_: Channel, __: Message) -> None:
        raise Killed

    harness.sender = die
    with pytest.raises(Killed):
        harness.deliver(MINUTE)
    harness.sender = send
    harness.deliver(CLAIM + MINUTE)
    assert len(receiver.requests) == 1
    assert harness.states() == [("delivered", None)]


def test_a_receiver_that_fails_and_recovers(harness: AlertHarness, receiver: Receiver) -> None:
    receiver.answer = lambda _: 503
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    start = harness.now
    tried_at = []
    while harness.now < start + 130 * MINUTE:
        n_before = len(receiver.requests)
        harness.deliver(MINUTE)
        if len(receiver.requests) > n_before:
            tried_at.append((harness.now - start) // MINUTE)
    assert tried_at == [1, 2, 4, 8, 16, 32, 64, 124]
    assert harness.states() == [("waits", "the receiver answered with status 503")]
    receiver.answer = lambda _: 200
    harness.deliver(HOUR)
    assert len(receiver.requests) == 9
    assert harness.states() == [("delivered", None)]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_given_up_after_a_week(harness: AlertHarness, receiver: Receiver) -> None:
    n_tried = 0

    def fail(channel: Channel, message: Message) -> None:
        nonlocal n_tried
        n_tried += 1
        raise SendError("it is broken")

    harness.sender = fail
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    for _ in range(30):
        harness.deliver(6 * HOUR)
    assert harness.states() == [("never", "given up after 29 attempts: it is broken")]
    assert n_tried == 29


def test_an_old_alert_still_gets_its_attempts(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    receiver.answer = lambda _: 500
    harness.deliver(9 * DAY)
    assert harness.states() == [("waits", "the receiver answered with status 500")]
    receiver.answer = lambda _: 200
    harness.deliver(HOUR)
    assert harness.states() == [("delivered", None)]


@pytest.mark.parametrize(("n", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1000, 60)])
def test_backoff(n: int, minutes: int) -> None:
    assert backoff(n) == minutes * MINUTE


def test_while_it_failed_more_happened_and_one_message_says_all(
    harness: AlertHarness, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 503
    harness.add_channels(hook(receiver.url))
    event = make_event()
    harness.record(event, ONSET)
    harness.deliver(MINUTE)
    event = replace(event, spells=(*event.spells, make_spell(asn=4761)))
    harness.record(event, SPREAD)
    harness.record(ended(event, AT + HOUR), END)
    receiver.answer = lambda _: 204
    harness.deliver(HOUR)
    assert receiver.subjects[1:] == ["Blocked, now ended: t.me on 2 networks"]
    assert harness.states() == [("delivered", None)] * 3


def test_a_broken_connection_leaves_doubt_and_the_same_message_again(
    harness: AlertHarness, receiver: Receiver
) -> None:
    receiver.answer = lambda _: None
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    assert harness.states() == [("waits", "the receiver closed the connection")]
    # The receiver may know by now: a spread must not be joined to what it would drop as known.
    harness.record(make_event(make_spell(), make_spell(asn=4761)), SPREAD)
    receiver.answer = lambda _: 204
    harness.deliver(MINUTE)
    harness.deliver(MINUTE)
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] == ids[1] != ids[2]
    assert receiver.subjects[2] == "Blocked, spreading: t.me on 2 networks"


def test_one_channel_that_fails_delays_no_other(harness: AlertHarness, receiver: Receiver) -> None:
    def refuse(channel: Channel, message: Message) -> None:
        if channel.name == "broken":
            raise SendError("it is broken")
        send(channel, message)

    harness.sender = refuse
    harness.add_channels(hook(receiver.url, "broken"), hook(receiver.url))
    record_many(harness, events_of(3))
    broken, press = harness.deliver(MINUTE)
    assert (broken.n_sent, broken.n_failed, broken.error) == (0, 1, "it is broken")
    assert press.n_sent == 3


def test_two_senders_at_once_send_once(url: str, harness: AlertHarness, receiver: Receiver) -> None:
    """The second pass runs while the first is in the middle of sending."""
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    with open_store(url) as second_store:
        second = AlertHarness(second_store, harness.channels, now=harness.now + MINUTE)

        def while_sending(channel: Channel, message: Message) -> None:
            second.deliver()
            send(channel, message)

        harness.sender = while_sending
        harness.deliver(MINUTE)
    assert len(receiver.requests) == 1
    assert [report.n_sent for report in second.reports] == [0]


def test_whoever_read_before_another_claimed_sends_nothing(
    url: str, harness: AlertHarness, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    load = Store.load_outbox

    def slowly(store: Store, *args: object, **kwargs: object) -> object:
        read = load(store, *args, **kwargs)  # type: ignore[arg-type]
        with monkeypatch.context() as patch:
            patch.setattr(Store, "load_outbox", load)
            AlertHarness(store, harness.channels, now=harness.now).deliver()
        return read

    monkeypatch.setattr(Store, "load_outbox", slowly)
    [report] = harness.deliver(MINUTE)
    assert report.n_sent == 0
    assert len(receiver.requests) == 1


def test_settling_joins_two_hundred_isps_into_one_message(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url, settle=HOUR))
    spells = [make_spell(asn=64500)]
    harness.record(make_event(*spells), ONSET)
    for number in range(1, 200):
        harness.now += 15 * timedelta(seconds=1)
        spells.append(make_spell(asn=64500 + number))
        harness.record(make_event(*spells), SPREAD)
        if number % 20 == 0:
            harness.deliver()
    assert receiver.requests == []
    harness.deliver(11 * MINUTE)
    [body] = receiver.bodies
    assert body["data"]["subject"] == "Blocked: t.me on 200 networks"
    assert body["data"]["text"].splitlines()[0].endswith("ISP 64510, ISP 64511 and 188 more networks.")
    assert len(body["data"]["events"][0]["spells"]) == 200
    harness.deliver(DAY)
    assert len(receiver.requests) == 1
    assert set(harness.states()) == {("delivered", None)}


def test_a_block_that_ends_while_it_settles_is_reported_as_over(
    harness: AlertHarness, receiver: Receiver
) -> None:
    harness.add_channels(hook(receiver.url, settle=HOUR))
    harness.record(make_event(), ONSET)
    harness.now += 20 * MINUTE
    harness.record(ended(make_event(), harness.now), END)
    harness.deliver()
    assert receiver.requests == []
    harness.deliver(40 * MINUTE)
    assert receiver.subjects == ["Blocked, now ended: t.me on ISP 7713"]


def test_withdrawn_before_it_was_delivered(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url, settle=HOUR))
    harness.record(make_event(), ONSET)
    harness.record(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    harness.deliver(MINUTE)
    harness.deliver(DAY)
    assert receiver.requests == []
    assert harness.states() == [("never", "withdrawn before it was told")] * 2


def test_withdrawn_after_it_was_delivered(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    harness.record(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 7713", "Finding withdrawn: t.me on ISP 7713"]


def test_withdrawn_while_it_is_in_doubt_whether_it_was_delivered(
    harness: AlertHarness, receiver: Receiver
) -> None:
    receiver.answer = lambda _: None
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    receiver.answer = lambda _: 204
    harness.record(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    harness.deliver(HOUR)
    assert receiver.subjects[1:] == ["Finding withdrawn: t.me on ISP 7713"]
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] != ids[1]


def test_withdrawn_and_found_again(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    harness.record(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    harness.deliver(MINUTE)
    harness.record(make_event(make_spell(), make_spell(asn=4761)), ONSET)
    harness.deliver(MINUTE)
    assert receiver.subjects[2] == "Blocked: t.me on 2 networks"
    assert "New: " not in receiver.bodies[2]["data"]["text"]


def test_a_suspicion_that_was_not_delivered_is_not_what_the_reader_knows(
    harness: AlertHarness, receiver: Receiver
) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(make_spell(certainty=Certainty.SUSPECTED, confirmed_at=None)))
    harness.record(make_event(make_spell(), make_spell(asn=4761)), ONSET)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on 2 networks"]
    assert "New: " not in receiver.bodies[0]["data"]["text"]


def test_one_alert_may_have_several_things_to_say(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    harness.record(make_event(make_spell(), make_spell(asn=4761)), AlertKind.METHOD, detail="method spread")
    harness.deliver(MINUTE)
    text = receiver.bodies[1]["data"]["text"]
    assert "New networks: ISP 4761." in text
    assert "The method changed" in text


def test_doubt_survives_a_later_refusal(harness: AlertHarness, receiver: Receiver) -> None:
    """The reader may hold the first message, so the withdrawal is owed however often it fails."""
    receiver.answer = lambda _: None
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    harness.record(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    receiver.answer = lambda _: 500
    harness.deliver(HOUR)
    receiver.answer = lambda _: 204
    harness.deliver(HOUR)
    assert harness.states() == [("delivered", None)] * 2
    assert receiver.subjects[-1] == "Finding withdrawn: t.me on ISP 7713"


def test_doubt_survives_waiting_for_room(harness: AlertHarness, receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    harness.add_channels(hook(receiver.url, max_per_hour=1))
    harness.record(make_event(), ONSET)
    harness.deliver(MINUTE)
    receiver.answer = lambda _: 204
    record_many(harness, ["other"])
    harness.record(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    harness.deliver(MINUTE)
    assert receiver.subjects[1:] == ["Blocked: other.example on ISP 7713"]
    harness.deliver(HOUR)
    assert receiver.subjects[2:] == ["Finding withdrawn: t.me on ISP 7713"]


def test_a_spread_that_was_said_already_is_not_delivered(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    both = make_event(make_spell(), make_spell(asn=4761))
    harness.record(both, ONSET)
    harness.record(both, SPREAD)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on 2 networks"]
    harness.deliver(DAY)
    assert len(receiver.requests) == 1


def test_what_exceeds_the_rate_waits_and_is_joined(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url, max_per_hour=3))
    record_many(harness, events_of(8))
    harness.deliver(MINUTE)
    assert len(receiver.requests) == 3
    assert harness.states()[3:] == [("waits", "waits: 3 messages went out within an hour")] * 5
    for _ in range(59):
        harness.deliver(MINUTE)
    assert len(receiver.requests) == 3
    harness.deliver(MINUTE)
    assert receiver.subjects[3:] == ["5 notices"]
    text = receiver.bodies[3]["data"]["text"]
    assert [f"e{n:03}.example on" in text for n in range(8)] == [False] * 3 + [True] * 5
    assert harness.states() == [("delivered", None)] * 8


def test_never_more_than_the_rate_in_any_hour(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url, max_per_hour=4))
    sent_at = []
    for minute in range(0, 3 * 60, 2):
        if minute % 6 == 0:
            record_many(harness, [f"m{minute}"])
        n_before = len(receiver.requests)
        harness.deliver(2 * MINUTE)
        sent_at += [harness.now] * (len(receiver.requests) - n_before)
    for at in sent_at:
        assert sum(at - HOUR < other <= at for other in sent_at) <= 4
    happened, n_delivered = 3 * 60 // 6, [state for state, _ in harness.states()].count("delivered")
    assert n_delivered > happened - 10


def test_a_digest_joins_everything_and_is_not_more_frequent(
    harness: AlertHarness, receiver: Receiver
) -> None:
    harness.add_channels(hook(receiver.url, digest=DAY))
    record_many(harness, events_of(1))
    harness.deliver(MINUTE)
    record_many(harness, events_of(12, first=1))
    for _ in range(23):
        harness.deliver(HOUR)
    assert receiver.subjects == ["Blocked: e000.example on ISP 7713"]
    harness.deliver(HOUR)
    assert receiver.subjects[1:] == ["12 notices"]
    text = receiver.bodies[1]["data"]["text"]
    assert text.count("Evidence: https://observatory.example/event?id=e0") == 12
    assert text.count("Blocked or likely blocked in") == 10


FILTERS: dict[str, tuple[dict[str, frozenset[object]], list[str]]] = {
    "everything": ({}, ["Blocked: t.me and web.telegram.org on 2 networks"]),
    "its ISP alone": ({"isps": frozenset({4761})}, ["Blocked: web.telegram.org on ISP 4761"]),
    "its host alone": ({"hosts": frozenset({"t.me"})}, ["Blocked: t.me on ISP 7713"]),
    "another ISP": ({"isps": frozenset({1})}, []),
    "another host": ({"hosts": frozenset({"telegram.org"})}, []),
    "the host is blocked, but not at that ISP": (
        {"isps": frozenset({4761}), "hosts": frozenset({"t.me"})},
        [],
    ),
}


@pytest.mark.parametrize("situation", FILTERS)
def test_filters(situation: str, harness: AlertHarness, receiver: Receiver) -> None:
    asked, expected = FILTERS[situation]
    harness.add_channels(hook(receiver.url, **asked))
    harness.record(make_event(make_spell(), make_spell(asn=4761, target="web.telegram.org")), ONSET)
    harness.deliver(MINUTE)
    assert receiver.subjects == expected
    assert harness.states() == [
        ("delivered", None) if expected else ("never", "not what this channel asks for")
    ]


def test_a_spread_to_the_isp_asked_for_is_its_onset(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url, isps=frozenset({4761})))
    first = make_event()
    harness.record(first, ONSET)
    harness.deliver(MINUTE)
    second = replace(first, spells=(*first.spells, make_spell(asn=4761)))
    harness.record(second, SPREAD)
    harness.deliver(MINUTE)
    third = replace(second, spells=(*second.spells, make_spell(asn=9341)))
    harness.record(third, SPREAD)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 4761"]
    assert harness.states() == [
        ("never", "not what this channel asks for"),
        ("delivered", None),
        ("never", "not what this channel asks for"),
    ]


def test_a_suspicion_at_the_isp_asked_for_is_told_once_it_is_confirmed_and_withdrawn_as_loudly(
    harness: AlertHarness, receiver: Receiver
) -> None:
    """The event is of another network, and the one asked for joins it as a suspicion."""
    harness.add_channels(hook(receiver.url, isps=frozenset({4761})))
    suspected = make_spell(asn=4761, certainty=Certainty.SUSPECTED, confirmed_at=None)
    first = make_event(make_spell(), suspected)
    harness.record(first, ONSET)
    harness.deliver(MINUTE)
    assert receiver.subjects == []
    harness.record(make_event(make_spell(), make_spell(asn=4761)), SPREAD)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 4761"]
    harness.record(first, AlertKind.CORRECTION)
    harness.deliver(MINUTE)
    assert receiver.subjects[1:] == ["Finding withdrawn: t.me on ISP 4761"]


def test_an_isp_that_is_no_part_of_the_event_any_more_is_withdrawn_for_who_asked_for_it(
    harness: AlertHarness, receiver: Receiver
) -> None:
    harness.add_channels(hook(receiver.url, isps=frozenset({4761})))
    harness.record(make_event(make_spell(), make_spell(asn=4761)), ONSET)
    harness.deliver(MINUTE)
    harness.record(make_event(), AlertKind.CORRECTION)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 4761", "Finding withdrawn: t.me on ISP 4761"]


AUDIENCES: dict[str, tuple[AlertKind, Audience, list[str]]] = {
    "a block": (ONSET, Audience.PUBLIC, ["public"]),
    "for operators": (AlertKind.RULE_CHANGE, Audience.OPERATOR, ["operator"]),
    "for operators, though marked public by mistake": (AlertKind.RULE_CHANGE, Audience.PUBLIC, ["operator"]),
}


@pytest.mark.parametrize("situation", AUDIENCES)
def test_audiences(situation: str, harness: AlertHarness, receiver: Receiver) -> None:
    kind, audience, reached = AUDIENCES[situation]
    harness.add_channels(
        hook(f"{receiver.url}/public", "public"),
        hook(f"{receiver.url}/operator", "operator", audience=Audience.OPERATOR),
    )
    harness.record(make_event(), kind, audience=audience)
    harness.deliver(MINUTE)
    assert [request.path.rpartition("/")[2] for request in receiver.requests] == reached


STORE_FAILURES: dict[str, str] = {
    "nothing can be claimed": "claim_alerts",
    "what was sent cannot be marked": "mark_delivered",
    "what failed cannot be marked": "mark_failed",
}


@pytest.mark.parametrize("situation", STORE_FAILURES)
def test_a_full_disk_loses_nothing(
    situation: str, harness: AlertHarness, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    receiver.answer = lambda _: 500 if situation == "what failed cannot be marked" else 204

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("the disk is full: free some space")

    with monkeypatch.context() as patch:
        patch.setattr(Store, STORE_FAILURES[situation], refuse)
        with pytest.raises(StoreError, match="disk is full"):
            harness.deliver(MINUTE)
    receiver.answer = lambda _: 204
    harness.deliver(CLAIM + MINUTE)
    assert harness.states() == [("delivered", None)]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_another_process_holds_the_database(
    url: str, harness: AlertHarness, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from observatory.store import engine

    harness.add_channels(hook(receiver.url))
    harness.record(make_event(), ONSET)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.05)
    with open_store(url) as hasty, hold_write_lock(harness.store):
        with pytest.raises(StoreError, match="locked"):
            AlertHarness(hasty, harness.channels, now=harness.now).deliver(MINUTE)
        assert receiver.requests == []
    harness.deliver(MINUTE)
    assert harness.states() == [("delivered", None)]


def test_a_bug_in_planning_one_channel_stops_no_other(
    harness: AlertHarness, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from observatory.notify import deliver

    plan: Callable[..., object] = deliver.plan_channel

    def fail_for_press(channel: Channel, *args: object) -> object:
        if channel.name == "press":
            raise RuntimeError("a bug")
        return plan(channel, *args)

    harness.add_channels(hook(receiver.url), hook(receiver.url, "other"))
    harness.record(make_event(), ONSET)
    monkeypatch.setattr(deliver, "plan_channel", fail_for_press)
    press, other = harness.deliver(MINUTE)
    assert (press.n_failed, press.error, other.n_sent) == (1, "internal error (RuntimeError)", 1)


def test_a_message_that_cannot_be_written_waits_and_stops_nobody(
    harness: AlertHarness, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.add_channels(hook(receiver.url), hook(receiver.url, "other", language="id"))
    harness.record(make_event(), ONSET)
    from observatory.notify import deliver

    describe: Callable[..., object] = deliver.describe_event

    def fail_in_english(text: object, *args: object, **kwargs: object) -> object:
        if getattr(text, "language", "") == "en":
            raise RuntimeError("a bug")
        return describe(text, *args, **kwargs)

    monkeypatch.setattr(deliver, "describe_event", fail_in_english)
    harness.deliver(MINUTE)
    assert harness.states() == [("waits", "the message could not be written (RuntimeError)")]
    assert harness.states("other") == [("delivered", None)]


def test_a_suspected_block_is_not_called_one(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(make_spell(certainty=Certainty.SUSPECTED, confirmed_at=None)), ONSET)
    harness.deliver(MINUTE)
    assert receiver.subjects == ["Suspected to be blocked: t.me on ISP 7713"]
