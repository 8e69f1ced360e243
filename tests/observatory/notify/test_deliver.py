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
    Town,
    ended,
    hook,
    make_event,
    make_spell,
)
from tests.observatory.store.backdoor import hold_write_lock

ONSET, SPREAD, END = AlertKind.ONSET, AlertKind.SPREAD, AlertKind.END


def events_of(n: int, first: int = 0) -> list[str]:
    return [f"e{number:03}" for number in range(first, first + n)]


def happen_many(town: Town, ids: list[str]) -> None:
    for id_ in ids:
        town.happen(make_event(make_spell(target=f"{id_}.example"), id=id_), ONSET)


def test_what_happened_is_told_once(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    town.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 7713"]
    assert town.states() == [("delivered", None)]


def test_a_new_channel_is_not_flooded_with_history(town: Town, receiver: Receiver) -> None:
    happen_many(town, events_of(40))
    town.channels = (hook(receiver.url),)
    [first] = town.deliver()
    assert (first.n_sent, first.n_never) == (0, 40)
    assert set(town.states()) == {("never", "older than the channel")}
    happen_many(town, ["new"])
    town.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: new.example on ISP 7713"]


def test_a_channel_that_saw_an_empty_log_is_told_of_the_first_alert_ever(
    town: Town, receiver: Receiver
) -> None:
    town.meet(hook(receiver.url))
    town.deliver(30 * DAY)
    town.happen(make_event(), ONSET)
    town.deliver()
    assert len(receiver.requests) == 1


class Killed(BaseException):
    """What a process meets when it is killed: nothing after it runs."""


def test_killed_between_sending_and_marking(
    url: str, town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "mark_delivered", die)
        with pytest.raises(Killed):
            town.deliver(MINUTE)
    assert len(receiver.requests) == 1
    with open_store(url) as reopened:
        again = Town(reopened, town.channels, now=town.now)
        # Somebody may still be sending; and what else happens to the event waits for the outcome.
        again.happen(make_event(make_spell(), make_spell(asn=4761)), SPREAD)
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


def test_killed_before_sending(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)

    def die(_: Channel, __: Message) -> None:
        raise Killed

    town.sender = die
    with pytest.raises(Killed):
        town.deliver(MINUTE)
    town.sender = send
    town.deliver(CLAIM + MINUTE)
    assert len(receiver.requests) == 1
    assert town.states() == [("delivered", None)]


def test_a_receiver_that_fails_and_recovers(town: Town, receiver: Receiver) -> None:
    receiver.answer = lambda _: 503
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    start = town.now
    tried_at = []
    while town.now < start + 130 * MINUTE:
        n_before = len(receiver.requests)
        town.deliver(MINUTE)
        if len(receiver.requests) > n_before:
            tried_at.append((town.now - start) // MINUTE)
    assert tried_at == [1, 2, 4, 8, 16, 32, 64, 124]
    assert town.states() == [("waits", "the receiver answered with status 503")]
    receiver.answer = lambda _: 200
    town.deliver(HOUR)
    assert len(receiver.requests) == 9
    assert town.states() == [("delivered", None)]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_given_up_after_a_week(town: Town, receiver: Receiver) -> None:
    n_tried = 0

    def fail(channel: Channel, message: Message) -> None:
        nonlocal n_tried
        n_tried += 1
        raise SendError("it is broken")

    town.sender = fail
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    for _ in range(30):
        town.deliver(6 * HOUR)
    assert town.states() == [("never", "given up after 29 attempts: it is broken")]
    assert n_tried == 29


def test_an_old_alert_still_gets_its_attempts(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    receiver.answer = lambda _: 500
    town.deliver(9 * DAY)
    assert town.states() == [("waits", "the receiver answered with status 500")]
    receiver.answer = lambda _: 200
    town.deliver(HOUR)
    assert town.states() == [("delivered", None)]


@pytest.mark.parametrize(("n", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1000, 60)])
def test_backoff(n: int, minutes: int) -> None:
    assert backoff(n) == minutes * MINUTE


def test_while_it_failed_more_happened_and_one_message_says_all(town: Town, receiver: Receiver) -> None:
    receiver.answer = lambda _: 503
    town.meet(hook(receiver.url))
    event = make_event()
    town.happen(event, ONSET)
    town.deliver(MINUTE)
    event = replace(event, spells=(*event.spells, make_spell(asn=4761)))
    town.happen(event, SPREAD)
    town.happen(ended(event, AT + HOUR), END)
    receiver.answer = lambda _: 204
    town.deliver(HOUR)
    assert receiver.subjects[1:] == ["Blocked, now ended: t.me on 2 networks"]
    assert town.states() == [("delivered", None)] * 3


def test_a_broken_connection_leaves_doubt_and_the_same_message_again(town: Town, receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    assert town.states() == [("waits", "the receiver closed the connection")]
    # The receiver may know by now: a spread must not be joined to what it would drop as known.
    town.happen(make_event(make_spell(), make_spell(asn=4761)), SPREAD)
    receiver.answer = lambda _: 204
    town.deliver(MINUTE)
    town.deliver(MINUTE)
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] == ids[1] != ids[2]
    assert receiver.subjects[2] == "Blocked, spreading: t.me on 2 networks"


def test_one_channel_that_fails_delays_no_other(town: Town, receiver: Receiver) -> None:
    def refuse(channel: Channel, message: Message) -> None:
        if channel.name == "broken":
            raise SendError("it is broken")
        send(channel, message)

    town.sender = refuse
    town.meet(hook(receiver.url, "broken"), hook(receiver.url))
    happen_many(town, events_of(3))
    broken, press = town.deliver(MINUTE)
    assert (broken.n_sent, broken.n_failed, broken.error) == (0, 1, "it is broken")
    assert press.n_sent == 3


def test_two_senders_at_once_send_once(url: str, town: Town, receiver: Receiver) -> None:
    """The second pass runs while the first is in the middle of sending."""
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    with open_store(url) as second_store:
        second = Town(second_store, town.channels, now=town.now + MINUTE)

        def while_sending(channel: Channel, message: Message) -> None:
            second.deliver()
            send(channel, message)

        town.sender = while_sending
        town.deliver(MINUTE)
    assert len(receiver.requests) == 1
    assert [report.n_sent for report in second.reports] == [0]


def test_whoever_read_before_another_claimed_sends_nothing(
    url: str, town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    load = Store.load_outbox

    def slowly(store: Store, *args: object, **kwargs: object) -> object:
        read = load(store, *args, **kwargs)  # type: ignore[arg-type]
        with monkeypatch.context() as patch:
            patch.setattr(Store, "load_outbox", load)
            Town(store, town.channels, now=town.now).deliver()
        return read

    monkeypatch.setattr(Store, "load_outbox", slowly)
    [report] = town.deliver(MINUTE)
    assert report.n_sent == 0
    assert len(receiver.requests) == 1


def test_settling_joins_two_hundred_isps_into_one_message(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url, settle=HOUR))
    spells = [make_spell(asn=64500)]
    town.happen(make_event(*spells), ONSET)
    for number in range(1, 200):
        town.now += 15 * timedelta(seconds=1)
        spells.append(make_spell(asn=64500 + number))
        town.happen(make_event(*spells), SPREAD)
        if number % 20 == 0:
            town.deliver()
    assert receiver.requests == []
    town.deliver(11 * MINUTE)
    [body] = receiver.bodies
    assert body["data"]["subject"] == "Blocked: t.me on 200 networks"
    assert body["data"]["text"].splitlines()[0].endswith("ISP 64510, ISP 64511 and 188 more networks.")
    assert len(body["data"]["events"][0]["spells"]) == 200
    town.deliver(DAY)
    assert len(receiver.requests) == 1
    assert set(town.states()) == {("delivered", None)}


def test_a_block_that_ends_while_it_settles_is_told_as_over(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url, settle=HOUR))
    town.happen(make_event(), ONSET)
    town.now += 20 * MINUTE
    town.happen(ended(make_event(), town.now), END)
    town.deliver()
    assert receiver.requests == []
    town.deliver(40 * MINUTE)
    assert receiver.subjects == ["Blocked, now ended: t.me on ISP 7713"]


def test_withdrawn_before_it_was_delivered(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url, settle=HOUR))
    town.happen(make_event(), ONSET)
    town.happen(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    town.deliver(MINUTE)
    town.deliver(DAY)
    assert receiver.requests == []
    assert town.states() == [("never", "withdrawn before it was told")] * 2


def test_withdrawn_after_it_was_delivered(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    town.happen(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    town.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 7713", "Finding withdrawn: t.me on ISP 7713"]


def test_withdrawn_while_it_is_in_doubt_whether_it_was_delivered(town: Town, receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    receiver.answer = lambda _: 204
    town.happen(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    town.deliver(HOUR)
    assert receiver.subjects[1:] == ["Finding withdrawn: t.me on ISP 7713"]
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] != ids[1]


def test_withdrawn_and_found_again(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    town.happen(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    town.deliver(MINUTE)
    town.happen(make_event(make_spell(), make_spell(asn=4761)), ONSET)
    town.deliver(MINUTE)
    assert receiver.subjects[2] == "Blocked: t.me on 2 networks"
    assert "New: " not in receiver.bodies[2]["data"]["text"]


def test_a_suspicion_that_was_not_told_is_not_what_the_reader_knows(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(make_spell(certainty=Certainty.SUSPECTED, confirmed_at=None)))
    town.happen(make_event(make_spell(), make_spell(asn=4761)), ONSET)
    town.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on 2 networks"]
    assert "New: " not in receiver.bodies[0]["data"]["text"]


def test_one_alert_may_have_several_things_to_say(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    town.happen(make_event(make_spell(), make_spell(asn=4761)), AlertKind.METHOD, detail="method spread")
    town.deliver(MINUTE)
    text = receiver.bodies[1]["data"]["text"]
    assert "New networks: ISP 4761." in text
    assert "The method changed" in text


def test_doubt_survives_a_later_refusal(town: Town, receiver: Receiver) -> None:
    """The reader may hold the first message, so the withdrawal is owed however often it fails."""
    receiver.answer = lambda _: None
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    town.happen(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    receiver.answer = lambda _: 500
    town.deliver(HOUR)
    receiver.answer = lambda _: 204
    town.deliver(HOUR)
    assert town.states() == [("delivered", None)] * 2
    assert receiver.subjects[-1] == "Finding withdrawn: t.me on ISP 7713"


def test_doubt_survives_waiting_for_room(town: Town, receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    town.meet(hook(receiver.url, max_per_hour=1))
    town.happen(make_event(), ONSET)
    town.deliver(MINUTE)
    receiver.answer = lambda _: 204
    happen_many(town, ["other"])
    town.happen(make_event(withdrawn=True), AlertKind.WITHDRAWAL)
    town.deliver(MINUTE)
    assert receiver.subjects[1:] == ["Blocked: other.example on ISP 7713"]
    town.deliver(HOUR)
    assert receiver.subjects[2:] == ["Finding withdrawn: t.me on ISP 7713"]


def test_a_spread_that_was_said_already_is_not_delivered(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    both = make_event(make_spell(), make_spell(asn=4761))
    town.happen(both, ONSET)
    town.happen(both, SPREAD)
    town.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on 2 networks"]
    town.deliver(DAY)
    assert len(receiver.requests) == 1


def test_what_exceeds_the_rate_waits_and_is_joined(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url, max_per_hour=3))
    happen_many(town, events_of(8))
    town.deliver(MINUTE)
    assert len(receiver.requests) == 3
    assert town.states()[3:] == [("waits", "waits: 3 messages went out within an hour")] * 5
    for _ in range(59):
        town.deliver(MINUTE)
    assert len(receiver.requests) == 3
    town.deliver(MINUTE)
    assert receiver.subjects[3:] == ["5 notices"]
    text = receiver.bodies[3]["data"]["text"]
    assert [f"e{n:03}.example on" in text for n in range(8)] == [False] * 3 + [True] * 5
    assert town.states() == [("delivered", None)] * 8


def test_never_more_than_the_rate_in_any_hour(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url, max_per_hour=4))
    sent_at = []
    for minute in range(0, 3 * 60, 2):
        if minute % 6 == 0:
            happen_many(town, [f"m{minute}"])
        n_before = len(receiver.requests)
        town.deliver(2 * MINUTE)
        sent_at += [town.now] * (len(receiver.requests) - n_before)
    for at in sent_at:
        assert sum(at - HOUR < other <= at for other in sent_at) <= 4
    happened, told = 3 * 60 // 6, [state for state, _ in town.states()].count("delivered")
    assert told > happened - 10


def test_a_digest_joins_everything_and_is_not_more_frequent(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url, digest=DAY))
    happen_many(town, events_of(1))
    town.deliver(MINUTE)
    happen_many(town, events_of(12, first=1))
    for _ in range(23):
        town.deliver(HOUR)
    assert receiver.subjects == ["Blocked: e000.example on ISP 7713"]
    town.deliver(HOUR)
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
def test_filters(situation: str, town: Town, receiver: Receiver) -> None:
    asked, expected = FILTERS[situation]
    town.meet(hook(receiver.url, **asked))
    town.happen(make_event(make_spell(), make_spell(asn=4761, target="web.telegram.org")), ONSET)
    town.deliver(MINUTE)
    assert receiver.subjects == expected
    assert town.states() == [("delivered", None) if expected else ("never", "not what this channel asks for")]


def test_a_spread_to_the_isp_asked_for_is_its_onset(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url, isps=frozenset({4761})))
    first = make_event()
    town.happen(first, ONSET)
    town.deliver(MINUTE)
    second = replace(first, spells=(*first.spells, make_spell(asn=4761)))
    town.happen(second, SPREAD)
    town.deliver(MINUTE)
    third = replace(second, spells=(*second.spells, make_spell(asn=9341)))
    town.happen(third, SPREAD)
    town.deliver(MINUTE)
    assert receiver.subjects == ["Blocked: t.me on ISP 4761"]
    assert town.states() == [
        ("never", "not what this channel asks for"),
        ("delivered", None),
        ("never", "not what this channel asks for"),
    ]


AUDIENCES: dict[str, tuple[AlertKind, Audience, list[str]]] = {
    "a block": (ONSET, Audience.PUBLIC, ["public"]),
    "for operators": (AlertKind.RULE_CHANGE, Audience.OPERATOR, ["operator"]),
    "for operators, though marked public by mistake": (AlertKind.RULE_CHANGE, Audience.PUBLIC, ["operator"]),
}


@pytest.mark.parametrize("situation", AUDIENCES)
def test_audiences(situation: str, town: Town, receiver: Receiver) -> None:
    kind, audience, reached = AUDIENCES[situation]
    town.meet(
        hook(f"{receiver.url}/public", "public"),
        hook(f"{receiver.url}/operator", "operator", audience=Audience.OPERATOR),
    )
    town.happen(make_event(), kind, audience=audience)
    town.deliver(MINUTE)
    assert [request.path.rpartition("/")[2] for request in receiver.requests] == reached


STORE_FAILURES: dict[str, str] = {
    "nothing can be claimed": "claim_alerts",
    "what was sent cannot be marked": "mark_delivered",
    "what failed cannot be marked": "mark_failed",
}


@pytest.mark.parametrize("situation", STORE_FAILURES)
def test_a_full_disk_loses_nothing(
    situation: str, town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    receiver.answer = lambda _: 500 if situation == "what failed cannot be marked" else 204

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("the disk is full: free some space")

    with monkeypatch.context() as patch:
        patch.setattr(Store, STORE_FAILURES[situation], refuse)
        with pytest.raises(StoreError, match="disk is full"):
            town.deliver(MINUTE)
    receiver.answer = lambda _: 204
    town.deliver(CLAIM + MINUTE)
    assert town.states() == [("delivered", None)]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_another_process_holds_the_database(
    url: str, town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from observatory.store import engine

    town.meet(hook(receiver.url))
    town.happen(make_event(), ONSET)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.05)
    with open_store(url) as hasty, hold_write_lock(town.store):
        with pytest.raises(StoreError, match="locked"):
            Town(hasty, town.channels, now=town.now).deliver(MINUTE)
        assert receiver.requests == []
    town.deliver(MINUTE)
    assert town.states() == [("delivered", None)]


def test_a_bug_in_planning_one_channel_stops_no_other(
    town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from observatory.notify import deliver

    plan: Callable[..., object] = deliver.plan_channel

    def fail_for_press(channel: Channel, *args: object) -> object:
        if channel.name == "press":
            raise RuntimeError("a bug")
        return plan(channel, *args)

    town.meet(hook(receiver.url), hook(receiver.url, "other"))
    town.happen(make_event(), ONSET)
    monkeypatch.setattr(deliver, "plan_channel", fail_for_press)
    press, other = town.deliver(MINUTE)
    assert (press.n_failed, press.error, other.n_sent) == (1, "internal error (RuntimeError)", 1)


def test_a_message_that_cannot_be_written_waits_and_stops_nobody(
    town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.meet(hook(receiver.url), hook(receiver.url, "other", language="id"))
    town.happen(make_event(), ONSET)
    from observatory.notify import deliver

    describe: Callable[..., object] = deliver.describe_event

    def fail_in_english(text: object, *args: object, **kwargs: object) -> object:
        if getattr(text, "language", "") == "en":
            raise RuntimeError("a bug")
        return describe(text, *args, **kwargs)

    monkeypatch.setattr(deliver, "describe_event", fail_in_english)
    town.deliver(MINUTE)
    assert town.states() == [("waits", "the message could not be written (RuntimeError)")]
    assert town.states("other") == [("delivered", None)]


def test_a_suspected_block_is_not_called_one(town: Town, receiver: Receiver) -> None:
    town.meet(hook(receiver.url))
    town.happen(make_event(make_spell(certainty=Certainty.SUSPECTED, confirmed_at=None)), ONSET)
    town.deliver(MINUTE)
    assert receiver.subjects == ["Suspected to be blocked: t.me on ISP 7713"]
