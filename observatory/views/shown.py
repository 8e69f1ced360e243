"""What one place of a matrix or chart shows: a state, or that there is no data. Pure."""

from typing import Final

from observatory.model import State

Shown = State | str
"""A state, or `NO_DATA`."""

NO_DATA: Final = "no_data"
