"""The page that lists every rule, made from the rules themselves and from their texts."""

from observatory.analysis.judging.judge import ALL_RULES, RULES_VERSION
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer
from observatory.text.rules import load_rule_texts

TITLES = {
    Layer.NONE: "Guards: can the measurement speak at all?",
    Layer.DNS: "DNS",
    Layer.TCP: "TCP and addresses",
    Layer.TLS: "TLS",
    Layer.HTTP: "HTTP",
    Layer.QUIC: "QUIC",
    Layer.MTPROTO: "MTProto",
}

HEAD = f"""# How a measurement is judged

Rules version {RULES_VERSION}. This page is made from the rules and their texts; `make test` compares
them, and `python -m observatory.views.rules_page > docs/judging.md` writes it anew.

A measurement holds observations and concludes nothing. The judge lays them out beside the control host
of the same round (which nobody blocks) and the control measurements of the same window, and asks each
layer's rules in order; the first that matches decides its layer and its id is stored. Guards come before
all layers. A data centre is judged by the rules for TCP and MTProto, a host by all others.

The verdict is then the strongest finding: `blocked`, `likely_blocked`, `down`, `impaired`, and within a
word the layer a user meets first. A name that no control resolves is `down` before anything else. Only
when every essential layer (not QUIC) is `ok` is the verdict `ok`.

What holds for every rule:
- An address is judged by what it is: one that shows a certificate valid for the name proves itself; so
  does one in a prefix that Telegram announces, or one that a control resolves. Equality with the
  control's answers is not asked for.
- What was measured against a forged address says nothing about the target.
- What rests on comparison needs a control that was online and reached the same thing, and a control host
  that worked here.
- Silence heard by an overloaded prober shows nothing.
- A control vantage point is its own control: what fails there is `down`, unless another control
  disagrees.
"""


BASES = {
    Basis.GUARD: "whether the measurement can speak at all",
    Basis.ARTEFACT: "something that only a filter leaves behind",
    Basis.COMPARISON: "what works for a control, or under another name, and not here",
    Basis.PROOF: "the target proved itself",
    Basis.SYMPTOM: "it fails or is unclear, and nothing settles why",
}


def write_page() -> str:
    """Return the page as Markdown."""
    lines = [HEAD, "Kinds of evidence:"]
    lines += [f"- {basis}: {meaning}." for basis, meaning in BASES.items()]
    for layer, title in TITLES.items():
        lines += ["", f"## {title}"]
        for rule in ALL_RULES:
            if rule.layer is layer:
                lines += _describe(rule)
    return "\n".join(lines) + "\n"


def _describe(rule: Rule) -> list[str]:
    text = load_rule_texts("en")[rule.id]
    mechanism = f", mechanism `{rule.mechanism}`" if rule.mechanism else ""
    return [
        "",
        f"### `{rule.id}`",
        f"State `{rule.state}`{mechanism}; evidence: {rule.basis}.",
        "",
        f"- **Claims:** {text.says}",
        f"- **What else could explain it:** {text.besides}",
        f"- **What would have changed its mind:** {text.change}",
    ]


if __name__ == "__main__":
    print(write_page(), end="")  # noqa: T201  (this is its purpose)
