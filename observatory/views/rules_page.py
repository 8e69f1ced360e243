"""The page that lists every rule, made from the rules themselves and from their texts."""

from observatory.analysis.judging.judge import ALL_RULES, RULES_VERSION
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer
from observatory.text.rules import load_rule_texts

TITLES = {
    Layer.NONE: "Guards: can the measurement show anything?",
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

A measurement holds observations and concludes nothing. The judge compares them with the canary of the
same round (the host nobody blocks, "check site" on the pages) and with the control measurements of the
same time window, and asks each layer's rules in order; the first that matches decides its layer, and its
id is stored. Guards come before all layers. A data centre is judged by the rules for TCP and MTProto, a
host by all others, and by `mtproto.web_app.*` where it is a front of the web app.

The verdict is then the strongest finding: `blocked`, `likely_blocked`, `down`, `impaired`, and among equals
that of the layer a user meets first. A name that no control resolves is `down` before anything else. Only
when every essential layer (neither QUIC nor the web app's WebSocket) is `ok` is the verdict `ok`.

What holds for every rule:
- An address is judged by what it is: it is verified by a certificate valid for the name, by a prefix that
  Telegram announces, by a control that resolves the name to it, or by the plain page that a control got. It
  need not equal the control's answers. One made by a network's NAT64 is the IPv4 address inside.
- A stored chain of certificates is verified anew; the client's word counts where none was stored.
- What a control was shown too (a page, a redirect) is no notice. A redirect is the target's own where a
  control got it, or where the server that proved itself over TLS sends there, too.
- An IP version counts where this vantage point has it; "no way out" from its own machine is its own fault.
- What was measured against a forged address says nothing about the target.
- What rests on comparison needs a control that had a connection and reached the same thing, and a canary
  that worked here.
- A resolver's silence or refusal accuses no name while the canary, asked for beside the retries, meets the
  same: resolvers and routers that limit rates drop, cut short or refuse what comes too fast.
- Silence and slowness heard by an overloaded prober show nothing: neither a block nor that all is well.
  What it did hear counts.
- Through a SOCKS proxy, what the proxy says of itself (a ruleset, a failure, a login) is never a block, and
  a connection that ends before a byte of the far end's came may have ended at the proxy. Replies 3 to 5
  (unreachable, refused) and silence count as without one.
- An ok target whose own redirect leads to another host stays ok, whatever stands there. `leads_to` says how
  that host fares: by its own verdict in the same round, else by what the client was shown there, else
  `insufficient`. It goes on from host to host, up to the first that is not ok.
- A control is its own control: what fails there is `down`, unless another control disagrees.
"""


BASES = {
    Basis.GUARD: "whether the measurement can show anything",
    Basis.ARTEFACT: "a trace of a filter",
    Basis.COMPARISON: "what works at a control, or under another name, and not here",
    Basis.PROOF: "the target was verified",
    Basis.SYMPTOM: "it fails or is unclear, and the cause is not settled",
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
        f"- **What would have led to another verdict:** {text.change}",
    ]


if __name__ == "__main__":
    print(write_page(), end="")  # noqa: T201  (this is its purpose)
