"""The judge: one measurement with its controls in, one verdict out. Never reads others' conclusions."""

from collections.abc import Sequence
from typing import Final

from observatory.analysis.judging.case import Case, Control, is_address
from observatory.analysis.judging.facts import RESET, SILENCE
from observatory.analysis.judging.leads_to import find_leads_to
from observatory.analysis.judging.reference import Reference
from observatory.analysis.judging.rules.certificates import proofs
from observatory.analysis.judging.rules.dns import DNS_RULES
from observatory.analysis.judging.rules.dns_public import spares_own_resolver
from observatory.analysis.judging.rules.guards import GUARDS, LATE_GUARDS, LINE_GUARDS, OVERLOAD_GUARDS
from observatory.analysis.judging.rules.http import HTTP_RULES
from observatory.analysis.judging.rules.mtproto import MTPROTO_RULES, proved_endpoints
from observatory.analysis.judging.rules.pages import secure_pages
from observatory.analysis.judging.rules.quic import QUIC_RULES
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.analysis.judging.rules.tcp import TCP_RULES
from observatory.analysis.judging.rules.tls import TLS_RULES
from observatory.analysis.judging.rules.web_app import WEB_APP_RULES, asked_web_app
from observatory.model import BLOCKED_STATES, Finding, Layer, StandIn, State, Verdict
from probes.records import Measurement, Payload

RULES_VERSION: Final = "4"

HOST_LAYERS: Final = (DNS_RULES, TCP_RULES, TLS_RULES, HTTP_RULES, QUIC_RULES, WEB_APP_RULES)
DATA_CENTRE_LAYERS: Final = (TCP_RULES, MTPROTO_RULES)
ALL_RULES: Final = (
    *GUARDS,
    *OVERLOAD_GUARDS,
    *LATE_GUARDS,
    *LINE_GUARDS,
    *DNS_RULES,
    *TCP_RULES,
    *TLS_RULES,
    *HTTP_RULES,
    *QUIC_RULES,
    *MTPROTO_RULES,
    *WEB_APP_RULES,
)

# A name that no control resolves is down, whatever its old address still does. After that the strongest
# word comes first, and for one word the layer that a user meets first.
DECIDING: Final = (State.BLOCKED, State.LIKELY_BLOCKED, State.DOWN, State.IMPAIRED)
# Words that a vantage point may not use unless its canary proved itself.
UNSURE: Final = frozenset({State.LIKELY_BLOCKED, State.IMPAIRED, State.INSUFFICIENT})
# What a busy prober may not say while it missed steps of the target's; symptoms beside them.
UNANSWERED: Final = frozenset({State.OK, State.INSUFFICIENT})
SYMPTOMS: Final = frozenset(rule.id for rule in ALL_RULES if rule.basis is Basis.SYMPTOM)
# QUIC and the web app's WebSocket are extra ways: one that could not be settled takes nothing from a host
# that opens over TCP.
ESSENTIAL_FOR_HOST: Final = frozenset({Layer.DNS, Layer.TCP, Layer.TLS, Layer.HTTP})
ESSENTIAL_FOR_APP: Final = frozenset({Layer.TCP, Layer.MTPROTO})


def judge_measurement(
    measurement: Measurement,
    canary: Measurement | None,
    controls: Sequence[Control],
    *,
    reference: Reference,
    provisional: bool = False,
) -> Verdict:
    """Return what a measurement means.

    Shape:  `canary` is the one of the same round; `controls` are measurements of the same target
            by control vantage points in the same window, this one included when it is a control's own.
    Errors: none; what cannot be settled is `insufficient`.
    """
    case = Case(measurement, canary, controls, reference)
    findings = _find(case)
    deciding = _decide(findings, case)
    n_ok, n_tried = _count(case)
    place = case.interference(*Payload)
    return Verdict(
        state=deciding.state,
        layer=deciding.layer,
        mechanism=deciding.mechanism,
        rule_id=deciding.rule_id,
        rules_version=RULES_VERSION,
        reference_version=reference.version,
        evidence=deciding.evidence,
        findings=findings,
        controls=tuple(c.measurement.id for c in case.controls),
        stand_ins=_stand_ins(case),
        acts_at_hop=place.ttl if place is not None else None,
        partial=deciding.state in BLOCKED_STATES and _still_works(case, findings),
        n_ok=n_ok,
        n_tried=n_tried,
        provisional=provisional,
        leads_to=find_leads_to(case) if deciding.state is State.OK else None,
    )


def _find(case: Case) -> tuple[Finding, ...]:
    guard = _first_match(GUARDS, case)
    if guard is not None:
        return (guard,)
    layers = DATA_CENTRE_LAYERS if case.is_data_centre else HOST_LAYERS
    return tuple(
        finding
        for rules in layers
        if (rules is not TLS_RULES or _is_secure(case))
        and (rules is not DNS_RULES or _has_name(case))
        and (rules is not WEB_APP_RULES or asked_web_app(case))
        and (finding := _first_match(rules, case)) is not None
    )


def _has_name(case: Case) -> bool:
    """An address has none to be resolved."""
    return not is_address(case.measurement.target)


def _is_secure(case: Case) -> bool:
    """Whether anything over TLS was to be tried: imports of plain HTTP have no such layer."""
    plain_only = bool(case.facts.http) and not case.facts.tried_tls
    return not plain_only or any(o.endpoint.port == 443 for o in case.facts.tcp)


def _first_match(rules: Sequence[Rule], case: Case) -> Finding | None:
    for rule in rules:
        shown = rule.when(case)
        if shown:
            return Finding(
                layer=rule.layer,
                state=rule.state,
                mechanism=rule.mechanism,
                rule_id=rule.id,
                evidence=shown if isinstance(shown, tuple) else (),
            )
    return None


def _decide(findings: Sequence[Finding], case: Case) -> Finding:
    deciding = _strongest(findings, ESSENTIAL_FOR_APP if case.is_data_centre else ESSENTIAL_FOR_HOST)
    if deciding.layer is Layer.NONE:
        return deciding
    busy = _first_match(OVERLOAD_GUARDS, case) if _rests_on_silence(deciding) else None
    unsure = deciding.state in UNSURE
    late = _first_match(LATE_GUARDS, case) if unsure else None
    lost = _first_match(LINE_GUARDS, case) if unsure and _broke_off(case, deciding) else None
    return busy or late or lost or deciding


def _broke_off(case: Case, finding: Finding) -> bool:
    """It rests on silence, or on connections that ended."""
    shown = set(finding.evidence)
    return any(o.failure in RESET | SILENCE for o in case.measurement.observations if o.id in shown)


def _rests_on_silence(finding: Finding) -> bool:
    """No answer settled it, so that what a busy prober did not hear could have."""
    return finding.state in UNANSWERED or finding.rule_id in SYMPTOMS


def _strongest(findings: Sequence[Finding], layers: frozenset[Layer]) -> Finding:
    for finding in findings:
        if finding.rule_id == "dns.retired":
            return finding
    for state in DECIDING:
        for finding in findings:
            if finding.state is state:
                return finding
    essential = [f for f in findings if f.layer in layers] or list(findings)
    unsettled = next((f for f in essential if f.state is State.INSUFFICIENT), None)
    # The proof that lies deepest speaks for the whole when every layer is well.
    return unsettled or essential[-1]


def _still_works(case: Case, findings: Sequence[Finding]) -> bool:
    """Another way to the same target worked: users are hindered, not shut out."""
    if case.is_data_centre:
        return bool(proved_endpoints(case.facts))
    dns = next((finding for finding in findings if finding.layer is Layer.DNS), None)
    names_open = dns is not None and (dns.state is State.OK or spares_own_resolver(case, dns.evidence))
    return names_open and any(o.status is not None for o in secure_pages(case))


def _count(case: Case) -> tuple[int, int]:
    """k of n: endpoints that proved themselves, of those tried at genuine addresses."""
    if case.is_data_centre:
        answered = {o.endpoint for o in case.facts.front_answers} | proved_endpoints(case.facts)
        return len(answered & set(case.main_endpoints)), len(case.main_endpoints)
    return len({o.endpoint for o in proofs(case)}), len(case.genuine_endpoints)


def _stand_ins(case: Case) -> tuple[StandIn, ...]:
    """What was there to compare with besides control vantage points."""
    there = {
        StandIn.PEER: case.has_peers,
        StandIn.CERTIFICATE: bool(case.facts.proved_addresses),
        StandIn.AUTHENTICATED_ANSWER: bool(case.facts.clean_addresses),
        StandIn.OWN_PREFIX: any(
            case.is_genuine(a) and case.reference.is_telegram_address(a)
            for a in case.facts.resolved_addresses
        ),
    }
    return tuple(stand_in for stand_in, present in there.items() if present)
