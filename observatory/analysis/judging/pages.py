"""When two pages are one and the same: what a control got too is no notice."""

from typing import Final

from observatory.analysis.judging.facts import redirect_host
from observatory.analysis.judging.fingerprints import title_of
from probes.records import HttpObservation

# Two bodies of one page under one title differ by less: news, adverts, tokens.
MAX_LENGTH_RATIO: Final = 1.5
# Without a title to compare, only their lengths speak.
MAX_UNTITLED_RATIO: Final = 1.03


def is_same_page(page: HttpObservation, other: HttpObservation) -> bool:
    """Say whether two answers are one page: status and title, and nearly the length; of redirects the place.

    Shape:  a record may have kept title and length alone, as OONI's helper does, or the length only.
    """
    if page.status is None or page.status != other.status:
        return False
    place, other_place = redirect_host(page), redirect_host(other)
    if place is not None or other_place is not None:
        return place == other_place
    if page.body and page.body == other.body:
        return True
    ratio = MAX_UNTITLED_RATIO
    if _has_title(page) and _has_title(other):
        title = _title(page)
        if title != _title(other):
            return False
        ratio = MAX_LENGTH_RATIO if title else MAX_UNTITLED_RATIO
    small, large = sorted((_length(page), _length(other)))
    return 0 < large <= ratio * small


def _has_title(page: HttpObservation) -> bool:
    return bool(page.body or page.title)


def _title(page: HttpObservation) -> str:
    return page.title or title_of(page.body)


def _length(page: HttpObservation) -> int:
    return max(page.received_bytes, len(page.body))
