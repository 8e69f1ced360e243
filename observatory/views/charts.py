"""What a chart is made from: caption, rows, a local time axis, marks of dates, bands of events. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from observatory.model import Grain
from observatory.model.views import VantageStatus

_MAX_TICKS: Final = 5
_STEP: Final = {Grain.HOUR: timedelta(hours=1), Grain.DAY: timedelta(days=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """The words inside a picture: title, what and when it covers, where it comes from."""

    title: str
    scope: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """One line of a chart: `key` as in the query result, `name` for people (plain text).

    `below` says what of it: then the name is cut to one line of the label.
    """

    key: str
    name: str
    below: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateMark:
    """A known date: its number in the list next to the chart."""

    at: datetime
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An event above a chart: surely going on from `start` to `end`, at most from `earliest` to `latest`.

    `label` is its number in the list next to the chart. `earliest` is None where it was there before anybody
    measured; `end` is None while it goes on, and `latest` is None where no end is known.
    """

    label: str
    earliest: datetime | None
    start: datetime
    end: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """The buckets of a chart, end exclusive, and the zone that people read them in.

    With `zero` the chart is read as distances from it, in days or hours, not as dates.
    """

    start: datetime
    end: datetime
    grain: Grain
    zone: tzinfo
    title: str
    zero: datetime | None = None

    @property
    def step(self) -> timedelta:
        return _STEP[self.grain]

    @property
    def buckets(self) -> tuple[datetime, ...]:
        n = -((self.start - self.end) // self.step)
        return tuple(self.start + i * self.step for i in range(n))

    def local(self, at: datetime) -> datetime:
        """Return naive local time: Plotly draws what it is given and knows no zones."""
        return at.astimezone(self.zone).replace(tzinfo=None)

    def ticks(self) -> tuple[datetime, ...]:
        """Return a few local midnights, or full hours when the chart is shorter than two days."""
        near, far = self.local(self.start), self.local(self.start + len(self.buckets) * self.step)
        if self.zero is not None:
            zero = self.local(self.zero)
            wide = self.step * max(1, -(-len(self.buckets) // _MAX_TICKS))
            behind = (zero - near) // wide
            return tuple(at for i in range(-behind, _MAX_TICKS + 1) if near <= (at := zero + i * wide) < far)
        midnight = datetime.combine(near.date(), time())
        step = timedelta(hours=max(1, -(-(far - near) // timedelta(hours=_MAX_TICKS))))
        if far - near > timedelta(days=2):
            step = timedelta(days=-(-(far - near) // timedelta(days=_MAX_TICKS)))
        n = (far - midnight) // step + 1
        return tuple(at for i in range(n) if near <= (at := midnight + i * step) < far)

    def distance(self, at: datetime) -> str:
        """Return how many steps a bucket lies from `zero`, with its sign: `+3`."""
        n = (at - (self.zero or self.start)) // self.step
        return f"{n:+d}" if n else "0"


def network_rows(probes: Sequence[VantageStatus], measured: Collection[str]) -> list[ChartRow]:
    """Return a row for each vantage point in force, and for each other one that measured something then."""
    shown = [v for v in probes if (v.enabled and not v.removed) or v.id in measured]
    names = [v.isp for v in shown]
    return [ChartRow(key=v.id, name=v.name if names.count(v.isp) > 1 else v.isp) for v in shown]
