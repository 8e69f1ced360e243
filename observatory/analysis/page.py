"""The page that lists every rule, made from the rules themselves."""

from observatory.analysis.judge import ALL_RULES, RULES_VERSION
from observatory.model import Layer

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

Rules version {RULES_VERSION}. This page is made from the rules; `make test` compares them, and `python
-m observatory.analysis.page > docs/judging.md` writes it anew.

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


def write_page() -> str:
    """Return the page as Markdown."""
    lines = [HEAD]
    for layer, title in TITLES.items():
        lines += [f"## {title}", "", "| rule | state | mechanism | basis |", "|---|---|---|---|"]
        lines += [
            f"| `{r.id}` | `{r.state}` | {f'`{r.mechanism}`' if r.mechanism else ''} | {r.basis} |"
            for r in ALL_RULES
            if r.layer is layer
        ]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(write_page(), end="")  # noqa: T201  (this is its purpose)
