"""Query results -> Plotly figures, each with its title and source line inside. Pure."""

from observatory.figures.frame import Caption, Mark, Row, TimeAxis
from observatory.figures.looks import LOOKS, NO_DATA, Look, Shown, Theme
from observatory.figures.share import draw_share
from observatory.figures.timeline import draw_timeline

__all__ = [
    "LOOKS",
    "NO_DATA",
    "Caption",
    "Look",
    "Mark",
    "Row",
    "Shown",
    "Theme",
    "TimeAxis",
    "draw_share",
    "draw_timeline",
]
