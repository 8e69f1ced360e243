"""How one message gets to one channel, within a deadline that nothing on the way can stretch."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from observatory.model.channels import Channel
from observatory.notify.apprise_services import send_with_apprise
from observatory.notify.errors import SendError
from observatory.notify.webhook import send_webhook

SEND_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent. `id` is the same whenever the same alerts are sent again; `at` is when this attempt was.

    `payload` is what programs get: JSON values only.
    """

    id: str
    at: datetime
    subject: str
    text: str
    payload: Mapping[str, object]


class Sender(Protocol):
    def __call__(self, channel: Channel, message: Message) -> None:
        """Send a message and return once the other side has taken it. Errors: SendError."""


def send(channel: Channel, message: Message) -> None:
    """Send a message the way the channel says, within 30 s.

    Errors: SendError when it was not taken, or not in time; its text holds no secret.
    """
    if channel.webhook_url is not None and channel.secret is not None:
        url, secret = channel.webhook_url.get_secret_value(), channel.secret.get_secret_value()
        _within(
            SEND_S,
            lambda: send_webhook(url, secret, message.id, message.payload, at=message.at, deadline_s=SEND_S),
        )
    elif channel.url is not None:
        url = channel.url.get_secret_value()
        _within(SEND_S, lambda: send_with_apprise(url, message.subject, message.text))
    else:
        raise SendError("the channel has neither an address nor a webhook")


def _within(seconds: float, call: Callable[[], None]) -> None:
    """Run a call that blocks, and stop waiting for it after a time; a thread cannot be stopped itself."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True, name="alert")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise SendError(f"not finished within {seconds:.0f} s", in_doubt=True)
    if failures:
        [error] = failures
        if isinstance(error, SendError):
            raise error
        # Its words may hold the address.
        raise SendError(f"the message could not be sent ({type(error).__name__})", in_doubt=True) from None
