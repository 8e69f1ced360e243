"""TLS at genuine addresses: does the handshake end, and with whose certificate?

Each IP version is looked at for itself. Which name was sent where tells a filtered name from a filtered
address: `.sni` needs another name that works at the same address, `.other` one that fails there too.
"""

from typing import Final

from observatory.analysis.judging.case import Case, by_family
from observatory.analysis.judging.facts import (
    RESET,
    SILENCE,
    UNREACHABLE,
    Evidence,
    Facts,
    ids,
    shows_valid_certificate,
)
from observatory.analysis.judging.rules.certificates import CERTIFICATE_RULES, proofs
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.analysis.judging.rules.tcp import TIMES_SLOWER, throttled
from observatory.model import Layer, State
from probes.records import Failure, Payload, Purpose, TlsObservation

# The far end spoke, and it was no handshake: an alert, a page in plain text, a version nobody speaks.
TURNED_DOWN: Final = frozenset({Failure.SSL_HANDSHAKE})
ANSWERED: Final = frozenset({None, Failure.SSL_HANDSHAKE})
NOT_THROUGH: Final = RESET | SILENCE | UNREACHABLE | {Failure.CONNECTION_REFUSED}
# A handshake that takes longer is compared with the canary's.
SLOW_HANDSHAKE_S: Final = 1.5


def _broken(case: Case, failures: frozenset[Failure]) -> tuple[TlsObservation, ...]:
    """Every try over one IP version broke off in this way."""
    tries = case.tls
    if not any(o.failure in failures for o in tries):
        return ()
    for those in by_family(tries, lambda o: o.endpoint):
        if case.shows(those, failures):
            return those
    return ()


def _compared(case: Case, failures: frozenset[Failure]) -> tuple[TlsObservation, ...]:
    """Broken here, while a control proves the name alive over this IP version and the canary works."""
    tries = _broken(case, failures) if case.control_proved and case.canary_works else ()
    if not case.control_finishes_over(tries):
        return ()
    return tries if all(_finishes_elsewhere(case, o) for o in tries) else ()


def _finishes_elsewhere(case: Case, handshake: TlsObservation) -> bool:
    """One server of several may be set up badly and turn everybody down; so a refusal counts where a control
    was let in at this very address, or recorded no addresses at all."""
    if handshake.failure not in TURNED_DOWN:
        return True
    return handshake.endpoint.address in case.controls_proved or not case.controls_proved


def _another_name(
    case: Case, tries: tuple[TlsObservation, ...], failures: frozenset[Failure]
) -> tuple[bool | None, Evidence]:
    """Was a harmless name, or none, answered at an address of these? An alert is an answer too, but where the
    target's name got one. None: not tried."""
    addresses = {o.endpoint.address for o in tries}
    answered = ANSWERED - failures
    others = [
        o
        for purpose in (Purpose.HARMLESS_NAME, Purpose.NO_NAME)
        for o in case.facts.tls_for(purpose)
        if o.endpoint.address in addresses
    ]
    return (any(o.failure in answered for o in others) if others else None), ids(others)


def _target_elsewhere_fails(case: Case, failures: frozenset[Failure]) -> bool:
    """The target's name breaks off at the canary's address too."""
    return case.shows(case.facts.tls_for(Purpose.CANARY_ADDRESS), failures)


def _by_name(case: Case, failures: frozenset[Failure]) -> Evidence:
    tries = _compared(case, failures)
    works, others = _another_name(case, tries, failures)
    return (*ids(tries), *others) if tries and works else ()


def _by_address(case: Case, failures: frozenset[Failure]) -> Evidence:
    tries = _compared(case, failures)
    works, others = _another_name(case, tries, failures)
    elsewhere = case.facts.tls_for(Purpose.CANARY_ADDRESS)
    # Where the name breaks off everywhere, a penalty that follows it explains the rest: name and address stay
    # one.
    if not tries or works is not False or _target_elsewhere_fails(case, failures):
        return ()
    return (*ids(tries), *others, *ids(elsewhere))


def _either(case: Case, failures: frozenset[Failure]) -> Evidence:
    return ids(_compared(case, failures))


def _on_path(case: Case) -> Evidence:
    """No control is needed where a reset comes from nearer than any server: the harmless twin says so.

    Controls to which the target proved nothing say that it is down for every client.
    """
    tries = _broken(case, RESET) if case.control_proved or not case.controls else ()
    place = case.interference(Payload.CLIENT_HELLO) if tries and case.canary_works else None
    works, others = _another_name(case, tries, RESET)
    return (*ids(tries), *others, *place.evidence) if place is not None and works else ()


def _controls_disagree(case: Case) -> Evidence:
    tries = _broken(case, RESET | SILENCE | TURNED_DOWN)

    def works(control: Facts) -> bool | None:
        return any(shows_valid_certificate(o) for o in control.tls) if control.tls else None

    return ids(tries) if tries and case.controls_disagree(works) else ()


def _unseen(case: Case) -> Evidence:
    """An HTTPS request broke off, and its client recorded no handshake."""
    pages = [o for o in case.facts.http if o.over_tls]
    connected = any(o.failure is None and case.is_genuine(o.endpoint.address) for o in case.facts.tcp)
    if case.facts.tls or not connected or not case.shows(pages, RESET | SILENCE):
        return ()
    return ids(pages) if case.control_proved and case.canary_works else ()


def _request_failed(case: Case) -> Evidence:
    """An HTTPS request failed, and its client recorded neither connect nor handshake: all that is known is
    that it did not get through, where another network did."""
    pages = [o for o in case.facts.http if o.over_tls]
    if case.facts.tcp or case.facts.tls or not case.shows(pages, NOT_THROUGH):
        return ()
    return ids(pages) if case.control_proved and case.canary_works else ()


def slow_handshakes(case: Case) -> Evidence:
    """The quickest handshake takes many times as long as the canary's and a control's."""
    here = case.facts.handshake_s
    canary = case.canary.handshake_s if case.canary is not None else None
    elsewhere = min((s for c in case.controls if (s := c.handshake_s) is not None), default=None)
    if here is None or canary is None or elsewhere is None:
        return ()
    slow = here >= SLOW_HANDSHAKE_S and here >= TIMES_SLOWER * max(canary, elsewhere)
    return ids(proofs(case)) if slow else ()


def _slow_handshake(case: Case) -> Evidence:
    return () if case.overloaded else slow_handshakes(case)


def _down(case: Case) -> Evidence:
    tries = case.tls
    failed = bool(tries) and not any(shows_valid_certificate(o) for o in tries)
    tried = any(c.tls or c.tcp for c in case.controls)
    return ids(tries) if failed and tried and not case.control_finishes_over(tries) else ()


def _uncompared(case: Case) -> Evidence:
    tries = case.tls or [o for o in case.facts.http if o.over_tls and o.failure is not None]
    return ids(tries) if tries and not proofs(case) and not case.facts.proved_pages else ()


def _not_reached(case: Case) -> bool:
    return not case.tls and not any(o.over_tls for o in case.facts.http)


def _rules_for(kind: str, failures: frozenset[Failure]) -> tuple[Rule, ...]:
    def rule(ending: str, mechanism: str, by: str) -> Rule:
        finders = {"name": _by_name, "address": _by_address, "either": _either}
        return Rule(
            f"tls.{kind}.{ending}",
            Layer.TLS,
            State.LIKELY_BLOCKED,
            mechanism,
            Basis.COMPARISON,
            lambda case: finders[by](case, failures),
        )

    return (
        rule("sni", f"tls.{kind}.sni", "name"),
        rule("other", f"tls.{kind}.other", "address"),
        rule("unpaired", f"tls.{kind}", "either"),
    )


TLS_RULES: Final = (
    Rule("tls.not_reached", Layer.TLS, State.INSUFFICIENT, None, Basis.SYMPTOM, _not_reached),
    Rule(
        "tls.throttled_name",
        Layer.TLS,
        State.IMPAIRED,
        "tls.throttle.sni",
        Basis.COMPARISON,
        lambda case: throttled(case, by_name=True),
    ),
    Rule(
        "tls.throttled_unpaired",
        Layer.TLS,
        State.IMPAIRED,
        "tls.throttle",
        Basis.COMPARISON,
        lambda case: throttled(case, by_name=None),
    ),
    Rule("tls.controls_disagree", Layer.TLS, State.IMPAIRED, None, Basis.SYMPTOM, _controls_disagree),
    *_rules_for("reset", RESET),
    *_rules_for("timeout", SILENCE),
    *_rules_for("alert", TURNED_DOWN),
    Rule(
        "tls.fails_variously",
        Layer.TLS,
        State.LIKELY_BLOCKED,
        None,
        Basis.COMPARISON,
        lambda case: _either(case, RESET | SILENCE | TURNED_DOWN),
    ),
    Rule(
        "tls.reset.on_path",
        Layer.TLS,
        State.LIKELY_BLOCKED,
        "tls.reset.sni",
        Basis.COMPARISON,
        _on_path,
    ),
    Rule("tls.handshake_slow", Layer.TLS, State.IMPAIRED, "tls.throttle", Basis.COMPARISON, _slow_handshake),
    *CERTIFICATE_RULES,
    Rule("tls.request_broken", Layer.TLS, State.LIKELY_BLOCKED, None, Basis.COMPARISON, _unseen),
    Rule("tls.request_failed", Layer.TLS, State.LIKELY_BLOCKED, None, Basis.COMPARISON, _request_failed),
    Rule("tls.down", Layer.TLS, State.DOWN, None, Basis.COMPARISON, _down),
    Rule("tls.uncompared", Layer.TLS, State.IMPAIRED, None, Basis.SYMPTOM, _uncompared),
    Rule("tls.unsettled", Layer.TLS, State.INSUFFICIENT, None, Basis.SYMPTOM, lambda case: True),
)
