"""What one measurement means: the finding, the rule behind it, what it was compared with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from observatory.model import Finding, State, Verdict
from observatory.model.endpoints import count_endpoints
from observatory.model.views import VantageStatus
from observatory.text import Text
from observatory.text.rules import RuleText
from observatory.views.printable import duration, printable
from observatory.views.words import escape_markdown, mechanism_words, where_and_how
from probes.records import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingWords:
    """A rule that matched: which layer it speaks of, its state in words, and its texts where it has any."""

    layer: str
    state: str
    rule_id: str
    texts: RuleText | None


def headline(
    measurement: Measurement, verdict: Verdict, vantage: VantageStatus | None, text: Text, zone: tzinfo
) -> str:
    """Return the finding in one sentence that may be quoted."""
    on = text(
        "measured.on",
        at=text.moment(measurement.started_at, zone),
        vantage=vantage.name if vantage else printable(measurement.vantage),
        isp=vantage.isp if vantage else "?",
        asn=measurement.asn,
    )
    how = mechanism_words(verdict.mechanism, text) or where_and_how(verdict.layer, None, text)
    sentence = text(f"measured.{verdict.state}", on=on, target=printable(measurement.target), how=how)
    if verdict.partial and verdict.state is not State.OK:
        sentence = f"{sentence} {text('legend.partly')}"
    leads = verdict.leads_to
    if leads is not None:
        led_how = mechanism_words(leads.mechanism, text) or text(f"state.{leads.state}")
        led = text(f"measured.leads_to_{leads.state}", place=printable(leads.target), how=led_how)
        sentence = f"{sentence} {led}"
    return sentence


def judged(finding: Finding | Verdict, texts: Mapping[str, RuleText], text: Text) -> FindingWords:
    """Return a finding, or the verdict itself, with the words of its rule."""
    how = mechanism_words(finding.mechanism, text)
    state = text(f"state.{finding.state}")
    return FindingWords(
        layer=text(f"layer.{finding.layer}"),
        state=f"{state}: {how}" if how else state,
        rule_id=finding.rule_id,
        texts=texts.get(finding.rule_id),
    )


def comparisons(verdict: Verdict, text: Text) -> tuple[str, ...]:
    """Return what there was to compare with besides controls, and where on the path something acted."""
    sentences: list[str] = []
    if verdict.stand_ins:
        names = [text(f"measured.stand_in_{stand_in}") for stand_in in verdict.stand_ins]
        sentences.append(text("measured.stand_ins", what=text.listed(names)))
    if verdict.acts_at_hop is not None:
        sentences.append(text("measured.path", near=verdict.acts_at_hop - 1, far=verdict.acts_at_hop))
    return tuple(sentences)


def endpoint_words(measured: Measurement, text: Text) -> tuple[str, ...]:
    """Return one sentence for each IP version over which a data centre was tried."""
    return tuple(
        text(
            "measured.endpoints",
            ip_version=count.ip_version,
            ok=text.number(count.n_ok),
            tried=text.number(count.n_tried),
        )
        for count in count_endpoints(measured)
    )


def provenance(
    measurement: Measurement, verdict: Verdict, vantage: VantageStatus | None, text: Text
) -> tuple[tuple[str, str], ...]:
    """Return (name, value) of everything that tells where a measurement comes from."""
    facts = {
        "vantage": f"{vantage.name} ({measurement.vantage})" if vantage else measurement.vantage,
        "resolver": measurement.resolver,
        "public_resolver": measurement.public_resolver,
        "via": measurement.via,
        "software": measurement.software,
        "trust": measurement.trust,
        "origin": measurement.origin or text("measured.own"),
        "emulated": text("measured.yes" if measurement.emulated else "measured.no"),
        "duration": duration(measurement.duration_s, text),
        "lag": duration(measurement.lag_s, text),
        "rules": verdict.rules_version,
        "reference": verdict.reference_version,
        "id": measurement.id,
        "round": measurement.round_id,
    }
    return tuple((text(f"measured.fact_{name}"), printable(value)) for name, value in facts.items() if value)


def rule_lines(deciding: FindingWords, text: Text) -> list[str]:
    """Return, in Markdown, the rule that decided and what it claims."""
    lines = [f"**{escape_markdown(text('measured.rule', rule=deciding.rule_id))}**"]
    if deciding.texts is None:
        return [*lines, text("measured.rule_unknown")]
    for part in ("claims", "besides", "change"):
        said = deciding.texts.says if part == "claims" else getattr(deciding.texts, part)
        lines.append(f"- **{text(f'measured.{part}')}:** {escape_markdown(said)}")
    return lines


def layer_line(finding: FindingWords) -> str:
    """Return, in Markdown, what was found on one layer."""
    line = f"- **{escape_markdown(finding.layer)}**: {escape_markdown(finding.state)}\\. "
    says = finding.texts.says if finding.texts else ""
    return f"{line}{escape_markdown(says)} (`{finding.rule_id}`)"


def measurement_file_name(measurement: Measurement) -> str:
    """Return the name of the file with a whole measurement, without characters that a system refuses."""
    kept = "".join(c if c.isalnum() or c in "-." else "-" for c in measurement.target[:60])
    emulated = "-emulated" if measurement.emulated else ""
    return f"measurement-{kept}-{measurement.started_at:%Y%m%dT%H%M%SZ}{emulated}.json"
