"""HTTP: the page behind a proved certificate, and what port 80 says at genuine addresses."""

from typing import Final

from observatory.analysis.case import RESET, SILENCE, Case, Evidence, Facts, ids, redirect_host
from observatory.analysis.rules.rule import Rule
from observatory.model import Layer, State
from probes.records import Failure, HttpObservation


def plain_pages(case: Case) -> tuple[HttpObservation, ...]:
    return tuple(o for o in case.facts.http if not o.over_tls and case.is_genuine(o.endpoint.address))


def secure_pages(case: Case) -> tuple[HttpObservation, ...]:
    """Requests inside a connection whose certificate proved the name."""
    proved = case.facts.proved_addresses
    return tuple(o for o in case.facts.http if o.over_tls and o.endpoint.address in proved)


def _canary_sent_alike(case: Case, pages: list[HttpObservation]) -> bool:
    """The control host's port 80 shows the same page or leads to the same place: a portal for everything."""
    if case.canary is None:
        return True
    places = {redirect_host(p) for p in pages} - {None}
    bodies = {p.body for p in pages if p.body}
    return any(redirect_host(o) in places or o.body in bodies for o in case.canary.http if not o.over_tls)


def _artefact(case: Case, pages: list[HttpObservation]) -> Evidence:
    return ids(pages) if pages and case.canary_answers and not _canary_sent_alike(case, pages) else ()


def _block_page(case: Case) -> Evidence:
    return _artefact(case, [o for o in plain_pages(case) if case.shows_block_page(o)])


def _block_redirect(case: Case) -> Evidence:
    return _artefact(case, [o for o in plain_pages(case) if case.redirects_to_block_page(o)])


def _foreign_redirect(case: Case) -> Evidence:
    """Port 80 leads away from Telegram, where a control is led within it."""
    expected = {redirect_host(o) for c in case.controls for o in c.http if not o.over_tls} - {None}
    foreign = [
        o
        for o in plain_pages(case)
        if (host := redirect_host(o)) is not None
        and host not in expected
        and not case.reference.is_telegram_host(host)
    ]
    return _artefact(case, foreign) if expected else ()


def _control_answers(control: Facts, over_tls: bool) -> bool:
    return any(o.over_tls is over_tls and o.status is not None for o in control.http)


def _breaks(case: Case, failures: frozenset[Failure], *, over_tls: bool) -> Evidence:
    """Every request here ends like this after it was sent; a control is answered."""
    pages = secure_pages(case) if over_tls else plain_pages(case)
    if not case.shows(pages, failures) or any(o.status is not None for o in pages):
        return ()
    return (
        ids(pages) if case.canary_works and any(_control_answers(c, over_tls) for c in case.controls) else ()
    )


def _server_error(case: Case) -> Evidence:
    statuses = {o.status for c in case.controls for o in c.http if o.over_tls and o.status}
    pages = [o for o in secure_pages(case) if o.status is not None and o.status >= 400]
    all_bad = bool(pages) and all(o.status is None or o.status >= 400 for o in secure_pages(case))
    return ids(pages) if all_bad and any(status < 400 for status in statuses) else ()


def _answered(case: Case) -> Evidence:
    return ids(o for o in secure_pages(case) if o.status is not None)


def _down(case: Case) -> Evidence:
    pages = secure_pages(case) or plain_pages(case)
    failed = bool(pages) and all(o.status is None for o in pages)
    controls_fail = bool(case.controls) and not any(
        _control_answers(c, over_tls) for c in case.controls for over_tls in (True, False)
    )
    return ids(pages) if failed and controls_fail else ()


HTTP_RULES: Final = (
    Rule(
        "http.blockpage",
        Layer.HTTP,
        State.BLOCKED,
        "http.blockpage",
        _block_page,
        "Port 80 of the target's own address serves a known block page.",
    ),
    Rule(
        "http.redirect.blockpage",
        Layer.HTTP,
        State.BLOCKED,
        "http.redirect",
        _block_redirect,
        "Port 80 of the target's own address leads to a known block page.",
    ),
    Rule(
        "http.redirect.foreign",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.redirect",
        _foreign_redirect,
        "Port 80 of the target's own address leads to somebody else, where a control stays with the target.",
    ),
    Rule(
        "http.timeout.after_tls",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.timeout",
        lambda case: _breaks(case, SILENCE, over_tls=True),
        "The handshake completes, then every request is met with silence; a control is answered.",
    ),
    Rule(
        "http.reset.after_tls",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.reset",
        lambda case: _breaks(case, RESET, over_tls=True),
        "The handshake completes, then every request is reset; a control is answered.",
    ),
    Rule(
        "http.reset.plain",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.reset",
        lambda case: _breaks(case, RESET, over_tls=False),
        "Every request on port 80 is reset; a control is answered.",
    ),
    Rule(
        "http.timeout.plain",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.timeout",
        lambda case: _breaks(case, SILENCE, over_tls=False),
        "Every request on port 80 is met with silence; a control is answered.",
    ),
    Rule(
        "http.server_error",
        Layer.HTTP,
        State.IMPAIRED,
        "http.error",
        _server_error,
        "The proved server answers with an error, and a control with a page.",
    ),
    Rule(
        "http.answered",
        Layer.HTTP,
        State.OK,
        None,
        _answered,
        "The proved server answers.",
    ),
    Rule(
        "http.down",
        Layer.HTTP,
        State.DOWN,
        None,
        _down,
        "The control is not answered either.",
    ),
    Rule(
        "http.unsettled",
        Layer.HTTP,
        State.INSUFFICIENT,
        None,
        lambda case: True,
        "No request was made that settles anything.",
    ),
)
