"""When two pages are the same one."""

from typing import Final

from observatory.analysis.judging.facts import redirect_host
from probes.records import HttpObservation

# Two bodies of one page differ by less.
MAX_LENGTH_RATIO: Final = 1.5


def is_alike(page: HttpObservation, other: HttpObservation) -> bool:
    if page.status is None or page.status != other.status:
        return False
    if redirect_host(page) is not None or redirect_host(other) is not None:
        return redirect_host(page) == redirect_host(other)
    if page.body_truncated:
        return other.received_bytes >= page.received_bytes
    small, large = sorted((page.received_bytes, other.received_bytes))
    return large <= MAX_LENGTH_RATIO * small
