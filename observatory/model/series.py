"""What is followed over time: one target in one network."""

from dataclasses import dataclass, replace

from observatory.model.verdicts import OVERALL


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Series:
    """The key of a series: of hourly counts, of a sequential test, of the spells it found.

    Shape:  what is left out is added up: without `vantage`, all vantage points of the network; without
            `layer`, the verdict as a whole. `resolver` is whom the vantage point asks, for dns alone.

    One record with defaults rather than a class for each depth: a layer is looked up beside the whole, and
    keys that mean the same must be equal wherever they were made. By keyword alone, because "target, network"
    and "network, target" are both natural orders.
    """

    target: str
    asn: int
    emulated: bool = False
    layer: str = OVERALL
    resolver: str = ""
    vantage: str = ""

    def of_layer(self, layer: str, resolver: str = "") -> "Series":
        """Return the same target and network, looked at in one layer."""
        return replace(self, layer=layer, resolver=resolver)
