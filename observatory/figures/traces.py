"""Plotly's figures and traces, as the charts make them.

Plotly is loaded when the first figure is made, not with this module: it brings `socket` along, by way of
`email.utils`, and a chart is nothing but a value.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import plotly.graph_objects as go  # type: ignore[import-untyped]

Figure: TypeAlias = "go.Figure"
Trace: TypeAlias = "go.Bar | go.Heatmap | go.Scatter"


def new_figure() -> Figure:
    """Return an empty figure."""
    import plotly.graph_objects as go

    return go.Figure()


def bar_trace(**options: Any) -> Trace:
    """Return horizontal bars that start at `base` and last `x` milliseconds: what a date axis needs."""
    import plotly.graph_objects as go

    return go.Bar(orientation="h", marker_line_width=0, hoverinfo="skip", width=0.86, **options)


def heatmap_trace(**options: Any) -> Trace:
    """Return fields of colour, one for each value of `z`."""
    import plotly.graph_objects as go

    return go.Heatmap(**options)


def marker_trace(**options: Any) -> Trace:
    """Return single marks."""
    import plotly.graph_objects as go

    return go.Scatter(mode="markers", **options)
