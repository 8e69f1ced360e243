"""Whatever happens in whatever order, though receivers fail and processes die: every reader gets all of it.

Hypothesis makes up histories; a reader who drops the ids that it knows keeps what arrived.
"""

import contextlib
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.model import AlertKind
from observatory.model.channels import Channel
from observatory.notify.deliver import CLAIM
from observatory.notify.errors import SendError
from observatory.notify.plan import ALREADY_SAID, WITHDRAWN
from observatory.notify.senders import Message
from observatory.store import open_store
from tests.observatory.notify.samples import HOUR, AlertHarness, ended, hook, make_event, make_spell


class Killed(BaseException):
    """The process is killed."""


@dataclass
class Reader:
    """A receiver that fails as `mood` says, and what got through to it."""

    mood: str = "well"
    arrived: list[Message] = field(default_factory=list)

    def __call__(self, channel: Channel, message: Message) -> None:
        if self.mood == "refuses":
            raise SendError("refused")
        if self.mood == "killed before":
            raise Killed
        if self.mood == "lost, in doubt":
            raise SendError("in doubt", in_doubt=True)
        self.arrived.append(message)
        if self.mood == "arrived, in doubt":
            raise SendError("in doubt", in_doubt=True)
        if self.mood == "killed after":
            raise Killed

    @property
    def new(self) -> list[Message]:
        return list({message.id: message for message in reversed(self.arrived)}.values())[::-1]


MOODS = ["well", "refuses", "killed before", "killed after", "lost, in doubt", "arrived, in doubt"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("onset"), st.integers(0, 2)),
        st.tuples(st.just("spread"), st.integers(0, 2)),
        st.tuples(st.just("end"), st.integers(0, 2)),
        st.tuples(st.just("withdraw"), st.integers(0, 2)),
        st.tuples(st.just("pass"), st.sampled_from([1, 6, 70])),
        st.tuples(st.just("mood"), st.sampled_from(MOODS)),
    ),
    min_size=5,
    max_size=25,
)
CHANNELS: list[dict[str, Any]] = [
    {},
    {"settle": HOUR},
    {"max_per_hour": 1},
    {"digest": 3 * HOUR},
]


def numbers_in(message: Message) -> tuple[int, ...]:
    data: Any = message.payload["data"]
    return tuple(alert["number"] for alert in data["alerts"])


def play(harness: AlertHarness, reader: Reader, steps: list[tuple[str, Any]]) -> None:
    events: dict[int, Any] = {}
    for step, value in steps:
        if step == "mood":
            reader.mood = value
        elif step == "pass":
            for _ in range(min(value, 7)):
                deliver(harness, timedelta(minutes=value / min(value, 7)))
        elif step == "onset" and value not in events:
            events[value] = make_event(id=f"e{value}")
            harness.record(events[value], AlertKind.ONSET)
        elif value in events and not events[value].withdrawn:
            event = events[value]
            if step == "spread":
                event = replace(event, spells=(*event.spells, make_spell(asn=9000 + len(event.spells))))
                harness.record(event, AlertKind.SPREAD)
            elif step == "end" and event.end is None:
                event = ended(event, harness.now)
                harness.record(event, AlertKind.END)
            elif step == "withdraw":
                event = replace(event, withdrawn=True)
                harness.record(event, AlertKind.WITHDRAWAL)
            events[value] = event


def deliver(harness: AlertHarness, after: timedelta) -> None:
    with contextlib.suppress(Killed):
        harness.deliver(after)


@pytest.mark.parametrize("changes", CHANNELS, ids=str)
@given(steps=STEPS)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_any_history(changes: dict[str, Any], steps: list[tuple[str, Any]], empty: Path) -> None:
    reader = Reader()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(empty, f"{folder}/observatory.sqlite")
        with open_store(f"sqlite:///{folder}/observatory.sqlite") as store:
            harness = AlertHarness(store, sender=reader)
            harness.add_channels(hook("http://127.0.0.1:9/", **changes))
            play(harness, reader, steps)
            reader.mood = "well"
            for _ in range(12):
                deliver(harness, HOUR + CLAIM)
            check(harness, reader, changes)


def check(harness: AlertHarness, reader: Reader, changes: dict[str, Any]) -> None:
    states = {d.alert.number: d for _, d in harness.store.load_deliveries()}
    arrived = {number for message in reader.arrived for number in numbers_in(message)}
    alerts = {alert.number: alert for alert in harness.store.load_alerts()}
    assert states.keys() == alerts.keys()
    for number, state in states.items():
        assert state.next_attempt_at is None, "nothing waits for ever"
        if state.delivered_at:
            assert number in arrived, "delivered means arrived"
        else:
            assert state.error in (WITHDRAWN, ALREADY_SAID)
    of_id: dict[str, set[tuple[int, ...]]] = {}
    for message in reader.arrived:
        of_id.setdefault(message.id, set()).add(numbers_in(message))
    # A message that is sent again may lack what was withdrawn meanwhile; it never has more.
    for versions in of_id.values():
        assert set(min(versions, key=len)) <= set(max(versions, key=len))
    for revision in harness.store.load_events():
        event = revision.event
        heard = [a for a in alerts.values() if a.event == event.id and a.number in arrived]
        about = [m for m in reader.new if any(alerts[n].event == event.id for n in numbers_in(m))]
        if event.withdrawn:
            if heard:
                assert any(a.kind is AlertKind.WITHDRAWAL for a in heard), "what was delivered is withdrawn"
            continue
        known = {
            (spell["asn"], spell["target"])
            for message in about
            for shown in message.payload["data"]["events"]  # type: ignore[index]
            if shown["id"] == event.id
            for spell in shown["spells"]
        }
        assert known == {(spell.asn, spell.target) for spell in event.spells}, "the reader knows all of it"
    if "max_per_hour" in changes:
        delivered_at = sorted({d.delivered_at for d in states.values() if d.delivered_at})
        assert all(later - earlier >= HOUR for earlier, later in pairwise(delivered_at))
