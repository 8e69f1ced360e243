"""One pass over all channels: what is due is sent, and marked as told once it was taken.

At least once: an alert is claimed before its message is sent and marked after. Whoever is killed in between
leaves the claim; when that runs out, the same message is sent again under the same id.
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
from observatory.notify.message import Notice, describe_event
from observatory.notify.operator_notices import describe_operator, join_notices
from observatory.notify.payload import event_link, make_facts
from observatory.notify.plan import Unit, arrange_messages, plan_channel
from observatory.notify.senders import Message, Sender, send
from observatory.notify.services import SendError
from observatory.store import Store, StoreError
from observatory.text import Text, load_text

logger = logging.getLogger("observatory.notify")

# Longer than any attempt can last: a claim that is this old has nobody behind it any more.
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
    """What one pass did on one channel: messages sent, failed, and alerts that will never be told."""

    channel: str
    n_sent: int = 0
    n_failed: int = 0
    n_never: int = 0
    error: str = ""


def backoff(n_attempts: int) -> timedelta:
    """Return how long to wait after the n-th failure: one minute, doubling to an hour."""
    return min(FIRST_RETRY * (1 << min(n_attempts - 1, 12)), LAST_RETRY)


class Deliverer:
    """Tells channels what waits for them. Any number may work on one database at once.

    `clock` dates what is recorded; `senders` sends one message to one channel.
    """

    def __init__(
        self,
        store: Store,
        channels: Channels,
        clock: Callable[[], datetime],
        senders: Sender = send,
    ) -> None:
        self._store = store
        self._channels = channels
        self._clock = clock
        self._send = senders

    def deliver(self, now: datetime) -> tuple[DeliveryReport, ...]:
        """Send what is due to every channel, side by side; return what came of it, in the order of the file.

        Errors: StoreError, after every channel had its turn. What failed at a channel is recorded.
        """
        channels = self._channels.channels
        if not channels:
            return ()
        vantages = {v.id: v for v in self._store.load_vantage_status(now=now)}
        came = _side_by_side(lambda channel: self._serve_safely(channel, vantages, now), channels)
        for one in came:
            if isinstance(one, BaseException):
                raise one
        return tuple(one for one in came if isinstance(one, DeliveryReport))

    def _serve_safely(
        self, channel: Channel, vantages: dict[str, VantageStatus], now: datetime
    ) -> DeliveryReport | BaseException:
        try:
            return self._serve(channel, vantages, now)
        except StoreError as error:
            return error
        except Exception as error:
            logger.exception("alerts: channel %s could not be served", channel.name)
            return DeliveryReport(
                channel=channel.name, n_failed=1, error=f"an error of ours ({type(error).__name__})"
            )
        except BaseException as error:
            return error

    def _serve(self, channel: Channel, vantages: dict[str, VantageStatus], now: datetime) -> DeliveryReport:
        started = time.monotonic()
        n_history = self._store.open_channel(channel.name, at=now)
        since = now - max(_HOUR, channel.digest)
        outbox = self._store.load_outbox(channel.name, audience=channel.audience, sent_since=since)
        plan = plan_channel(channel, outbox, vantages, now)
        for reason, waiting in plan.never:
            self._store.put_off_alerts(channel.name, waiting, until=None, reason=reason)
        n_never = n_history + sum(len(waiting) for _, waiting in plan.never)
        sent_at = list(outbox.sent_at)
        if channel.digest and sent_at and sent_at[-1] > now - channel.digest:
            return DeliveryReport(channel=channel.name, n_never=n_never)
        recent = [at for at in sent_at if at > now - _HOUR]
        n_sent, error = 0, ""
        messages = arrange_messages(channel, plan)
        for index, (again, units) in enumerate(messages):
            if len(recent) >= channel.max_per_hour:
                self._put_off(channel, messages[index:], until=recent[-channel.max_per_hour] + _HOUR)
                break
            if time.monotonic() - started > PASS_S:
                break
            outcome = self._tell(channel, units, vantages, again)
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
        messages: Sequence[tuple[str | None, tuple[Unit, ...]]],
        *,
        until: datetime,
    ) -> None:
        waiting = [d for again, units in messages if again is None for unit in units for d in unit.waiting]
        reason = f"waits: {channel.max_per_hour} messages went out within an hour"
        self._store.put_off_alerts(channel.name, waiting, until=until, reason=reason)

    def _tell(
        self,
        channel: Channel,
        units: Sequence[Unit],
        vantages: dict[str, VantageStatus],
        again: str | None,
    ) -> datetime | str | None:
        """Return when a message was taken, why it was not, or None when somebody else is at it."""
        waiting = [d for unit in units for d in unit.waiting]
        id_ = again or name_message(channel.name, units)
        attempt_at = self._clock()
        if not self._store.claim_alerts(channel.name, waiting, message=id_, until=attempt_at + CLAIM):
            return None
        # What may have come through once stays in doubt until it is told, however later attempts fail.
        in_doubt, reason = any(d.message is not None for d in waiting), ""
        try:
            message = self._write(channel, units, vantages, id_, attempt_at)
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
        logger.log(level, "alerts: channel %s was not told: %s%s", channel.name, said, next_at)
        return said

    def _write(
        self,
        channel: Channel,
        units: Sequence[Unit],
        vantages: dict[str, VantageStatus],
        id_: str,
        at: datetime,
    ) -> Message:
        text, site = load_text(channel.language), self._channels.site
        notices = [notice for unit in units for notice in _describe(text, unit, vantages, site)]
        joined = join_notices(text, notices, channel=channel.name, site=site)
        facts = make_facts(units, joined, site=site, at=at)
        return Message(id=id_, at=at, subject=joined.subject, text=joined.text, facts=facts)


def _side_by_side(
    serve: Callable[[Channel], DeliveryReport | BaseException], channels: Sequence[Channel]
) -> list[DeliveryReport | BaseException]:
    """Return what came of each channel, in their order; a slow one keeps no other waiting.

    The threads do not keep a process that ends from ending: what they leave behind is sent again.
    """
    came: dict[int, DeliveryReport | BaseException] = {}
    waiting = deque(enumerate(channels))

    def work() -> None:
        with contextlib.suppress(IndexError):
            while True:
                index, channel = waiting.popleft()
                came[index] = serve(channel)

    threads = [
        threading.Thread(target=work, daemon=True, name=f"alerts-{n}")
        for n in range(min(len(channels), _MAX_THREADS))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [came[index] for index in range(len(channels))]


def _describe(text: Text, unit: Unit, vantages: dict[str, VantageStatus], site: str) -> list[Notice]:
    if unit.event is None:
        return [describe_operator(text, a, vantages.get(a.vantage or ""), site=site) for a in unit.alerts]
    return [describe_event(text, unit.kinds, unit.event, unit.before, link=event_link(site, unit.event.id))]


def name_message(channel: str, units: Sequence[Unit]) -> str:
    """Return the id of a message: the same for the same alerts on the same channel, and else another."""
    facts = [f"{a.number} {a.at.isoformat()} {a.event} {a.vantage}" for unit in units for a in unit.alerts]
    digest = hashlib.sha256("\n".join([channel, *sorted(facts)]).encode()).hexdigest()
    return f"msg_{digest[:32]}"
