"""Makes network data safe to display: nothing hidden, nothing endless. Pure."""

import unicodedata
from math import isfinite
from typing import Final

from observatory.text import Text
from probes.records import Endpoint

MAX_TEXT: Final = 300
MAX_LISTED: Final = 12


def printable(content: str, limit: int = MAX_TEXT) -> str:
    """Return text from the network without characters that hide or turn others round, and cut short."""
    shown = "".join(
        c
        if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")
        else "\N{REPLACEMENT CHARACTER}"
        for c in content[: limit + 1]
    )
    return shown if len(shown) <= limit else f"{shown[:limit]} …"


def duration(seconds: float, text: Text) -> str:
    """Return `31 ms`, or `1.5 s` from a second on."""
    if not isfinite(seconds):
        return "?"
    if seconds < 1:
        return text("step.ms", n=text.number(round(1000 * seconds, 1 if seconds < 0.01 else None)))
    return text("step.s", n=text.number(round(seconds, 1)))


def place(endpoint: Endpoint, text: Text) -> str:
    """Return address and port; in words where the address was not written down."""
    if endpoint.address:
        return printable(str(endpoint))
    return text("step.no_address", port=endpoint.port)


def listed(items: tuple[str, ...], text: Text) -> str:
    shown = [printable(item) for item in items[:MAX_LISTED]]
    if len(items) > MAX_LISTED:
        shown.append(text("step.more", n=text.number(len(items) - MAX_LISTED)))
    return ", ".join(shown)
