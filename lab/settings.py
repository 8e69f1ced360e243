"""The types behind the registry: a censor, what it can be aimed at, and one that is switched on. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from lab import world
from lab.rules import Rule

Value = int | float | str


class Scope(StrEnum):
    ISP = "isp"
    EVERYONE = "everyone"


class Aim(StrEnum):
    """What `hosts` may name."""

    NAMES = "names"
    ADDRESSES = "names or data centres"
    DATA_CENTRES = "data centres"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter: its default, and the check that every given value must pass."""

    default: Value
    expected: str
    check: Callable[[Value], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One censor or failure that is switched on. `isp` is None for scope everyone."""

    isp: world.Isp | None
    hosts: tuple[str, ...]
    params: dict[str, Value] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[str, ...]:
        return world.addresses_of(self.hosts)


def _no_rules(setting: Setting) -> Iterator[Rule]:
    yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Censor:
    """One entry of the registry."""

    id: str
    summary: str
    scope: Scope = Scope.ISP
    is_failure: bool = False
    aim: Aim = Aim.NAMES
    params: dict[str, Param] = field(default_factory=dict)
    rules: Callable[[Setting], Iterable[Rule]] = _no_rules

    @property
    def valid_hosts(self) -> tuple[str, ...]:
        names = () if self.aim in (Aim.DATA_CENTRES, Aim.NOTHING) else tuple(world.CENSORABLE_HOSTS)
        data_centres = () if self.aim in (Aim.NAMES, Aim.NOTHING) else tuple(world.DATA_CENTRES)
        return names + data_centres

    @property
    def default_hosts(self) -> tuple[str, ...]:
        if self.aim is Aim.NOTHING:
            return ()
        return tuple(world.DATA_CENTRES if self.aim is Aim.DATA_CENTRES else world.TELEGRAM_HOSTS)
