"""What is assessed: the names blocked in 2017 and the data centres of the app."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from observatory.reference.files import load_yaml
from probes.records import Target, TargetKind

# Names that select several targets at once on the command line.
TARGET_GROUPS: Final[Mapping[str, TargetKind]] = {
    "web": TargetKind.HOST,
    "telegram-app": TargetKind.DATA_CENTRE,
}


@cache
def load_targets() -> tuple[Target, ...]:
    """Return what is assessed: the eleven names of 2017, then the app's data centres."""
    telegram = load_yaml("telegram.yaml")
    hosts = (
        Target(
            name=host["name"],
            kind=TargetKind.HOST,
            addresses=tuple(host.get("addresses", ())),
            front_of=host.get("front_of", ""),
        )
        for host in telegram["hosts"]
    )
    data_centres = (
        Target(
            name=dc["name"], kind=TargetKind.DATA_CENTRE, addresses=tuple(dc["addresses"]), ports=(443, 80)
        )
        for dc in telegram["data_centres"]
    )
    return (*hosts, *data_centres)
