"""The web app's way: MTProto over WebSocket through a front that was asked once its certificate was proved.

WebSocket is an extra way to a host: a front that speaks it nowhere any more says nothing of the host's pages.
"""

from typing import Final

from observatory.analysis.judging.case import Case, by_family
from observatory.analysis.judging.facts import RESET, SILENCE, Evidence, Facts, ids, is_ipv6
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Failure, MtprotoObservation

Tries = tuple[MtprotoObservation, ...]


def asked_web_app(case: Case) -> bool:
    return bool(_tries(case))


def _tries(case: Case) -> Tries:
    return tuple(o for o in case.facts.mtproto if o.server_name and case.counts(o.endpoint))


def _failing(case: Case) -> tuple[Tries, ...]:
    """The tries of each IP version over which none brought our number back."""
    families = by_family(_tries(case), lambda o: o.endpoint)
    return tuple(those for those in families if not any(o.nonce_echoed for o in those))


def _asked_by(control: Facts, tries: Tries) -> Tries:
    """What a control asked over the same IP version."""
    v6 = is_ipv6(tries[0].endpoint)
    return tuple(o for o in control.mtproto if o.server_name and is_ipv6(o.endpoint) is v6)


def _works_elsewhere(case: Case, tries: Tries) -> bool:
    return any(o.nonce_echoed for c in case.controls for o in _asked_by(c, tries))


def _fails_elsewhere(case: Case, tries: Tries) -> bool:
    """No control got an answer, and one that no censor can hinder asked."""
    asked = any(_asked_by(c, tries) for c in case.uncensored)
    return asked and not _works_elsewhere(case, tries)


def _proved(case: Case) -> Evidence:
    return () if _failing(case) else ids(o for o in _tries(case) if o.nonce_echoed)


def _filtered(case: Case, failures: frozenset[Failure]) -> Evidence:
    """Inside verified TLS only silence and resets can be the network's; whatever was said is the server's."""
    if not case.canary_works:
        return ()
    found = [t for t in _failing(case) if _works_elsewhere(case, t) and case.shows(t, failures)]
    return ids(o for tries in found for o in tries)


def _fails(case: Case) -> Evidence:
    return ids(o for tries in _failing(case) if not _fails_elsewhere(case, tries) for o in tries)


def _rule(kind: str, mechanism: str | None, failures: frozenset[Failure]) -> Rule:
    return Rule(
        f"mtproto.web_app.{kind}",
        Layer.MTPROTO,
        State.LIKELY_BLOCKED,
        mechanism,
        Basis.COMPARISON,
        lambda case: _filtered(case, failures),
    )


WEB_APP_RULES: Final = (
    Rule("mtproto.web_app.proved", Layer.MTPROTO, State.OK, None, Basis.PROOF, _proved),
    _rule("reset", "mtproto.reset", RESET),
    _rule("timeout", "mtproto.timeout", SILENCE),
    _rule("fails_variously", None, RESET | SILENCE),
    Rule("mtproto.web_app.fails", Layer.MTPROTO, State.IMPAIRED, None, Basis.SYMPTOM, _fails),
    Rule(
        "mtproto.web_app.unsettled",
        Layer.MTPROTO,
        State.INSUFFICIENT,
        None,
        Basis.SYMPTOM,
        lambda case: True,
    ),
)
