"""Query results -> Plotly figures, each with its title and source line inside. Pure."""

from observatory.figures.looks import LOOKS, Look, Theme
from observatory.figures.parts import Band, Caption, ChartRow, DateMark, TimeAxis
from observatory.figures.share import draw_share
from observatory.figures.spells import draw_spells
from observatory.figures.timeline import draw_timeline
from observatory.views.shown import NO_DATA, Shown

__all__ = [
    "LOOKS",
    "NO_DATA",
    "Band",
    "Caption",
    "ChartRow",
    "DateMark",
    "Look",
    "Shown",
    "Theme",
    "TimeAxis",
    "draw_share",
    "draw_spells",
    "draw_timeline",
]
