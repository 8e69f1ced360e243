"""Where a target's genuine redirects lead its visitors, and what they meet there.

    the target's genuine answer ─ what its own measurement recorded of the way ─ the end of the record
                                                                                        │
    a verdict of the same round on that host, on the host where that one leads, … ◄────┘

A redirect is genuine where the target proved itself over TLS, or where a control was sent to the same place.
What stands at the end is said of that place alone: the target stays what it is.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import redirect_host, shows_valid_certificate
from observatory.analysis.judging.pages import is_same_page
from observatory.analysis.judging.rules.http_redirects import (
    is_genuine_redirect,
    is_same_end,
    led_as_control,
    may_be_a_controls,
)
from observatory.analysis.judging.rules.pages import plain_pages, secure_pages
from observatory.model import BLOCKED_STATES, LeadsTo, State, Verdict
from probes.records import HttpObservation, Purpose, TargetKind

# The place is anybody's text: a name, its international letters included, or an address.
_HOST: Final = re.compile(r"[\w.:-]{1,253}")


def find_leads_to(case: Case) -> LeadsTo | None:
    """Return where the target's genuine answers lead, as far as its own measurement recorded it.

    Shape:  None where they lead to no other host. `insufficient` where nothing settles how the place fares.
    Errors: none.
    """
    if case.measurement.target_kind is not TargetKind.HOST:
        return None
    sender = _sender(case)
    if sender is None:
        return None
    place = host_led_to(sender, case.measurement.target)
    return _judge_way(case, sender, place) if place is not None else None


def follow(first: Verdict, target: str, verdict_on: Callable[[str], Verdict | None]) -> LeadsTo | None:
    """Return what a visitor meets, by the verdicts of one round on the hosts on the way.

    Shape:  `first` is the verdict on `target`; `verdict_on` gives those on other targets of its round, each
            with what its own measurement recorded, None where there is none. The way ends at the first host
            that is not ok, at one that leads nowhere else, and where it would come back to a host.
    Errors: none.
    """
    passed = {target}
    leads = first.leads_to
    # What the measurement itself was shown at the place outweighs how the place fares by itself.
    while leads is not None and leads.state not in BLOCKED_STATES:
        passed.add(leads.target)
        beyond = verdict_on(leads.target)
        # Nor does a verdict that settles nothing take away what the client was shown.
        if beyond is None or (leads.state is State.OK and beyond.state is State.INSUFFICIENT):
            break
        further = beyond.leads_to
        if beyond.state is not State.OK or further is None or further.target in passed:
            return LeadsTo(target=leads.target, state=beyond.state, mechanism=beyond.mechanism)
        leads = further
    return leads


def host_led_to(page: HttpObservation, own: str) -> str | None:
    """Return the other host that a page redirects to, None where it is no redirect away from `own`, or one to
    what no host is called."""
    place = (redirect_host(page) or "").rstrip(".")
    return place if _HOST.fullmatch(place) and place != own.lower().rstrip(".") else None


def _sender(case: Case) -> HttpObservation | None:
    """The answer that a visitor gets and whose sender is beyond doubt."""
    answered = [o for o in secure_pages(case) if o.status is not None and o.status < 400]
    if answered:
        return answered[0] if all(map(redirect_host, answered)) else None
    plain = [o for o in plain_pages(case) if redirect_host(o) is not None]
    if led_as_control(case, plain):
        return plain[0]
    return next((o for o in plain if is_genuine_redirect(case, o)), None)


def _judge_way(case: Case, sender: HttpObservation, place: str) -> LeadsTo:
    """Go on to the end of the recorded way."""
    passed = {case.measurement.target.lower(), place}
    pages = _pages_at(case, place)
    while pages and (further := host_led_to(pages[-1], place)) is not None and further not in passed:
        passed.add(further)
        sender, place = pages[-1], further
        pages = _pages_at(case, place)
    if any(_is_notice(case, page) for page in pages):
        return LeadsTo(target=place, state=State.BLOCKED, mechanism="http.blockpage")
    # A proved server leads where its owner wants, whatever the place is called.
    if sender.purpose is Purpose.REDIRECT and not sender.over_tls and case.redirects_to_block_page(sender):
        return LeadsTo(target=place, state=State.BLOCKED, mechanism="http.redirect")
    works = any(_is_proved(case, page) or _is_where_a_control_ended(case, page) for page in pages)
    return LeadsTo(target=place, state=State.OK if works else State.INSUFFICIENT)


def _pages_at(case: Case, place: str) -> Sequence[HttpObservation]:
    return [
        o for o in case.facts.http_for(Purpose.REDIRECT) if o.host.lower() == place and o.status is not None
    ]


def _is_notice(case: Case, page: HttpObservation) -> bool:
    """A known notice that neither a control nor the canary was shown."""
    canary = case.canary.http if case.canary is not None else ()
    return (
        case.shows_block_page(page)
        and not may_be_a_controls(case, page)
        and not any(is_same_page(page, other) for other in canary)
    )


def _is_proved(case: Case, page: HttpObservation) -> bool:
    """It came over TLS from a server whose certificate held; a client that kept no handshake verified it."""
    handshakes = [o for o in case.facts.tls_for(Purpose.REDIRECT) if o.server_name == page.host]
    held = [o for o in handshakes if shows_valid_certificate(o) and o.endpoint == page.endpoint]
    return page.over_tls and (bool(held) or not handshakes)


def _is_where_a_control_ended(case: Case, page: HttpObservation) -> bool:
    return any(
        is_same_end(page, other)
        for control in case.controls
        for other in control.http_for(Purpose.REDIRECT)
        if other.host == page.host
    )
