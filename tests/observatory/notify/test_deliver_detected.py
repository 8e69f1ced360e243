"""From measurements to what people read: the detector writes the log, the channel gets the message."""

from observatory.detection.detector import Detector
from observatory.model import State
from observatory.store import Store
from tests.observatory.detection.test_detector import DAY, ONSET, START, XL, hours, save
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import HOUR, MINUTE, AlertHarness, hook


def test_a_block_and_its_end(store: Store, receiver: Receiver) -> None:
    store.save_vantage_points([XL], at=START)
    harness = AlertHarness(store, now=ONSET - HOUR)
    save(store, hours(START, ONSET, State.OK))
    Detector(store).run(harness.now)
    harness.add_channels(hook(receiver.url, settle=HOUR))
    assert store.load_alerts() == ()

    save(store, hours(ONSET, ONSET + DAY, State.BLOCKED))
    harness.now = ONSET + DAY
    Detector(store).run(harness.now)
    harness.deliver(MINUTE)
    assert receiver.requests == []
    harness.deliver(HOUR)
    [onset] = receiver.bodies
    assert onset["data"]["subject"] == "Blocked: t.me on XL Axiata"
    began = "Started between 15 Jan 2026, 06:10 WIB (14 Jan 2026, 23:10 UTC) and 15 Jan 2026, 07:10 WIB"
    assert began in onset["data"]["text"]
    [alert] = onset["data"]["alerts"]
    assert (alert["kind"], alert["revision"]) == ("onset", store.load_alerts()[0].revision)

    save(store, hours(ONSET + DAY, ONSET + 3 * DAY, State.OK))
    harness.now = ONSET + 3 * DAY
    Detector(store).run(harness.now)
    harness.deliver(MINUTE)
    assert receiver.subjects[1:] == ["Blocked, now ended: t.me on XL Axiata"]
    harness.deliver(DAY)
    assert len(receiver.requests) == 2
