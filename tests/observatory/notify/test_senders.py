"""Real receivers on loopback: signed webhooks, apprise's JSON over HTTP, mail over SMTP."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from observatory.model import AlertKind
from observatory.notify import senders, webhook
from observatory.notify.apprise_services import find_fault
from observatory.notify.errors import SendError
from observatory.notify.senders import Message, send
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import (
    MINUTE,
    SECRET,
    AlertHarness,
    hook,
    make_event,
    make_spell,
    service,
)


def message(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "id": "msg_1",
        "at": datetime.now(UTC),
        "subject": "Blocked: t.me",
        "text": "What: t.me\nWhere: <b>Indosat</b> & XL",
        "payload": {"type": "alert.test", "data": {"text": "Diblokir di “Indosat”"}},
    }
    return Message(**values | changes)


# Signed webhooks


def test_a_signature_verifies(receiver: Receiver) -> None:
    send(hook(receiver.url), message())
    [request] = receiver.requests
    assert Webhook(SECRET).verify(request.body, request.headers) == message().payload
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["content-type"] == "application/json"


def test_the_receiver_of_the_documentation(receiver: Receiver) -> None:
    page = (Path(__file__).parents[3] / "docs/alerts.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0].replace("whsec_…", SECRET)
    names: dict[str, Any] = {}
    exec(code, names)
    send(hook(receiver.url), message())
    [request] = receiver.requests
    known: set[str] = set()
    assert names["receive"](request.body, request.headers, known) == message().payload
    assert names["receive"](request.body, request.headers, known) is None
    with pytest.raises(WebhookVerificationError):
        names["receive"](request.body + b" ", request.headers, set())


REFUSED = {
    "a changed body": ({}, lambda body: body.replace(b"Indosat", b"Telkom!"), SECRET),
    "another id": ({"webhook-id": "msg_2"}, bytes, SECRET),
    "another time": ({"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) - 60)}, bytes, SECRET),
    "another secret": ({}, bytes, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "no signature": ({"webhook-signature": ""}, bytes, SECRET),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_a_receiver_refuses(situation: str, receiver: Receiver) -> None:
    headers, change, secret = REFUSED[situation]
    send(hook(receiver.url), message())
    [request] = receiver.requests
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(change(request.body), request.headers | headers)


def test_a_message_that_is_sent_again_later_by_somebody_else_is_refused(receiver: Receiver) -> None:
    send(hook(receiver.url), message(at=datetime.now(UTC) - 6 * MINUTE))
    [request] = receiver.requests
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(request.body, request.headers)


def test_the_time_is_that_of_utc_whatever_the_zone_of_the_clock() -> None:
    at = datetime(2026, 11, 24, 11, 22, tzinfo=ZoneInfo("Asia/Jakarta"))
    body = b"{}"
    assert webhook.sign_headers(SECRET, "m", at, body) == webhook.sign_headers(
        SECRET, "m", at.astimezone(UTC), body
    )


def test_a_webhook_has_all_facts(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(hook(receiver.url))
    harness.record(make_event(make_spell(), make_spell(asn=4761), emulated=True), AlertKind.ONSET)
    harness.deliver(MINUTE)
    [body] = receiver.bodies
    assert (body["type"], body["timestamp"]) == ("alert.onset", harness.now.isoformat())
    data = body["data"]
    assert data["emulated"] is True
    assert data["subject"].startswith("EMULATED: ")
    assert data["alerts"][0]["kind"] == "onset"
    [event] = data["events"]
    assert event["link"] == "https://observatory.example/event?id=id-20261124-1"
    assert (event["certainty"], event["withdrawn"]) == ("confirmed", False)
    assert [(s["asn"], s["target"], s["portion"]["n_blocked"]) for s in event["spells"]] == [
        (7713, "t.me", 9),
        (4761, "t.me", 9),
    ]


ANSWERS: dict[str, tuple[int | None, dict[str, str], bytes, str, bool]] = {
    "not found": (404, {}, b"", "the receiver answered with status 404", False),
    "too many": (429, {}, b"secret-in-the-reply", "the receiver answered with status 429", False),
    "a redirect": (
        307,
        {"location": "http://127.0.0.1:9/elsewhere"},
        b"",
        "the receiver answered with status 307; redirects are not followed",
        False,
    ),
    "broken off": (None, {}, b"", "the receiver closed the connection", True),
}


@pytest.mark.parametrize("situation", ANSWERS)
def test_a_webhook_that_is_not_taken(situation: str, receiver: Receiver) -> None:
    status, headers, reply, expected, in_doubt = ANSWERS[situation]
    receiver.answer, receiver.headers, receiver.reply = lambda _: status, headers, reply
    with pytest.raises(SendError) as caught:
        send(hook(receiver.url), message())
    assert (str(caught.value), caught.value.in_doubt) == (expected, in_doubt)
    assert len(receiver.requests) == 1


def test_nobody_listens(receiver: Receiver) -> None:
    receiver.close()
    with pytest.raises(SendError, match="cannot be reached") as caught:
        send(hook(receiver.url), message())
    assert not caught.value.in_doubt
    receiver.__post_init__()


def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.reply = b"x" * 5_000_000
    send(hook(receiver.url), message())
    assert len(receiver.requests) == 1


def test_a_receiver_that_is_silent_is_left_after_a_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()

    def wait(_: object) -> int:
        stop.wait(5)
        return 204

    receiver.answer = wait
    monkeypatch.setattr(webhook, "READ_S", 0.05)
    with pytest.raises(SendError, match="did not answer in time") as caught:
        send(hook(receiver.url), message())
    assert caught.value.in_doubt
    monkeypatch.setattr(webhook, "READ_S", 10.0)
    monkeypatch.setattr(senders, "SEND_S", 0.05)
    with pytest.raises(SendError, match="not finished within") as caught:
        send(hook(receiver.url), message())
    assert caught.value.in_doubt
    stop.set()


# apprise: JSON over HTTP


def json_url(receiver: Receiver, options: str = "") -> str:
    return f"json://127.0.0.1:{receiver.port}/path{options}"


def test_a_service_gets_subject_and_text_as_they_are(receiver: Receiver) -> None:
    send(service(json_url(receiver)), message())
    [body] = receiver.bodies
    assert (body["title"], body["message"]) == ("Blocked: t.me", "What: t.me\nWhere: <b>Indosat</b> & XL")
    assert body["attachments"] == []


@pytest.mark.parametrize("status", [401, 500])
def test_a_service_that_fails(status: int, receiver: Receiver) -> None:
    receiver.answer = lambda _: status
    with pytest.raises(SendError, match=f"^the service answered with error {status}$") as caught:
        send(service(json_url(receiver)), message())
    assert not caught.value.in_doubt


def test_a_service_that_is_not_there(receiver: Receiver) -> None:
    receiver.close()
    with pytest.raises(SendError, match=r"^the service cannot be reached"):
        send(service(json_url(receiver)), message())
    receiver.__post_init__()


def test_a_service_that_is_silent_is_left_after_a_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()

    def wait(_: object) -> int:
        stop.wait(5)
        return 200

    receiver.answer = wait
    monkeypatch.setattr(senders, "SEND_S", 0.05)
    with pytest.raises(SendError, match="not finished within") as caught:
        send(service(json_url(receiver)), message())
    assert caught.value.in_doubt
    stop.set()


def test_the_whole_way_through_a_service(harness: AlertHarness, receiver: Receiver) -> None:
    harness.add_channels(service(json_url(receiver), language="id"))
    harness.record(make_event(), AlertKind.ONSET)
    receiver.answer = lambda _: 502
    harness.deliver(MINUTE)
    assert harness.states() == [("waits", "the service answered with error 502")]
    receiver.answer = lambda _: 200
    harness.deliver(MINUTE)
    assert harness.states() == [("delivered", None)]
    assert receiver.bodies[1]["title"] == "Diblokir: t.me di ISP 7713"
    assert "Bukti: https://observatory.example/event?id=id-20261124-1" in receiver.bodies[1]["message"]


LOCAL = ["syslog://", "dbus://", "gnome://", "macosx://", "windows://", "vapid://me@x.example", "fcm://p/k"]


@pytest.mark.parametrize("url", LOCAL)
def test_services_of_this_machine_are_refused(url: str) -> None:
    fault = find_fault(url)
    assert fault is not None
    assert fault.found == url.partition("//")[0] + "//"


@pytest.mark.parametrize("option", ["template=/etc/passwd", "PGP=yes", "keyfile=x", "attach=/etc/passwd"])
def test_options_that_read_files_are_refused(option: str) -> None:
    fault = find_fault(f"json://127.0.0.1/?{option}")
    assert fault is not None
    assert fault.found == f"the option {option.partition('=')[0].lower()}"


# Mail


class Postbox:
    """Keeps what it is sent; refuses while `refuses`."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.refuses = False

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.refuses:
            return "451 later"
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[tuple[Postbox, str]]:
    box = Postbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"mailto://127.0.0.1:{port}?from=observatory@example.org&to=press@example.org"
    controller.stop()


def test_mail(mail: tuple[Postbox, str], harness: AlertHarness) -> None:
    box, url = mail
    harness.add_channels(service(url))
    harness.record(make_event(), AlertKind.ONSET)
    box.refuses = True
    harness.deliver(MINUTE)
    [(state, reason)] = harness.states()
    assert state == "waits"
    assert reason is not None and "example.org" not in reason
    box.refuses = False
    harness.deliver(MINUTE)
    assert harness.states() == [("delivered", None)]
    [raw] = box.mails
    parsed = message_from_bytes(raw, policy=policy.default)
    assert parsed["subject"] == "Blocked: t.me on ISP 7713"
    assert "press@example.org" in parsed["to"]
    body = parsed.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "Blocked or likely blocked in 9 of 10 measurements" in text
    assert not list(parsed.iter_attachments())
