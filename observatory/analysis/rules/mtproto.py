"""MTProto at the data centres: only an echoed nonce proves Telegram; k of n endpoints are counted."""

from typing import Final

from observatory.analysis.case import RESET, SILENCE, Case, Evidence, Facts, ids
from observatory.analysis.rules.rule import Rule
from observatory.analysis.rules.tcp import connects
from observatory.model import Layer, State
from probes.records import Endpoint, Failure, MtprotoObservation


def proved_endpoints(facts: Facts) -> frozenset[Endpoint]:
    return frozenset(o.endpoint for o in facts.mtproto if o.nonce_echoed)


def tried_endpoints(case: Case) -> tuple[Endpoint, ...]:
    return tuple(dict.fromkeys(o.endpoint for o in case.facts.tcp))


def _mute(case: Case) -> tuple[Endpoint, ...]:
    """Endpoints that accept a connection and never prove themselves."""
    proved = proved_endpoints(case.facts)
    return tuple(e for e in tried_endpoints(case) if e not in proved and connects(case, e))


def _tries(case: Case, endpoints: tuple[Endpoint, ...]) -> list[MtprotoObservation]:
    return [o for o in case.facts.mtproto if o.endpoint in endpoints]


def _filtered(case: Case, failures: frozenset[Failure]) -> Evidence:
    elsewhere = frozenset(e for c in case.controls for e in proved_endpoints(c))
    tries = _tries(case, tuple(e for e in _mute(case) if e in elsewhere))
    return ids(tries) if case.shows(tries, failures) and case.canary_works else ()


def _down(case: Case) -> Evidence:
    if not case.controls or proved_endpoints(case.facts) or any(proved_endpoints(c) for c in case.controls):
        return ()
    return ids(_tries(case, _mute(case)))


def _all_proved(case: Case) -> Evidence:
    proved = proved_endpoints(case.facts)
    return (
        ids(o for o in case.facts.mtproto if o.nonce_echoed)
        if proved.issuperset(tried_endpoints(case))
        else ()
    )


def _some_proved(case: Case) -> Evidence:
    return ids(o for o in case.facts.mtproto if o.nonce_echoed)


def _rule(id_: str, failures: frozenset[Failure], what: str) -> Rule:
    return Rule(
        id_,
        Layer.MTPROTO,
        State.LIKELY_BLOCKED,
        id_,
        lambda case: _filtered(case, failures),
        f"The data centre accepts the connection, then {what}; a control gets its nonce back.",
    )


MTPROTO_RULES: Final = (
    Rule(
        "mtproto.all_proved",
        Layer.MTPROTO,
        State.OK,
        None,
        _all_proved,
        "Every endpoint echoed our nonce.",
    ),
    _rule("mtproto.reset", RESET, "resets it"),
    _rule("mtproto.timeout", SILENCE, "keeps silent"),
    _rule("mtproto.garbage", frozenset({Failure.MTPROTO_BAD_REPLY}), "answers something else"),
    Rule(
        "mtproto.down",
        Layer.MTPROTO,
        State.DOWN,
        None,
        _down,
        "The control gets no nonce back either.",
    ),
    Rule(
        "mtproto.some_proved",
        Layer.MTPROTO,
        State.OK,
        None,
        _some_proved,
        "An endpoint echoed our nonce.",
    ),
    Rule(
        "mtproto.unsettled",
        Layer.MTPROTO,
        State.INSUFFICIENT,
        None,
        lambda case: True,
        "No endpoint proved itself, and nothing shows why.",
    ),
)
