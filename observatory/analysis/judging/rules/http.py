"""HTTP: the page behind a proved certificate, and what port 80 says at genuine addresses."""

from typing import Final

from observatory.analysis.judging.case import Case, by_family, comparable
from observatory.analysis.judging.facts import (
    RESET,
    SILENCE,
    Evidence,
    Facts,
    ids,
    redirect_host,
)
from observatory.analysis.judging.rules.http_redirects import (
    is_genuine_redirect,
    led_as_control,
    led_to_notice,
)
from observatory.analysis.judging.rules.pages import is_alike, plain_pages, secure_pages
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Failure, HttpObservation, Payload, Purpose

TOO_MANY_REQUESTS: Final = 429
# What a server says to a network that it will not or cannot serve (RFC 9110, RFC 7725).
REFUSALS: Final = frozenset({403, 451, 503})


def _canary_sent_alike(case: Case, pages: list[HttpObservation]) -> bool:
    """The canary's port 80 shows the same page or leads to the same place: a portal for everything."""
    if case.canary is None:
        return False
    places = {redirect_host(p) for p in pages} - {None}
    bodies = {p.body for p in pages if p.body}
    return any(redirect_host(o) in places or o.body in bodies for o in case.canary.http if not o.over_tls)


def _artefact(case: Case, pages: list[HttpObservation]) -> Evidence:
    return ids(pages) if pages and not _canary_sent_alike(case, pages) else ()


def _block_page(case: Case) -> Evidence:
    """A known notice, from whatever address the client was led to unless that is known to be forged."""
    return _artefact(
        case,
        [o for o in case.facts.http if not o.over_tls and _not_forged(case, o) and case.shows_block_page(o)],
    )


def _not_forged(case: Case, page: HttpObservation) -> bool:
    return not page.endpoint.address or case.counts(page.endpoint)


def _block_redirect(case: Case) -> Evidence:
    pages = [o for o in case.facts.http if not o.over_tls and _not_forged(case, o)]
    known = [o for o in pages if case.redirects_to_block_page(o) and not is_genuine_redirect(case, o)]
    return _artefact(case, known)


def _foreign_redirect(case: Case) -> Evidence:
    """Port 80 leads away from Telegram, where a control is led within it."""
    expected = {redirect_host(o) for c in case.controls for o in c.http if not o.over_tls} - {None}
    foreign = [
        o
        for o in plain_pages(case)
        if (host := redirect_host(o)) is not None
        and host not in expected
        and not is_genuine_redirect(case, o)
        and not case.reference.is_telegram_host(host)
    ]
    return _artefact(case, foreign) if expected and case.canary_works else ()


def _control_answers(control: Facts, over_tls: bool) -> bool:
    return any(o.over_tls is over_tls and o.status is not None for o in control.http)


def _breaks(case: Case, failures: frozenset[Failure], *, over_tls: bool) -> tuple[HttpObservation, ...]:
    """Every request here ends like this after it was sent; a control is answered."""
    return _broken(case, secure_pages(case) if over_tls else plain_pages(case), failures, over_tls=over_tls)


def _broken(
    case: Case, pages: tuple[HttpObservation, ...], failures: frozenset[Failure], *, over_tls: bool
) -> tuple[HttpObservation, ...]:
    if not case.shows(pages, failures) or any(o.status is not None for o in pages):
        return ()
    theirs = comparable((o for c in case.controls for o in c.http if o.over_tls is over_tls), pages)
    answered = any(o.status is not None for o in theirs)
    return pages if answered and case.canary_works else ()


def _harmless_answers(case: Case, addresses: set[str]) -> list[HttpObservation]:
    """What port 80 at these addresses says to a Host that nobody blocks."""
    return [
        o
        for o in case.facts.http_for(Purpose.HARMLESS_NAME)
        if not o.over_tls and o.status is not None and o.endpoint.address in addresses
    ]


def _breaks_by_host(case: Case, failures: frozenset[Failure]) -> Evidence:
    """On port 80 the target's Host breaks off, a harmless one at the same address is answered."""
    for pages in by_family(plain_pages(case), lambda o: o.endpoint):
        others = _harmless_answers(case, {o.endpoint.address for o in pages})
        if others and _broken(case, pages, failures, over_tls=False):
            return (*ids(pages), *ids(others))
    return ()


def _page_by_host(case: Case) -> Evidence:
    """Port 80 shows a page that no control gets, and another one for a harmless Host at the same address."""
    found = (_strange_page(case, those) for those in by_family(plain_pages(case), lambda o: o.endpoint))
    return next(filter(None, found), ())


def _strange_page(case: Case, tried: tuple[HttpObservation, ...]) -> Evidence:
    pages = [o for o in tried if o.status is not None]
    expected = [o for c in case.controls for o in c.http if not o.over_tls and o.status is not None]
    others = _harmless_answers(case, {o.endpoint.address for o in pages})
    if not expected or not others or not case.canary_works:
        return ()
    if any(_is_expected(case, o, expected) or _is_servers_own(case, o) for o in pages):
        return ()
    differ = not any(is_alike(page, other) for page in pages for other in others)
    return (*_artefact(case, pages), *ids(others)) if differ and _artefact(case, pages) else ()


def _is_expected(case: Case, page: HttpObservation, expected: list[HttpObservation]) -> bool:
    host = redirect_host(page)
    return any(is_alike(page, other) for other in expected) or (
        host is not None and case.reference.is_telegram_host(host)
    )


def _is_servers_own(case: Case, page: HttpObservation) -> bool:
    """A genuine server may turn this network away or limit it; then it says so over TLS as well, or that is
    not known."""
    if page.status == TOO_MANY_REQUESTS:
        return True
    secure = [o.status for o in secure_pages(case) if o.status is not None]
    return page.status in REFUSALS and not any(status < 400 for status in secure)


def _reset_on_path(case: Case) -> Evidence:
    """No control is needed where a reset comes from nearer than any server: the harmless twin says so."""
    pages = plain_pages(case) if case.control_proved or not case.controls else ()
    place = (
        case.interference(Payload.HTTP_REQUEST) if case.canary_works and case.shows(pages, RESET) else None
    )
    return (*ids(pages), *place.evidence) if place is not None else ()


def _server_error(case: Case) -> Evidence:
    statuses = {o.status for c in case.controls for o in c.http if o.over_tls and o.status}
    pages = [o for o in secure_pages(case) if o.status is not None and o.status >= 400]
    all_bad = bool(pages) and all(o.status is None or o.status >= 400 for o in secure_pages(case))
    return ids(pages) if all_bad and any(status < 400 for status in statuses) else ()


def _incomplete(case: Case) -> Evidence:
    """Every page breaks off after it has begun, and a control got a whole one."""
    pages = secure_pages(case) or tuple(_only_plain(case))
    begun = bool(pages) and all(o.status is not None and o.failure is not None for o in pages)
    whole = any(o.failure is None and o.status is not None for c in case.controls for o in c.http)
    return ids(pages) if begun and whole and not case.overloaded else ()


def _answered(case: Case) -> Evidence:
    return ids(o for o in secure_pages(case) if o.status is not None)


def _only_plain(case: Case) -> list[HttpObservation]:
    """What port 80 said, where nothing was requested over TLS."""
    if any(o.over_tls for o in case.facts.http):
        return []
    return [o for o in plain_pages(case) if o.status is not None]


def _same_as_control(case: Case) -> Evidence:
    return ids(
        o
        for o in _only_plain(case)
        if any(is_alike(o, p) for c in case.controls for p in c.http if not p.over_tls)
    )


def _differs(case: Case) -> Evidence:
    answered = any(_control_answers(c, False) for c in case.controls)
    return ids(_only_plain(case)) if answered else ()


def _answered_plain(case: Case) -> Evidence:
    """Nothing to compare with, but the address that answers proved itself over TLS."""
    return ids(o for o in _only_plain(case) if o.endpoint.address in case.facts.proved_addresses)


def _down(case: Case) -> Evidence:
    """No page here, and none at a control of the same kind: that port 80 redirects there shows no page behind
    it."""
    secure = secure_pages(case)
    pages = secure or plain_pages(case)
    failed = bool(pages) and all(o.status is None for o in pages)
    tried = comparable((o for c in case.controls for o in c.http if not secure or o.over_tls), pages)
    controls_fail = bool(case.controls) and not any(o.status is not None for o in tried)
    return ids(pages) if failed and controls_fail and (tried or not secure) else ()


def _rule(id_: str, failures: frozenset[Failure], mechanism: str, *, over_tls: bool) -> Rule:
    return Rule(
        id_,
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        mechanism,
        Basis.COMPARISON,
        lambda case: ids(_breaks(case, failures, over_tls=over_tls)),
    )


def _host_rule(kind: str, failures: frozenset[Failure]) -> Rule:
    return Rule(
        f"http.{kind}.host",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        f"http.{kind}.host",
        Basis.COMPARISON,
        lambda case: _breaks_by_host(case, failures),
    )


HTTP_RULES: Final = (
    Rule("http.blockpage", Layer.HTTP, State.BLOCKED, "http.blockpage", Basis.ARTEFACT, _block_page),
    Rule(
        "http.redirect.blockpage",
        Layer.HTTP,
        State.BLOCKED,
        "http.redirect",
        Basis.ARTEFACT,
        _block_redirect,
    ),
    Rule(
        "http.redirect.notice",
        Layer.HTTP,
        State.BLOCKED,
        "http.redirect",
        Basis.ARTEFACT,
        led_to_notice,
    ),
    Rule(
        "http.redirect.foreign",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.redirect",
        Basis.COMPARISON,
        _foreign_redirect,
    ),
    _rule("http.timeout.after_tls", SILENCE, "http.timeout", over_tls=True),
    _rule("http.reset.after_tls", RESET, "http.reset", over_tls=True),
    _host_rule("reset", RESET),
    _host_rule("timeout", SILENCE),
    _host_rule("garbage", frozenset({Failure.HTTP_BAD_REPLY})),
    Rule(
        "http.page.host",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.blockpage.host",
        Basis.COMPARISON,
        _page_by_host,
    ),
    _rule("http.reset.plain", RESET, "http.reset", over_tls=False),
    _rule("http.timeout.plain", SILENCE, "http.timeout", over_tls=False),
    Rule(
        "http.reset.on_path",
        Layer.HTTP,
        State.LIKELY_BLOCKED,
        "http.reset.host",
        Basis.COMPARISON,
        _reset_on_path,
    ),
    Rule("http.server_error", Layer.HTTP, State.IMPAIRED, "http.error", Basis.COMPARISON, _server_error),
    Rule("http.incomplete", Layer.HTTP, State.IMPAIRED, None, Basis.COMPARISON, _incomplete),
    Rule("http.answered", Layer.HTTP, State.OK, None, Basis.PROOF, _answered),
    Rule("http.same_as_control", Layer.HTTP, State.OK, None, Basis.COMPARISON, _same_as_control),
    Rule(
        "http.redirect.same_as_control",
        Layer.HTTP,
        State.OK,
        None,
        Basis.COMPARISON,
        lambda case: led_as_control(case, _only_plain(case)),
    ),
    Rule("http.differs", Layer.HTTP, State.IMPAIRED, None, Basis.SYMPTOM, _differs),
    Rule("http.answered_plain", Layer.HTTP, State.OK, None, Basis.PROOF, _answered_plain),
    Rule("http.down", Layer.HTTP, State.DOWN, None, Basis.COMPARISON, _down),
    Rule("http.unsettled", Layer.HTTP, State.INSUFFICIENT, None, Basis.SYMPTOM, lambda case: True),
)
