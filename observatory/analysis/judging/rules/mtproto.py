"""MTProto at the data centres: only an echoed nonce proves Telegram; k of n endpoints are counted.

An endpoint works when every transport tried there got its nonce back. A transport that never does while
others do is filtered for itself: the app speaks another one than a plain client.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from observatory.analysis.judging.case import Case, is_address
from observatory.analysis.judging.facts import RESET, SILENCE, Evidence, Facts, ids, redirect_host
from observatory.analysis.judging.front import is_front_answer
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Endpoint, Failure, HttpObservation, MtprotoObservation

Way = tuple[Endpoint, str]
# How the app frames its messages; the others are tried to tell a filter's reasons.
APP_TRANSPORT: Final = "obfuscated"
TRANSPORT_ERROR: Final = re.compile(r"\btransport error -(?:404|429|444)\b")


def ways(observations: Iterable[MtprotoObservation]) -> frozenset[Way]:
    return frozenset((o.endpoint, o.transport) for o in observations)


def proved_endpoints(facts: Facts) -> frozenset[Endpoint]:
    return frozenset(o.endpoint for o in facts.mtproto if o.nonce_echoed)


def _is_transport_error(observation: MtprotoObservation) -> bool:
    """Telegram itself speaks: 404 unknown key, 429 too many connections, 444 not this data centre.

    Source: core.telegram.org/mtproto/mtproto-transports, transport errors.
    """
    if observation.transport_error is not None:
        return True
    # Older measurements have it in the text alone.
    told = TRANSPORT_ERROR.search(observation.detail or "")
    return observation.failure is Failure.MTPROTO_BAD_REPLY and told is not None


def _mute(case: Case) -> frozenset[Way]:
    """Ways that were tried over an open connection and never brought a proof, nor a word of Telegram's."""
    heard = ways(o for o in case.facts.mtproto if o.nonce_echoed or _is_transport_error(o))
    tried = ways(o for o in case.facts.mtproto if o.endpoint in case.connected)
    return tried - heard


def _tries(case: Case, those: frozenset[Way]) -> list[MtprotoObservation]:
    return [o for o in case.facts.mtproto if (o.endpoint, o.transport) in those]


def mute_tries(case: Case) -> list[MtprotoObservation]:
    """Tries over an open connection, of ways that never brought a proof."""
    return _tries(case, _mute(case))


def _works_elsewhere(case: Case, mute: frozenset[Way]) -> frozenset[Way]:
    """Mute ways that a control proved; where the endpoint is wholly mute, any way of it that one proved.

    Where the server itself spoke in one way, another may fail for the same reason: it counts only for itself.
    """
    same = frozenset(w for c in case.controls for w in ways(o for o in c.mtproto if o.nonce_echoed))
    endpoints = {endpoint for endpoint, _ in same}
    here = proved_endpoints(case.facts) | {o.endpoint for o in case.facts.mtproto if _is_transport_error(o)}
    return frozenset(w for w in mute if w in same or (w[0] in endpoints and w[0] not in here))


def _filtered(case: Case, failures: frozenset[Failure]) -> Evidence:
    tries = _tries(case, _works_elsewhere(case, _mute(case)))
    return ids(tries) if case.shows(tries, failures) and case.canary_works else ()


def _transport_error(case: Case) -> Evidence:
    """What the app speaks got nothing but Telegram's own errors, whatever another transport got."""
    tries = [o for o in case.facts.mtproto if o.transport == APP_TRANSPORT] or list(case.facts.mtproto)
    tries = [o for o in tries if o.endpoint in case.connected]
    return ids(tries) if tries and all(_is_transport_error(o) for o in tries) else ()


def _down(case: Case) -> Evidence:
    if not case.controls or proved_endpoints(case.facts) or any(proved_endpoints(c) for c in case.controls):
        return ()
    return ids(_tries(case, _mute(case)))


def _all_proved(case: Case) -> Evidence:
    proved = proved_endpoints(case.facts)
    whole = proved.issuperset(case.main_endpoints) and not _works_elsewhere(case, _mute(case))
    return ids(o for o in case.facts.mtproto if o.nonce_echoed) if whole else ()


def _some_proved(case: Case) -> Evidence:
    return ids(o for o in case.facts.mtproto if o.nonce_echoed)


def _front(facts: Facts) -> frozenset[Endpoint]:
    return frozenset(o.endpoint for o in facts.front_answers)


def _answers_http(case: Case) -> Evidence:
    """Telegram's own address answered plain HTTP as its front does, wherever it was asked; its client asked
    for no nonce. Port 80 alone shows nothing of the app: proxies for web pages answer there for everybody."""
    answers = case.facts.front_answers
    own = all(
        is_address(o.endpoint.address) and case.reference.is_telegram_address(o.endpoint.address)
        for o in answers
    )
    asked = frozenset(o.endpoint for o in case.facts.http)
    whole = case.connected.issuperset(case.main_endpoints) and asked <= _front(case.facts)
    return ids(answers) if own and whole and case.facts.front_answers_app and not _strangers(case) else ()


def _strangers(case: Case) -> tuple[HttpObservation, ...]:
    """Answers at the data centre that its front never gives."""
    return tuple(o for o in case.facts.data_centre_answers if not is_front_answer(o))


def _notice(case: Case, *, redirect: bool) -> Evidence:
    """A known notice in the data centre's place, which no control was shown."""
    shown = case.redirects_to_block_page if redirect else case.shows_block_page
    elsewhere = any(shown(o) for c in case.controls for o in c.data_centre_answers)
    return () if elsewhere else ids(o for o in _strangers(case) if shown(o))


def _replaced(case: Case, *, redirect: bool) -> Evidence:
    """Only strangers answer here, on a port too that no proxy for web pages takes over; the front answers a
    control there."""
    strangers = _strangers(case)
    leads_away = all(redirect_host(o) is not None for o in strangers)
    endpoints = {o.endpoint for o in strangers}
    compared = case.canary_works and any(endpoints & (_front(c) | proved_endpoints(c)) for c in case.controls)
    if not compared or case.facts.front_answers or all(e.port == 80 for e in endpoints):
        return ()
    return ids(strangers) if leads_away is redirect else ()


def _request_filtered(case: Case, failures: frozenset[Failure]) -> Evidence:
    """Requests that were never answered at endpoints where the front answers a control."""
    there = frozenset(e for c in case.controls for e in _front(c))
    unanswered = _unanswered(case)
    tries = [o for o in unanswered if o.endpoint in there]
    return ids(tries) if case.canary_works and case.shows(tries, failures) else ()


def _unanswered(case: Case) -> list[HttpObservation]:
    """Requests to endpoints that never answered one; what could not even be connected to is TCP's matter."""
    answered = {o.endpoint for o in case.facts.data_centre_answers}
    dead = frozenset(case.main_endpoints) - case.connected
    return [o for o in case.facts.http if o.endpoint not in answered | dead]


def _front_fails(case: Case) -> Evidence:
    """Strangers answer, or nobody does, and nothing settles why."""
    return (
        ids((*_strangers(case), *_unanswered(case))) if case.is_data_centre and not case.facts.mtproto else ()
    )


def _rule(id_: str, failures: frozenset[Failure]) -> Rule:
    return Rule(
        id_,
        Layer.MTPROTO,
        State.LIKELY_BLOCKED,
        id_,
        Basis.COMPARISON,
        lambda case: _filtered(case, failures),
    )


def _front_rule(kind: str, state: State, mechanism: str, when: Callable[[Case], Evidence]) -> Rule:
    basis = Basis.ARTEFACT if state is State.BLOCKED else Basis.COMPARISON
    return Rule(f"mtproto.front.{kind}", Layer.MTPROTO, state, mechanism, basis, when)


ANY_WAY: Final = RESET | SILENCE | {Failure.MTPROTO_BAD_REPLY}

MTPROTO_RULES: Final = (
    Rule("mtproto.transport_error", Layer.MTPROTO, State.IMPAIRED, None, Basis.SYMPTOM, _transport_error),
    Rule("mtproto.all_proved", Layer.MTPROTO, State.OK, None, Basis.PROOF, _all_proved),
    _rule("mtproto.reset", RESET),
    _rule("mtproto.timeout", SILENCE),
    _rule("mtproto.garbage", frozenset({Failure.MTPROTO_BAD_REPLY})),
    Rule(
        "mtproto.fails_variously",
        Layer.MTPROTO,
        State.LIKELY_BLOCKED,
        None,
        Basis.COMPARISON,
        lambda case: _filtered(case, ANY_WAY),
    ),
    Rule("mtproto.down", Layer.MTPROTO, State.DOWN, None, Basis.COMPARISON, _down),
    Rule("mtproto.some_proved", Layer.MTPROTO, State.OK, None, Basis.PROOF, _some_proved),
    Rule("mtproto.answers_http", Layer.MTPROTO, State.OK, None, Basis.PROOF, _answers_http),
    _front_rule("notice", State.BLOCKED, "http.blockpage", lambda case: _notice(case, redirect=False)),
    _front_rule("notice_redirect", State.BLOCKED, "http.redirect", lambda case: _notice(case, redirect=True)),
    _front_rule(
        "redirect", State.LIKELY_BLOCKED, "http.redirect", lambda case: _replaced(case, redirect=True)
    ),
    _front_rule(
        "stranger", State.LIKELY_BLOCKED, "mtproto.garbage", lambda case: _replaced(case, redirect=False)
    ),
    _front_rule("reset", State.LIKELY_BLOCKED, "mtproto.reset", lambda case: _request_filtered(case, RESET)),
    _front_rule(
        "timeout", State.LIKELY_BLOCKED, "mtproto.timeout", lambda case: _request_filtered(case, SILENCE)
    ),
    Rule("mtproto.front.fails", Layer.MTPROTO, State.IMPAIRED, None, Basis.SYMPTOM, _front_fails),
    Rule("mtproto.unsettled", Layer.MTPROTO, State.INSUFFICIENT, None, Basis.SYMPTOM, lambda case: True),
)
