"""Which address a handshake was made with, where the record of the handshake does not say so.

Until 2022 OONI wrote down no address in `tls_handshakes`, and for a host with several addresses any of them
may be meant. Three things tell, each only where nothing else can be meant; the rest stays open:

    its events      connect, tls_handshake_start and tls_handshake_done of one connection follow each other,
                    and the last one bears the time of the handshake
    its time        it began as soon as one connect had ended, or nothing else was connected before it ended
    its likeness    as many handshakes as addresses, all with one outcome: whichever is whose, it is the same

Source: ooni/spec df-006 and df-008; ooni/probe issue 2065.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from observatory.importers.fields import endpoint, number

Place = tuple[str, int]
# A client that shakes hands does so at once.
AT_ONCE_S: Final = 0.01
_FOLLOWED_BY: Final = {
    "connect": "tls_handshake_start",
    "tls_handshake_start": "tls_handshake_done",
    "tls_handshake_done": "connect",
}


def match_handshakes(
    handshakes: Mapping[int, Mapping[str, Any]],
    outcomes: Mapping[int, Hashable],
    connects: Sequence[tuple[Place, float | None]],
    events: Sequence[Any],
) -> dict[int, Place]:
    """Return where handshakes went whose records name no address, as far as it is certain.

    Shape:  `handshakes` and `outcomes` by any number that names them; `connects` that succeeded with the time
            they ended, `events` as `network_events` has them. What stays open is left out.
    Errors: none.
    """
    places = dict.fromkeys(place for place, _ in connects)
    found = _by_events(handshakes, {port for _, port in places}, events)
    for match in (_by_start, _by_order):
        found |= match({n: h for n, h in handshakes.items() if n not in found}, connects)
    taken = set(found.values())
    open_ = [n for n in handshakes if n not in found]
    free = [place for place in places if place not in taken]
    if open_ and len(open_) == len(free) and len({outcomes[n] for n in open_}) == 1:
        found |= dict(zip(open_, free, strict=True))
    return found


def _by_events(
    handshakes: Mapping[int, Mapping[str, Any]], ports: set[int], events: Sequence[Any]
) -> dict[int, Place]:
    """Where connect, start and end follow each other in every connection; if two overlap, none is certain."""
    done: defaultdict[float, list[Place]] = defaultdict(list)
    expected, place = "connect", None
    for event in events:
        operation = event.get("operation") if isinstance(event, dict) else None
        to = endpoint(event.get("address")) if operation == "connect" else None
        if operation == "connect" and (to is None or to[1] not in ports or event.get("failure")):
            continue
        if operation not in _FOLLOWED_BY:
            continue
        if operation != expected:
            return {}
        expected, place = _FOLLOWED_BY[operation], to or place
        at = number(event.get("t"))
        if operation == "tls_handshake_done" and place is not None and at is not None:
            done[at].append(place)
    times = Counter(number(entry.get("t")) for entry in handshakes.values())
    found = {}
    for n, entry in handshakes.items():
        at = number(entry.get("t"))
        if at is not None and times[at] == 1 and len(done.get(at, ())) == 1:
            found[n] = done[at][0]
    return found


def _by_start(
    handshakes: Mapping[int, Mapping[str, Any]], connects: Sequence[tuple[Place, float | None]]
) -> dict[int, Place]:
    """One that began as soon as one connect had ended, and no other handshake did."""
    times = sorted((at, place) for place, at in connects if at is not None)
    starts = {n: start for n, h in handshakes.items() if (start := number(h.get("t0"))) is not None}
    near: dict[int, Place] = {}
    first = 0
    for n, start in sorted(starts.items(), key=lambda pair: pair[1]):
        while first < len(times) and times[first][0] < start - AT_ONCE_S:
            first += 1
        # A connect may be written down twice. More of them leave it open, however many there are.
        candidates = [place for at, place in times[first : first + 3] if at <= start]
        if len(candidates) < 3 and len(set(candidates)) == 1:
            near[n] = candidates[0]
    shared = Counter(near.values())
    return {n: place for n, place in near.items() if shared[place] == 1}


def _by_order(
    handshakes: Mapping[int, Mapping[str, Any]], connects: Sequence[tuple[Place, float | None]]
) -> dict[int, Place]:
    """One that ended when only one address was connected."""
    if not connects or any(at is None for _, at in connects):
        return {}
    times = sorted((at or 0.0, place) for place, at in connects)
    second = next((at for at, place in times if place != times[0][1]), None)
    found = {}
    for n, entry in handshakes.items():
        ended_at = number(entry.get("t"))
        if ended_at is not None and times[0][0] <= ended_at and (second is None or ended_at < second):
            found[n] = times[0][1]
    return found
