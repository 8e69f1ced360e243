"""MTProto at the data centres: only an echoed nonce proves Telegram; k of n endpoints are counted.

An endpoint works when every transport tried there got its nonce back. A transport that never does while
others do is filtered for itself: the app speaks another one than a plain client.
"""

from collections.abc import Iterable
from typing import Final

from observatory.analysis.judging.case import Case, is_address
from observatory.analysis.judging.facts import RESET, SILENCE, Evidence, Facts, ids
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Endpoint, Failure, MtprotoObservation

Way = tuple[Endpoint, str]


def ways(observations: Iterable[MtprotoObservation]) -> frozenset[Way]:
    return frozenset((o.endpoint, o.transport) for o in observations)


def proved_endpoints(facts: Facts) -> frozenset[Endpoint]:
    return frozenset(o.endpoint for o in facts.mtproto if o.nonce_echoed)


def _mute(case: Case) -> frozenset[Way]:
    """Ways that were tried over an open connection and brought neither a proof nor the server's own error."""
    spoke = ways(o for o in case.facts.mtproto if o.nonce_echoed or o.transport_error is not None)
    tried = ways(o for o in case.facts.mtproto if o.endpoint in case.connected)
    return tried - spoke


def _tries(case: Case, those: frozenset[Way]) -> list[MtprotoObservation]:
    return [o for o in case.facts.mtproto if (o.endpoint, o.transport) in those]


def _works_elsewhere(case: Case, mute: frozenset[Way]) -> frozenset[Way]:
    """Mute ways that a control proved; where the endpoint is wholly mute, any way of it that one proved."""
    same = frozenset(w for c in case.controls for w in ways(o for o in c.mtproto if o.nonce_echoed))
    endpoints = {endpoint for endpoint, _ in same}
    here = proved_endpoints(case.facts)
    return frozenset(w for w in mute if w in same or (w[0] in endpoints and w[0] not in here))


def _filtered(case: Case, failures: frozenset[Failure]) -> Evidence:
    tries = _tries(case, _works_elsewhere(case, _mute(case)))
    return ids(tries) if case.shows(tries, failures) and case.canary_works else ()


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


def _answers_http(case: Case) -> Evidence:
    """Telegram's own address answered plain HTTP on every connection; its client asked for no nonce."""
    answers = case.facts.answered_http
    own = all(
        is_address(o.endpoint.address) and case.reference.is_telegram_address(o.endpoint.address)
        for o in answers
    )
    strange = any(case.shows_block_page(o) or case.redirects_to_block_page(o) for o in answers)
    whole = case.connected.issuperset(case.main_endpoints)
    return ids(answers) if own and whole and not strange else ()


def _rule(id_: str, failures: frozenset[Failure]) -> Rule:
    return Rule(
        id_,
        Layer.MTPROTO,
        State.LIKELY_BLOCKED,
        id_,
        Basis.COMPARISON,
        lambda case: _filtered(case, failures),
    )


ANY_WAY: Final = RESET | SILENCE | {Failure.MTPROTO_BAD_REPLY}

MTPROTO_RULES: Final = (
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
    Rule("mtproto.unsettled", Layer.MTPROTO, State.INSUFFICIENT, None, Basis.SYMPTOM, lambda case: True),
)
