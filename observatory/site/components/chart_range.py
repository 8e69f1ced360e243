"""What a chart over time shows: one group of targets between two days, as the address says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import streamlit as st

from observatory.model import BLOCKED_STATES, LEADS_TO, OVERALL, Cell, Event, Grain, Role
from observatory.model.known_dates import KnownDate
from observatory.model.views import Share, VantageStatus
from observatory.reference.known_dates import load_known_dates
from observatory.site.components.address import choose_days, choose_one
from observatory.site.components.page import View
from observatory.site.known_targets import known_targets
from observatory.site.reads import read_cells, read_events, read_latest, read_share
from observatory.text import zone_name
from observatory.views.bands import find_bands
from observatory.views.charts import Band, DateMark, TimeAxis
from observatory.views.known_dates import dates_between, mark_dates
from observatory.views.matrix import TargetGroup, group_targets
from observatory.views.ranges import bucket_range, default_days

BY_TARGET: Final = "target"
BY_NETWORK: Final = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRange:
    """What the charts of a page show: one group of targets between two moments."""

    view: View
    kind: TargetGroup
    targets: tuple[str, ...]
    axis: TimeAxis
    known: tuple[KnownDate, ...]
    marks: tuple[DateMark, ...]
    events: tuple[tuple[Band, Event], ...]

    @property
    def probes(self) -> tuple[VantageStatus, ...]:
        return tuple(v for v in self.view.vantages if v.role is Role.PROBE)

    @property
    def bands(self) -> tuple[Band, ...]:
        return tuple(band for band, _ in self.events)

    @property
    def span(self) -> dict[str, str]:
        """Return start and end of what is drawn, for sentences."""
        local = self.view.text.local
        return {
            "start": local(self.axis.start, self.view.zone),
            "end": f"{local(self.axis.end, self.view.zone)} {_zone(self.view, self.axis.end)}",
        }

    def shares(self, by: str) -> tuple[Share, ...]:
        return read_share(
            self.view.url,
            self.view.coverage,
            self.axis.grain,
            self.axis.start,
            self.axis.end,
            "vantage" if by == BY_NETWORK else "target",
            self.targets,
            tuple(v.id for v in self.probes),
            self.view.emulated,
        )

    def cells(
        self, targets: tuple[str, ...], vantages: tuple[str, ...], *, layer: str = OVERALL
    ) -> tuple[Cell, ...]:
        return read_cells(
            self.view.url,
            self.view.coverage,
            self.axis.grain,
            self.axis.start,
            self.axis.end,
            targets,
            vantages,
            self.view.emulated,
            layer,
        )

    def led_to_block(self, targets: tuple[str, ...], vantages: tuple[str, ...]) -> tuple[Cell, ...]:
        """Return the counts of measurements that were ok and led their visitors to a blocked host."""
        cells = self.cells(targets, vantages, layer=LEADS_TO)
        return tuple(cell for cell in cells if cell.state in BLOCKED_STATES)


def choose_range(view: View) -> ChartRange | None:
    """Draw the choices of group and days; None when they leave nothing to show, after saying so."""
    text = view.text
    default = default_days(view.coverage, view.zone)
    if default is None:
        return None
    left, right = st.columns([3, 2])
    with left:
        kinds = [str(kind) for kind in TargetGroup]
        kind = TargetGroup(
            choose_one("what", text("over_time.what"), kinds, lambda k: text(f"group.{k}"), as_buttons=True)
        )
    with right:
        label = text("over_time.range", zone=_zone(view, view.now))
        days = choose_days("days", label, default)
    if days is None:
        st.info(text("missing.range_open"))
        return None
    every_s = max((v.every_s for v in view.vantages if v.enabled), default=0.0)
    start, end, grain = bucket_range(*days, view.zone, view.coverage, every_s=every_s)
    measured = (latest.target for latest in read_latest(view.url, view.coverage, view.emulated))
    zone = _zone(view, start)
    known = dates_between(load_known_dates(), start, end)
    targets = group_targets(known_targets(), measured)[kind]
    axis = TimeAxis(
        start=start,
        end=end,
        grain=grain,
        zone=view.zone,
        title=text("over_time.axis" if grain is Grain.HOUR else "over_time.axis_day", zone=zone),
    )
    return ChartRange(
        view=view,
        kind=kind,
        targets=targets,
        axis=axis,
        events=find_bands(read_events(view.url, view.coverage, view.emulated), axis, targets),
        known=known,
        marks=mark_dates(known, end - start),
    )


def _zone(view: View, at: datetime) -> str:
    return zone_name(at.astimezone(view.zone))
