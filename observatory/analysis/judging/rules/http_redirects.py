"""Where port 80 led: pages of other hosts at the end of redirects, which imports keep."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import Evidence, ids, redirect_host
from observatory.analysis.judging.fingerprints import title_of
from observatory.analysis.judging.pages import is_same_page
from observatory.analysis.judging.rules.pages import secure_pages
from probes.records import HttpObservation, Purpose

# Less alike than this, two bodies are surely of two pages: what a control may have got too is no notice.
MAX_LENGTH_RATIO: Final = 1.5


def led_to_notice(case: Case) -> Evidence:
    """A known notice stands at another site, where port 80 led; no control got it, nor the canary."""
    senders = [o for o in case.facts.http if not o.over_tls and _leads_away(case, o)]
    notices = [o for o in case.facts.http_for(Purpose.REDIRECT) if _is_notice(case, o)]
    places = {redirect_host(o) for o in senders} | {o.host for o in notices}
    canary = case.canary.http if case.canary is not None else ()
    if not senders or not notices or any(redirect_host(o) in places for o in canary):
        return ()
    return (*ids(senders), *ids(notices))


def is_genuine_redirect(case: Case, page: HttpObservation) -> bool:
    """Say whether the target itself leads there: a control was sent to the same place, or the server that
    proved itself over TLS sends there, too."""
    place = redirect_host(page)
    return place is not None and (
        case.control_got(page) or any(redirect_host(o) == place for o in secure_pages(case))
    )


def led_as_control(case: Case, pages: Sequence[HttpObservation]) -> Evidence:
    """Port 80 leads to another host, and at the end stands the page at which a control ended, too."""
    ends = case.facts.http_for(Purpose.REDIRECT)
    expected = [o for control in case.controls for o in control.http_for(Purpose.REDIRECT)]
    leading = [o for o in pages if redirect_host(o) is not None]
    if not leading or not ends or not any(is_same_end(ends[-1], other) for other in expected):
        return ()
    return (*ids(leading), *ids(ends[-1:]))


def is_same_end(page: HttpObservation, other: HttpObservation) -> bool:
    """Say whether two ends are one page. One without a title is compared by its length alone, and more
    strictly."""
    untitled = not page.title and not title_of(page.body)
    return is_same_page(page, other) or (untitled and is_same_page(page, replace(other, title="")))


def _leads_away(case: Case, page: HttpObservation) -> bool:
    """To another site, by nobody known to be the target, and not from an address known to be forged."""
    place = redirect_host(page)
    return (
        place is not None
        and not _is_one_site(place, page.host)
        and not is_genuine_redirect(case, page)
        and (not page.endpoint.address or case.counts(page.endpoint))
    )


def _is_notice(case: Case, page: HttpObservation) -> bool:
    # Telegram's sites lead to one another: a notice there is the block of that one.
    own = _is_one_site(page.host, case.measurement.target) or case.reference.is_telegram_host(page.host)
    return not own and case.shows_block_page(page) and not may_be_a_controls(case, page)


def may_be_a_controls(case: Case, page: HttpObservation) -> bool:
    """Say whether a control may have got the same page, as far as was kept of it."""
    ends = (o for control in case.controls for o in (*control.http, *control.http_for(Purpose.REDIRECT)))
    return any(_may_be_alike(page, other) for other in ends)


def _is_one_site(host: str, other: str) -> bool:
    """One name lies below the other: a site that leads to its own pages."""
    short, long = sorted((host.removeprefix("www."), other.removeprefix("www.")), key=len)
    return long == short or long.endswith(f".{short}")


def _may_be_alike(page: HttpObservation, other: HttpObservation) -> bool:
    if page.status != other.status:
        return False
    small, large = sorted((page.received_bytes, other.received_bytes))
    return page.body_truncated or large <= MAX_LENGTH_RATIO * small
