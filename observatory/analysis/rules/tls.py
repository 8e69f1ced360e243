"""TLS at genuine addresses: does the handshake end, and with whose certificate?"""

from typing import Final

from observatory.analysis.case import RESET, SILENCE, Case, Evidence, ids
from observatory.analysis.rules.rule import Rule
from observatory.analysis.rules.tcp import throttled
from observatory.model import Layer, State
from probes.records import Failure, TlsObservation


def genuine_tls(case: Case) -> tuple[TlsObservation, ...]:
    return tuple(o for o in case.facts.tls if case.is_genuine(o.endpoint.address))


def proofs(case: Case) -> tuple[TlsObservation, ...]:
    return tuple(o for o in genuine_tls(case) if o.failure is None and o.certificate_failure is None)


def _broken(case: Case, failures: frozenset[Failure]) -> tuple[TlsObservation, ...]:
    """Every try at genuine addresses broke off in this way; a control proves the name alive."""
    tries = genuine_tls(case)
    if not case.shows(tries, failures) or not case.control_has_valid_tls or not case.canary_works:
        return ()
    return tries


def _by_name(case: Case, failures: frozenset[Failure], *, harmless_works: bool | None) -> Evidence:
    tries = _broken(case, failures)
    outcomes = [case.harmless(o.endpoint.address) for o in tries]
    if not tries:
        return ()
    known = [o for o in outcomes if o is not None]
    answer = any(known) if known else None
    return (*ids(tries), *ids(case.facts.tls_harmless)) if answer is harmless_works else ()


def _bad_certificates(case: Case) -> tuple[TlsObservation, ...]:
    """Completed handshakes at genuine addresses, all with a chain that does not hold for the name."""
    done = tuple(o for o in genuine_tls(case) if o.failure is None)
    return done if done and all(o.certificate_failure is not None for o in done) else ()


def _same_everywhere(case: Case) -> Evidence:
    """The control was shown the same leaf, or fails in the same way: the fault is at the origin."""
    bad = _bad_certificates(case)
    if not bad or case.control_has_valid_tls or not case.controls:
        return ()
    failures = {o.certificate_failure for c in case.controls for o in c.tls if o.failure is None}
    same = any(o.chain and o.chain[0].sha256 in case.control_certificates for o in bad)
    return ids(bad) if same or failures & {o.certificate_failure for o in bad} else ()


def _interception(case: Case, *, failure: Failure, self_signed: bool | None) -> Evidence:
    """A control sees a valid chain, and the control host keeps its own: only this target is intercepted."""
    bad = [o for o in _bad_certificates(case) if o.certificate_failure is failure and o.chain]
    if self_signed is not None:
        bad = [o for o in bad if o.chain[0].self_signed is self_signed]
    foreign = all(o.chain[0].sha256 not in case.control_certificates for o in bad)
    return ids(bad) if bad and foreign and case.control_has_valid_tls and case.canary_works else ()


def _intercepts_everything(case: Case) -> Evidence:
    """The control host's chain fails in the same way: a proxy for all traffic, or a wrong clock."""
    if case.canary is None or case.canary_works:
        return ()
    failures = {o.certificate_failure for o in case.canary.tls if o.failure is None}
    return ids(o for o in _bad_certificates(case) if o.certificate_failure in failures)


def _down(case: Case) -> Evidence:
    tries = genuine_tls(case)
    failed = bool(tries) and all(o.failure is not None for o in tries)
    tried = any(c.tls for c in case.controls) or any(c.tcp for c in case.controls)
    return ids(tries) if failed and tried and not case.control_has_valid_tls else ()


def _uncompared(case: Case) -> Evidence:
    tries = genuine_tls(case)
    return ids(tries) if tries and not proofs(case) else ()


def _rules_for(kind: str, failures: frozenset[Failure], what: str) -> tuple[Rule, ...]:
    endings: tuple[tuple[str, str, bool | None, str], ...] = (
        ("sni", f"tls.{kind}.sni", True, "a harmless name at the same address works"),
        ("other", f"tls.{kind}.other", False, "a harmless name at the same address fails too"),
        ("unpaired", f"tls.{kind}", None, "no harmless name was tried there"),
    )

    def rule(ending: str, mechanism: str, harmless_works: bool | None, pair: str) -> Rule:
        return Rule(
            f"tls.{kind}.{ending}",
            Layer.TLS,
            State.LIKELY_BLOCKED,
            mechanism,
            lambda case: _by_name(case, failures, harmless_works=harmless_works),
            f"Every handshake with the target's name {what}; {pair}; a control completes it.",
        )

    return tuple(rule(*ending) for ending in endings)


TLS_RULES: Final = (
    Rule(
        "tls.not_reached",
        Layer.TLS,
        State.INSUFFICIENT,
        None,
        lambda case: not genuine_tls(case),
        "No handshake was possible at a genuine address.",
    ),
    Rule(
        "tls.throttled_name",
        Layer.TLS,
        State.IMPAIRED,
        "tls.throttle.sni",
        lambda case: throttled(case, by_name=True),
        "Transfers under the target's name are far slower than under a harmless name at the same address.",
    ),
    Rule(
        "tls.certificate_valid",
        Layer.TLS,
        State.OK,
        None,
        lambda case: ids(proofs(case)),
        "An address showed a certificate valid for the name: that proves the address too.",
    ),
    Rule(
        "tls.certificate_bad_everywhere",
        Layer.TLS,
        State.DOWN,
        None,
        _same_everywhere,
        "The control is shown a certificate with the same fault: it lies at the origin.",
    ),
    Rule(
        "tls.intercepts_everything",
        Layer.TLS,
        State.INSUFFICIENT,
        None,
        _intercepts_everything,
        "The control host's certificate fails in the same way: a proxy for all traffic, or a wrong clock.",
    ),
    Rule(
        "tls.mitm.self_signed",
        Layer.TLS,
        State.BLOCKED,
        "tls.mitm.self_signed",
        lambda case: _interception(case, failure=Failure.SSL_UNKNOWN_AUTHORITY, self_signed=True),
        "A self-signed certificate stands where a control is shown a valid one.",
    ),
    Rule(
        "tls.mitm.unknown_ca",
        Layer.TLS,
        State.BLOCKED,
        "tls.mitm.unknown_ca",
        lambda case: _interception(case, failure=Failure.SSL_UNKNOWN_AUTHORITY, self_signed=False),
        "A certificate of an unknown authority stands where a control is shown a valid one.",
    ),
    Rule(
        "tls.mitm.ca_signed",
        Layer.TLS,
        State.LIKELY_BLOCKED,
        "tls.mitm.ca_signed",
        lambda case: _interception(case, failure=Failure.SSL_INVALID_HOSTNAME, self_signed=None),
        "Somebody else's certificate stands where a control is shown the target's own.",
    ),
    *_rules_for("reset", RESET, "is reset"),
    *_rules_for("timeout", SILENCE, "is met with silence"),
    Rule(
        "tls.down",
        Layer.TLS,
        State.DOWN,
        None,
        _down,
        "The control cannot complete a handshake either.",
    ),
    Rule(
        "tls.uncompared",
        Layer.TLS,
        State.IMPAIRED,
        None,
        _uncompared,
        "No handshake proves the name, and no comparison settles why.",
    ),
    Rule(
        "tls.unsettled",
        Layer.TLS,
        State.INSUFFICIENT,
        None,
        lambda case: True,
        "What was tried settles nothing.",
    ),
)
