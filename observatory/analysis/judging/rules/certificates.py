"""Whose certificate was shown at a genuine address: the proof of health, or the mark of a middlebox."""

from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.chains import ChainKind
from observatory.analysis.judging.facts import Evidence, Facts, ids, shows_valid_certificate
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Certificate, Failure, TlsObservation

AUTHORITY: Final = Failure.SSL_UNKNOWN_AUTHORITY
# A certificate that has merely run out is the server's fault.
FOREIGN: Final = frozenset({ChainKind.SELF_SIGNED, ChainKind.UNKNOWN_CA, ChainKind.OTHER_NAME})


def proofs(case: Case) -> tuple[TlsObservation, ...]:
    return tuple(
        o
        for o in case.facts.tls
        if shows_valid_certificate(o) and (case.is_genuine(o.endpoint.address) or not o.endpoint.address)
    )


def _valid(case: Case) -> Evidence:
    return ids(proofs(case) or case.facts.proved_pages)


def _client_distrusts(case: Case) -> Evidence:
    """The stored chain is the target's own; only the client's store of authorities did not know it."""
    return ids(o for o in case.facts.tls if case.chain_holds(o))


def _bad_certificates(case: Case) -> tuple[TlsObservation, ...]:
    """Finished handshakes at genuine addresses, all with a chain that does not hold for the name."""
    if any(case.chain_holds(o) for o in case.facts.tls):
        return ()
    done = tuple(o for o in case.tls if o.failure is None)
    return done if done and all(o.certificate_failure is not None for o in done) else ()


def _same_fault(bad: TlsObservation, control: Facts) -> bool:
    """This control was shown the same leaf, or a chain of its own with the same fault."""
    leaves = {o.chain[0].sha256 for o in control.tls if o.chain}
    if bad.chain and leaves:
        return bad.chain[0].sha256 in leaves
    return bad.certificate_failure in {o.certificate_failure for o in control.tls if o.failure is None}


def _same_everywhere(case: Case) -> Evidence:
    """The control was shown the same leaf, or fails in the same way: the fault is at the origin."""
    bad = _bad_certificates(case)
    if not bad or case.control_proved:
        return ()
    failures = {o.certificate_failure for c in case.controls for o in c.tls if o.failure is None}
    same = any(_same_fault(o, control) for o in bad for control in case.controls)
    return ids(bad) if same or failures & {o.certificate_failure for o in bad} else ()


def _foreign(case: Case) -> list[TlsObservation]:
    """Bad certificates that no control was shown, where a control is shown a valid one.

    A certificate that has merely run out, or bears another of the target's own names, is the server's fault.
    """
    if not case.control_proved or not case.canary_works:
        return []
    bad = _bad_certificates(case)
    if any(o.chain and o.chain[0].sha256 in case.control_certificates for o in bad):
        return []
    return [
        o
        for o in bad
        if _fault(case, o) in FOREIGN
        and not _is_targets_own(case, o)
        and not _shown_to_canary(case, o.chain)
        and _seen_valid_there(case, o)
    ]


def _fault(case: Case, handshake: TlsObservation) -> ChainKind | None:
    """What is wrong with a chain: told from the chain itself, by the client's word where it was not kept."""
    kind = case.chain_kind(handshake)
    if kind is not None:
        return kind
    if handshake.certificate_failure is AUTHORITY:
        own = bool(handshake.chain) and handshake.chain[0].self_signed
        return ChainKind.SELF_SIGNED if own else ChainKind.UNKNOWN_CA
    named = handshake.certificate_failure is Failure.SSL_INVALID_HOSTNAME
    return ChainKind.OTHER_NAME if named else ChainKind.OUT_OF_TIME


def _shown_to_canary(case: Case, chain: tuple[Certificate, ...]) -> bool:
    """The canary was shown the same certificate, or another of the same unknown issuer: a program or proxy
    that reads what it can."""
    if case.canary is None or not chain:
        return False
    shown = [o.chain[0] for o in case.canary.tls if o.chain and o.certificate_failure is not None]
    return any(
        leaf.sha256 == chain[0].sha256
        or (leaf.issuer == chain[0].issuer and not (leaf.self_signed or chain[0].self_signed))
        for leaf in shown
    )


def _seen_valid_there(case: Case, handshake: TlsObservation) -> bool:
    """A control was shown a valid chain at this very address, or recorded no addresses at all.

    One of several servers may have lost its intermediate certificate.
    """
    return handshake.endpoint.address in case.controls_proved or not case.controls_proved


def _is_targets_own(case: Case, handshake: TlsObservation) -> bool:
    """A chain that holds, for another name of Telegram's: the server sent the wrong one of its own."""
    if not handshake.chain or _fault(case, handshake) is not ChainKind.OTHER_NAME:
        return False
    names = handshake.chain[0].names
    return bool(names) and all(case.reference.is_telegram_host(name.removeprefix("*.")) for name in names)


def _interception(case: Case, kind: ChainKind) -> Evidence:
    """A control sees a valid chain, and the canary shows its own: only this target is intercepted."""
    return ids(o for o in _foreign(case) if o.chain and _fault(case, o) is kind)


def _interception_unseen(case: Case) -> Evidence:
    """As above, but the certificate itself was not kept."""
    return ids(o for o in _foreign(case) if not o.chain)


def _names_of(leaf: Certificate) -> tuple[str, ...]:
    common_names = [
        part.removeprefix("CN=")
        for text in (leaf.subject, leaf.issuer)
        for part in text.split(",")
        if part.startswith("CN=")
    ]
    return (*leaf.names, *common_names)


def names_block_page(case: Case, leaf: Certificate) -> bool:
    return any(case.is_notice_name(name) for name in _names_of(leaf))


def _block_page_certificate(case: Case, *, self_signed: bool) -> Evidence:
    """The certificate bears the name of a known block page; that needs no comparison."""
    return ids(
        o
        for o in _bad_certificates(case)
        if o.chain
        and o.chain[0].self_signed is self_signed
        and not _shown_to_canary(case, o.chain)
        and names_block_page(case, o.chain[0])
    )


def _intercepts_everything(case: Case) -> Evidence:
    """The canary's chain fails in the same way: a proxy for all traffic, or a wrong clock."""
    if case.canary is None or case.canary_works:
        return ()
    failures = {o.certificate_failure for o in case.canary.tls if o.failure is None}
    return ids(o for o in _bad_certificates(case) if o.certificate_failure in failures)


def _own_interceptor(case: Case) -> Evidence:
    """The chain is made by a program that customers run themselves, whatever it spares."""
    bad = _bad_certificates(case)
    own = [o for o in bad if any(case.reference.is_interceptor(c.issuer) for c in o.chain)]
    return ids(own) if len(own) == len(bad) else ()


def _mitm(id_: str, kind: ChainKind, state: State) -> Rule:
    return Rule(
        id_,
        Layer.TLS,
        state,
        id_,
        Basis.ARTEFACT if state is State.BLOCKED else Basis.COMPARISON,
        lambda case: _interception(case, kind),
    )


def _known(kind: str, *, self_signed: bool) -> Rule:
    return Rule(
        f"tls.blockpage_certificate.{kind}",
        Layer.TLS,
        State.BLOCKED,
        f"tls.mitm.{kind}" if self_signed else "tls.mitm",
        Basis.ARTEFACT,
        lambda case: _block_page_certificate(case, self_signed=self_signed),
    )


CERTIFICATE_RULES: Final = (
    Rule("tls.certificate_valid", Layer.TLS, State.OK, None, Basis.PROOF, _valid),
    Rule("tls.client_distrusts", Layer.TLS, State.INSUFFICIENT, None, Basis.GUARD, _client_distrusts),
    Rule("tls.certificate_bad_everywhere", Layer.TLS, State.DOWN, None, Basis.COMPARISON, _same_everywhere),
    Rule(
        "tls.intercepts_everything",
        Layer.TLS,
        State.INSUFFICIENT,
        None,
        Basis.GUARD,
        _intercepts_everything,
    ),
    Rule("tls.own_interceptor", Layer.TLS, State.INSUFFICIENT, None, Basis.GUARD, _own_interceptor),
    _mitm("tls.mitm.self_signed", ChainKind.SELF_SIGNED, State.BLOCKED),
    _mitm("tls.mitm.unknown_ca", ChainKind.UNKNOWN_CA, State.BLOCKED),
    _mitm("tls.mitm.ca_signed", ChainKind.OTHER_NAME, State.LIKELY_BLOCKED),
    _known("self_signed", self_signed=True),
    _known("other", self_signed=False),
    Rule(
        "tls.mitm.unseen",
        Layer.TLS,
        State.LIKELY_BLOCKED,
        "tls.mitm",
        Basis.COMPARISON,
        _interception_unseen,
    ),
)
