"""Views as Plotly figures, each with its title and source line inside. Pure."""

from observatory.figures.looks import LOOKS, Look, Theme
from observatory.figures.share import draw_share
from observatory.figures.spells import draw_spells
from observatory.figures.timeline import draw_timeline

__all__ = [
    "LOOKS",
    "Look",
    "Theme",
    "draw_share",
    "draw_spells",
    "draw_timeline",
]
