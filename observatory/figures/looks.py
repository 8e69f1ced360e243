"""How each state looks: a sign, a pattern and a colour, so that none of them is needed to tell states apart.

Colours follow Okabe and Ito (2008): blue against vermilion stays apart for every kind of colour blindness,
and the order of lightness (ok lightest, blocked darkest) survives a black-and-white printer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from observatory.model import State
from observatory.views.shown import NO_DATA, Shown


class Theme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`sign` is one or two characters that ordinary system fonts have; `pattern` a Plotly fill shape.

    `fill` and `ink` (sign and pattern on it) are CSS colours, the same in both themes.
    """

    sign: str
    fill: str
    ink: str
    pattern: str = ""


LOOKS: Final[Mapping[Shown, Look]] = MappingProxyType(
    {
        State.OK: Look(sign="✓", fill="#CFE6F5", ink="#0B4F79"),
        State.BLOCKED: Look(sign="✕", fill="#9E2A0B", ink="#FFFFFF"),
        State.LIKELY_BLOCKED: Look(sign="✕?", fill="#E58A5B", ink="#3A1002", pattern="\\"),
        State.IMPAIRED: Look(sign="~", fill="#F4DB7D", ink="#4A3A00", pattern="."),
        State.DOWN: Look(sign="↓", fill="#7A6BA8", ink="#FFFFFF", pattern="-"),
        State.INSUFFICIENT: Look(sign="?", fill="#C4C9CF", ink="#23282E", pattern="x"),
        NO_DATA: Look(sign="–", fill="#E9ECEF", ink="#5B636C", pattern="/"),
    }
)

SEVERITY: Final = (
    State.BLOCKED,
    State.LIKELY_BLOCKED,
    State.IMPAIRED,
    State.DOWN,
    State.OK,
    State.INSUFFICIENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The colours around the data."""

    background: str
    text: str
    faint: str
    line: str


PAPERS: Final[Mapping[Theme, Paper]] = MappingProxyType(
    {
        Theme.LIGHT: Paper(background="#FFFFFF", text="#1B1F24", faint="#5B636C", line="#D5DAE0"),
        Theme.DARK: Paper(background="#12161B", text="#E6EAEE", faint="#A3ACB6", line="#343C46"),
    }
)

# One hue, light to dark, for any share above zero; none at all has the colour of "ok". No shade is grey.
SHARE_SCALE: Final = (
    (0.0, "#CFE6F5"),
    (0.0005, "#CFE6F5"),
    (0.0005, "#FBE3D3"),
    (0.25, "#F3B795"),
    (0.5, "#E58A5B"),
    (0.75, "#C2511F"),
    (1.0, "#7A1C04"),
)
