"""One measured figure beside its bound."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`bound` is the most that is good; None where the figure is for information."""

    what: str
    value: float
    unit: str
    bound: float | None = None

    @property
    def good(self) -> bool:
        return self.bound is None or self.value <= self.bound

    def __str__(self) -> str:
        bound = "" if self.bound is None else f"  at most {self.bound:g}  {'good' if self.good else 'OVER'}"
        return f"{self.what:<78} {self.value:>9.3f} {self.unit:<6}{bound}"


def show(figure: Figure) -> Figure:
    sys.stdout.write(f"{figure}\n")
    sys.stdout.flush()
    return figure
