"""Which of the alerts that wait are due to a channel now, together with which, and which never. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from observatory.analysis.events.publication import is_published, is_told_at_once
from observatory.model import Alert, AlertKind, Event, Revision
from observatory.model.channels import Channel
from observatory.model.deliveries import Delivery, Outbox
from observatory.model.views import VantageStatus

WITHDRAWN: Final = "withdrawn before it was told"
NOT_ASKED_FOR: Final = "not what this channel asks for"
ALREADY_SAID: Final = "said in an earlier message"
NO_EVENT: Final = "its event is not there"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """What belongs in one notice: all that waits about one event or one vantage point.

    `event` and `before` are narrowed to what the channel asks for; `before` is the event as the channel knows
    it. `was_held_back`: the channel had no room for it before.
    """

    waiting: tuple[Delivery, ...]
    event: Event | None = None
    before: Event | None = None

    @property
    def was_held_back(self) -> bool:
        return any(d.n_attempts == 0 and d.next_attempt_at is not None for d in self.waiting)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(d.alert for d in self.waiting)

    @property
    def kinds(self) -> frozenset[AlertKind]:
        """All that is new: an alert is named after what weighs most, its detail has the others too."""
        named = {word for d in self.waiting for word in (d.alert.kind, *d.alert.detail.split())}
        return frozenset(kind for kind in AlertKind if kind.value in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPlan:
    """What to do about the alerts that wait.

    Shape:  `resend` has messages that may or may not have come through, by their id, to be sent as they were;
            `dropped` has the alerts that will never be delivered, by the reason.
    """

    due: tuple[AlertGroup, ...]
    resend: dict[str, tuple[AlertGroup, ...]]
    dropped: tuple[tuple[str, tuple[Delivery, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """One message to send. `id` is that of one to be sent again, None for a new one."""

    id: str | None = None
    groups: tuple[AlertGroup, ...]


def plan_channel(
    channel: Channel, outbox: Outbox, vantages: dict[str, VantageStatus], now: datetime
) -> DeliveryPlan:
    """Return what to do about each alert that waits; one that is in neither list goes on waiting."""
    due: list[AlertGroup] = []
    resend: dict[str, list[AlertGroup]] = {}
    dropped: list[tuple[str, tuple[Delivery, ...]]] = []
    for waiting in _by_topic(outbox.waiting):
        alert = waiting[0].alert
        is_sent = any(d.message is not None for d in waiting)
        if any(d.message is not None and d.next_attempt_at and d.next_attempt_at > now for d in waiting):
            continue
        if alert.event is None:
            group, refused = _plan_operator(channel, waiting, vantages)
        else:
            group, refused = _plan_event(channel, waiting, outbox, is_sent=is_sent)
        dropped += refused
        if group is None:
            continue
        if is_sent and not (group.event and group.event.withdrawn):
            # The rest of the group waits until this is settled.
            for message, part in _by_message(group.waiting):
                resend.setdefault(message, []).append(replace(group, waiting=part))
        elif _is_due(channel, group, outbox, now):
            due.append(group)
    due.sort(key=lambda group: (max(d.n_attempts for d in group.waiting), group.waiting[0].alert.number))
    return DeliveryPlan(
        due=tuple(due),
        resend={message: tuple(groups) for message, groups in resend.items()},
        dropped=tuple(dropped),
    )


def _by_topic(waiting: Iterable[Delivery]) -> list[tuple[Delivery, ...]]:
    groups: dict[tuple[str, str], list[Delivery]] = {}
    for delivery in waiting:
        alert = delivery.alert
        if alert.event is not None:
            key = ("event", alert.event)
        elif alert.vantage is not None:
            key = ("vantage", alert.vantage)
        else:
            key = ("alert", str(alert.number))
        groups.setdefault(key, []).append(delivery)
    return [tuple(group) for group in groups.values()]


def _by_message(waiting: Sequence[Delivery]) -> list[tuple[str, tuple[Delivery, ...]]]:
    found: dict[str, list[Delivery]] = {}
    for delivery in waiting:
        if delivery.message is not None:
            found.setdefault(delivery.message, []).append(delivery)
    return [(message, tuple(part)) for message, part in found.items()]


def _plan_operator(
    channel: Channel, waiting: tuple[Delivery, ...], vantages: dict[str, VantageStatus]
) -> tuple[AlertGroup | None, list[tuple[str, tuple[Delivery, ...]]]]:
    vantage = vantages.get(waiting[0].alert.vantage or "")
    if channel.isps and vantage is not None and vantage.asn not in channel.isps:
        return None, [(NOT_ASKED_FOR, waiting)]
    return AlertGroup(waiting=waiting), []


def _plan_event(
    channel: Channel, waiting: tuple[Delivery, ...], outbox: Outbox, *, is_sent: bool
) -> tuple[AlertGroup | None, list[tuple[str, tuple[Delivery, ...]]]]:
    id_ = waiting[0].alert.event or ""
    revision, delivered = outbox.events.get(id_), outbox.delivered.get(id_)
    if revision is None:
        return None, [(NO_EVENT, waiting)]
    if revision.event.withdrawn and delivered is None and not is_sent:
        return None, [(WITHDRAWN, waiting)]
    refused = []
    if delivered is not None:
        said = tuple(d for d in waiting if d.message is None and _is_said(d.alert, delivered))
        if said:
            refused.append((ALREADY_SAID, said))
            waiting = tuple(d for d in waiting if d not in said)
    # Who hears of the onset knows nothing yet, though the event may have been suspected for long.
    is_onset = any(d.alert.kind is AlertKind.ONSET for d in waiting)
    known = delivered or (None if is_onset else outbox.earlier.get(id_))
    event = narrow_event(revision.event, channel)
    before = narrow_event(known.event, channel) if known is not None else None
    if before is not None and (not before.spells or (before.withdrawn and not event.withdrawn)):
        before = None
    if before is not None and is_published(event) and not is_published(before):
        # What was only suspected was never told.
        before = None
    if not waiting:
        return None, refused
    if not is_sent and _says_nothing(channel, event, before):
        return None, [*refused, (NOT_ASKED_FOR, waiting)]
    return AlertGroup(waiting=waiting, event=event, before=before), refused


def _is_said(alert: Alert, delivered: Revision) -> bool:
    return (
        alert.kind is AlertKind.SPREAD and alert.revision is not None and alert.revision <= delivered.number
    )


def _says_nothing(channel: Channel, event: Event, before: Event | None) -> bool:
    if not event.spells and before is None:
        return True
    if not channel.isps and not channel.hosts:
        return False
    # Of what the channel asks for, a suspicion may be all that there is in an event that others are told of.
    known = before is not None and is_published(before)
    return event == before or not (known or event.withdrawn or is_published(event))


def narrow_event(event: Event, channel: Channel) -> Event:
    """Return an event with only those of its spells that a channel asks for."""
    if not channel.isps and not channel.hosts:
        return event
    asked = tuple(
        spell
        for spell in event.spells
        if (not channel.isps or spell.asn in channel.isps)
        and (not channel.hosts or spell.target in channel.hosts)
    )
    return replace(event, spells=asked)


def _is_due(channel: Channel, group: AlertGroup, outbox: Outbox, now: datetime) -> bool:
    if any(d.next_attempt_at is not None and d.next_attempt_at > now for d in group.waiting):
        return False
    is_known = group.event is not None and group.event.id in outbox.delivered
    onsets = [d.alert.at for d in group.waiting if d.alert.kind is AlertKind.ONSET]
    is_sure = group.event is not None and is_told_at_once(group.event)
    return is_known or not onsets or is_sure or min(onsets) + channel.settle <= now


def arrange_messages(channel: Channel, plan: DeliveryPlan) -> list[PlannedMessage]:
    """Return the messages to send, in order; those to be sent again come first.

    Shape:  with a digest, or when the channel had no room for them before, groups are joined.
    """
    messages = [PlannedMessage(id=id_, groups=groups) for id_, groups in plan.resend.items()]
    if channel.digest:
        return messages + ([PlannedMessage(groups=plan.due)] if plan.due else [])
    held_back = tuple(group for group in plan.due if group.was_held_back)
    if held_back:
        messages.append(PlannedMessage(groups=held_back))
    return messages + [PlannedMessage(groups=(group,)) for group in plan.due if not group.was_held_back]
