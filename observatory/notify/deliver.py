"""One pass over all channels: what is due is sent, and marked as delivered once it was accepted.

At least once: an alert is claimed before its message is sent and marked after. A sender that is killed in
between leaves the claim; when that runs out, the same message is sent again under the same id.
"""

import contextlib
import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from observatory.model.channels import Channel, Channels
from observatory.model.views import VantageStatus
from observatory.notify.errors import SendError
from observatory.notify.message import Notice, describe_event, join_notices
from observatory.notify.operator_notices import describe_operator_alert
from observatory.notify.payload import event_link, make_payload
from observatory.notify.plan import AlertGroup, PlannedMessage, arrange_messages, plan_channel
from observatory.notify.senders import Message, Sender, send
from observatory.store import Store, StoreError
from observatory.text import Text, load_text

logger = logging.getLogger("observatory.notify")

# Longer than any attempt can last: a claim that is this old was abandoned.
CLAIM: Final = timedelta(minutes=5)
FIRST_RETRY: Final = timedelta(minutes=1)
LAST_RETRY: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(days=7)
# Alerts may be old when they are first tried: after a week without power they still deserve some attempts.
MIN_ATTEMPTS: Final = 10
# A pass begins no message after this, so that a pass a minute does not pile up.
PASS_S: Final = 45.0
_HOUR: Final = timedelta(hours=1)
_MAX_THREADS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What one pass did on one channel: messages sent, failed, and alerts that will never be delivered."""

    channel: str
    n_sent: int = 0
    n_failed: int = 0
    n_never: int = 0
    error: str = ""


def backoff(n_attempts: int) -> timedelta:
    """Return how long to wait after the n-th failure: one minute, doubling to an hour."""
    return min(FIRST_RETRY * (1 << min(n_attempts - 1, 12)), LAST_RETRY)


class Deliverer:
    """Delivers to channels what waits for them. Any number may work on one database at once.

    `clock` dates what is recorded; `sender` sends one message to one channel.
    """

    def __init__(
        self,
        store: Store,
        channels: Channels,
        clock: Callable[[], datetime],
        sender: Sender = send,
    ) -> None:
        self._store = store
        self._channels = channels
        self._clock = clock
        self._send = sender

    def deliver(self, now: datetime) -> tuple[DeliveryReport, ...]:
        """Send what is due to every channel, all at once; return a report of each, in the order of the file.

        Errors: StoreError, after every channel had its turn. What failed at a channel is recorded.
        """
        channels = self._channels.channels
        if not channels:
            return ()
        vantages = {v.id: v for v in self._store.load_vantage_status(now=now)}
        outcomes = _in_parallel(lambda channel: self._deliver_safely(channel, vantages, now), channels)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return tuple(outcome for outcome in outcomes if isinstance(outcome, DeliveryReport))

    def _deliver_safely(
        self, channel: Channel, vantages: dict[str, VantageStatus], now: datetime
    ) -> DeliveryReport | BaseException:
        try:
            return self._deliver_to(channel, vantages, now)
        except StoreError as error:
            return error
        except Exception as error:
            logger.exception("alerts: delivery to channel %s failed unexpectedly", channel.name)
            return DeliveryReport(
                channel=channel.name, n_failed=1, error=f"internal error ({type(error).__name__})"
            )
        except BaseException as error:
            return error

    def _deliver_to(
        self, channel: Channel, vantages: dict[str, VantageStatus], now: datetime
    ) -> DeliveryReport:
        started = time.monotonic()
        n_history = self._store.open_channel(channel.name, at=now)
        since = now - max(_HOUR, channel.digest)
        outbox = self._store.load_outbox(channel.name, audience=channel.audience, sent_since=since)
        plan = plan_channel(channel, outbox, vantages, now)
        for reason, waiting in plan.dropped:
            self._store.put_off_alerts(channel.name, waiting, until=None, reason=reason)
        n_never = n_history + sum(len(waiting) for _, waiting in plan.dropped)
        sent_at = list(outbox.sent_at)
        if channel.digest and sent_at and sent_at[-1] > now - channel.digest:
            return DeliveryReport(channel=channel.name, n_never=n_never)
        recent = [at for at in sent_at if at > now - _HOUR]
        n_sent, error = 0, ""
        messages = arrange_messages(channel, plan)
        for index, message in enumerate(messages):
            if len(recent) >= channel.max_per_hour:
                self._put_off(channel, messages[index:], until=recent[-channel.max_per_hour] + _HOUR)
                break
            if time.monotonic() - started > PASS_S:
                break
            outcome = self._send_message(channel, message, vantages)
            if isinstance(outcome, str):
                # What else is due would fail as well; it is tried in the next pass.
                error = outcome
                break
            if outcome is not None:
                recent.append(outcome)
                n_sent += 1
        return DeliveryReport(
            channel=channel.name, n_sent=n_sent, n_failed=int(bool(error)), n_never=n_never, error=error
        )

    def _put_off(
        self,
        channel: Channel,
        messages: Sequence[PlannedMessage],
        *,
        until: datetime,
    ) -> None:
        groups = [group for message in messages if message.id is None for group in message.groups]
        waiting = [d for group in groups for d in group.waiting]
        reason = f"waits: {channel.max_per_hour} messages went out within an hour"
        self._store.put_off_alerts(channel.name, waiting, until=until, reason=reason)

    def _send_message(
        self,
        channel: Channel,
        planned: PlannedMessage,
        vantages: dict[str, VantageStatus],
    ) -> datetime | str | None:
        """Return when a message was accepted, why it was not, or None when another process is sending it."""
        waiting = [d for group in planned.groups for d in group.waiting]
        id_ = planned.id or name_message(channel.name, planned.groups)
        attempt_at = self._clock()
        if not self._store.claim_alerts(channel.name, waiting, message=id_, until=attempt_at + CLAIM):
            return None
        # What may have come through once stays in doubt until it is delivered, however later attempts fail.
        in_doubt, reason = any(d.message is not None for d in waiting), ""
        try:
            message = self._write(channel, planned.groups, vantages, id_, attempt_at)
            self._send(channel, message)
        except SendError as error:
            in_doubt, reason = in_doubt or error.in_doubt, str(error)
        except Exception as error:
            logger.exception("alerts: writing a message for %s failed", channel.name)
            reason = f"the message could not be written ({type(error).__name__})"
        done_at = self._clock()
        if not reason:
            self._store.mark_delivered(channel.name, id_, at=done_at)
            return done_at
        n_attempts = max(d.n_attempts for d in waiting) + 1
        is_old = done_at - max(d.alert.at for d in waiting) > GIVE_UP_AFTER
        again_at = None if is_old and n_attempts >= MIN_ATTEMPTS else done_at + backoff(n_attempts)
        said = reason if again_at else f"given up after {n_attempts} attempts: {reason}"
        self._store.mark_failed(channel.name, id_, error=said, again_at=again_at, in_doubt=in_doubt)
        level = logging.WARNING if again_at else logging.ERROR
        next_at = f"; tried again at {again_at:%H:%M:%S} UTC" if again_at else ""
        logger.log(level, "alerts: delivery to channel %s failed: %s%s", channel.name, said, next_at)
        return said

    def _write(
        self,
        channel: Channel,
        groups: Sequence[AlertGroup],
        vantages: dict[str, VantageStatus],
        id_: str,
        at: datetime,
    ) -> Message:
        text, site = load_text(channel.language), self._channels.site
        notices = [notice for group in groups for notice in _describe(text, group, vantages, site)]
        joined = join_notices(text, notices, channel=channel.name, site=site)
        payload = make_payload(groups, joined, site=site, at=at)
        return Message(id=id_, at=at, subject=joined.subject, text=joined.text, payload=payload)


def _in_parallel(
    deliver: Callable[[Channel], DeliveryReport | BaseException], channels: Sequence[Channel]
) -> list[DeliveryReport | BaseException]:
    """Return the outcome of each channel, in their order; a slow one keeps no other waiting.

    The threads do not keep a process that ends from ending: what they leave behind is sent again.
    """
    outcomes: dict[int, DeliveryReport | BaseException] = {}
    waiting = deque(enumerate(channels))

    def work() -> None:
        with contextlib.suppress(IndexError):
            while True:
                index, channel = waiting.popleft()
                outcomes[index] = deliver(channel)

    threads = [
        threading.Thread(target=work, daemon=True, name=f"alerts-{n}")
        for n in range(min(len(channels), _MAX_THREADS))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[index] for index in range(len(channels))]


def _describe(text: Text, group: AlertGroup, vantages: dict[str, VantageStatus], site: str) -> list[Notice]:
    if group.event is None:
        return [
            describe_operator_alert(text, a, vantages.get(a.vantage or ""), site=site) for a in group.alerts
        ]
    return [
        describe_event(text, group.kinds, group.event, group.before, link=event_link(site, group.event.id))
    ]


def name_message(channel: str, groups: Sequence[AlertGroup]) -> str:
    """Return the id of a message: the same for the same alerts on the same channel, and else another."""
    parts = [f"{a.number} {a.at.isoformat()} {a.event} {a.vantage}" for group in groups for a in group.alerts]
    digest = hashlib.sha256("\n".join([channel, *sorted(parts)]).encode()).hexdigest()
    return f"msg_{digest[:32]}"
