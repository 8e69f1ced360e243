"""Whether the observatory found what the replay played, and nothing else."""

from collections.abc import Sequence
from datetime import datetime

from demo.script import PLAYED_BY, Switch
from observatory.model import Event, Interval
from observatory.model.series import Series


def compare(events: Sequence[Event], switches: Sequence[Switch]) -> list[str]:
    """Return what differs between the events found and the script, a sentence each; nothing when all is well.

    Shape:  events that stand, of the replay alone; the whole script.
    """
    if len(events) != 1:
        return [f"expected one event, found {len(events)}: {', '.join(event.id for event in events)}"]
    (event,) = events
    played = played_times(switches)
    found = {spell.series: spell for spell in event.spells}
    problems = [f"AS{s.asn} {s.target}: expected a block, found none" for s in played.keys() - found.keys()]
    problems += [f"AS{s.asn} {s.target}: expected none, found a block" for s in found.keys() - played.keys()]
    problems += [f"{s.isp} {s.target}: found twice" for s in event.spells if found[s.series] is not s]
    for series, (onset, end) in sorted(played.items()):
        if (spell := found.get(series)) is None:
            continue
        problems += _outside(f"{spell.isp} {spell.target}: onset", spell.onset, onset)
        if spell.end is None:
            problems.append(f"{spell.isp} {spell.target}: expected an end at {end}, found none")
        else:
            problems += _outside(f"{spell.isp} {spell.target}: end", spell.end, end)
    return problems


def played_times(switches: Sequence[Switch]) -> dict[Series, tuple[datetime, datetime]]:
    """Return when each host was blocked in each network, and when it was opened again."""
    numbers = {isp: asn for asn, (isp, _) in PLAYED_BY.items()}
    onsets: dict[Series, datetime] = {}
    ends: dict[Series, datetime] = {}
    for switch in switches:
        asn = numbers[switch.isp]
        closed = {Series(target=host, asn=asn, emulated=True) for host in switch.hosts}
        for key in closed - onsets.keys():
            onsets[key] = switch.at
        for key in onsets.keys() - closed - ends.keys():
            if key.asn == asn:
                ends[key] = switch.at
    return {key: (onset, ends[key]) for key, onset in onsets.items()}


def _outside(what: str, found: Interval, played: datetime) -> list[str]:
    if found.after is not None and found.after <= played <= found.by:
        return []
    return [f"{what}: expected an interval around {played}, found {found.after} to {found.by}"]
