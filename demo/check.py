"""Whether the observatory found what the replay played, and nothing else."""

from collections.abc import Sequence
from datetime import datetime

from demo.script import PLAYED_BY, Switch
from observatory.model import Event, Interval


def compare(events: Sequence[Event], switches: Sequence[Switch]) -> list[str]:
    """Return what differs between the events found and the script, a sentence each; nothing when all is well.

    Shape:  events that stand, of the replay alone; the whole script.
    """
    if len(events) != 1:
        return [f"expected one event, found {len(events)}: {', '.join(event.id for event in events)}"]
    (event,) = events
    played = played_times(switches)
    found = {(spell.asn, spell.target): spell for spell in event.spells}
    problems = [f"AS{asn} {host}: expected a block, found none" for asn, host in played.keys() - found.keys()]
    problems += [
        f"AS{asn} {host}: expected none, found a block" for asn, host in found.keys() - played.keys()
    ]
    problems += [f"{s.isp} {s.target}: found twice" for s in event.spells if found[s.asn, s.target] is not s]
    for (asn, host), (onset, end) in sorted(played.items()):
        if (spell := found.get((asn, host))) is None:
            continue
        problems += _outside(f"{spell.isp} {host}: onset", spell.onset, onset)
        if spell.end is None:
            problems.append(f"{spell.isp} {host}: expected an end at {end}, found none")
        else:
            problems += _outside(f"{spell.isp} {host}: end", spell.end, end)
    return problems


def played_times(switches: Sequence[Switch]) -> dict[tuple[int, str], tuple[datetime, datetime]]:
    """Return when each host was blocked in each network, and when it was opened again."""
    numbers = {isp: asn for asn, (isp, _) in PLAYED_BY.items()}
    onsets: dict[tuple[int, str], datetime] = {}
    ends: dict[tuple[int, str], datetime] = {}
    for switch in switches:
        asn = numbers[switch.isp]
        closed = {(asn, host) for host in switch.hosts}
        for key in closed - onsets.keys():
            onsets[key] = switch.at
        for key in onsets.keys() - closed - ends.keys():
            if key[0] == asn:
                ends[key] = switch.at
    return {key: (onset, ends[key]) for key, onset in onsets.items()}


def _outside(what: str, found: Interval, played: datetime) -> list[str]:
    if found.after is not None and found.after <= played <= found.by:
        return []
    return [f"{what}: expected an interval around {played}, found {found.after} to {found.by}"]
