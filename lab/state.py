"""What is switched on: an immutable value, its changes, and what follows for the routers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab import world
from lab.censors import CENSORS
from lab.rules import Place, Rule
from lab.settings import Censor, Scope, Setting, Value

EVERYONE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One change: turn a censor on or off at some networks. `isps` is ("*",) for scope everyone.

    `hosts` None means all it can be aimed at by default; off with hosts takes only those off.
    """

    isps: tuple[str, ...]
    censor: Censor
    on: bool
    hosts: tuple[str, ...] | None = None
    params: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabState:
    """Settings by (network id or "*", censor id)."""

    settings: Mapping[tuple[str, str], Setting] = field(default_factory=dict)

    def switched(self, change: Switch) -> "LabState":
        """Return the state after the change. Repeating a change changes nothing."""
        settings = dict(self.settings)
        for isp_id in change.isps:
            key = (isp_id, change.censor.id)
            before = settings.pop(key, None)
            after = _on(change, isp_id, before) if change.on else _off(change, before)
            if after is not None:
                settings[key] = after
        return LabState(settings)

    def of(self, isp_id: str, censor_id: str) -> Setting | None:
        """Return the setting of a censor at a network, or None when it is off there."""
        return self.settings.get((isp_id, censor_id))

    def everywhere(self, censor_id: str) -> tuple[str, ...]:
        """Return the hosts that a censor of scope everyone concerns now."""
        setting = self.of(EVERYONE, censor_id)
        return setting.hosts if setting else ()

    def rules(self, isp_id: str, place: Place) -> tuple[Rule, ...]:
        """Return a router's rules; `isp_id` is "*" for the routers that belong to no ISP."""
        # In the order of the registry, not of switching: the same state is always the same ruleset.
        return tuple(
            rule
            for censor in CENSORS.values()
            if (setting := self.of(isp_id, censor.id))
            for rule in censor.rules(setting)
            if rule.place is place
        )

    def to_json(self) -> list[dict[str, Any]]:
        """Return what is on as plain data, in the order of the registry of networks and censors."""
        order = {name: index for index, name in enumerate((EVERYONE, *world.ISPS))}
        ranks = {name: index for index, name in enumerate(CENSORS)}
        return [
            {"isp": isp_id, "censor": censor_id, "hosts": list(setting.hosts), "params": dict(setting.params)}
            for (isp_id, censor_id), setting in sorted(
                self.settings.items(), key=lambda item: (order[item[0][0]], ranks[item[0][1]])
            )
        ]


def _on(change: Switch, isp_id: str, before: Setting | None) -> Setting:
    wanted = set(change.censor.default_hosts if change.hosts is None else change.hosts)
    if before:
        wanted |= set(before.hosts)
    defaults = {name: param.default for name, param in change.censor.params.items()}
    return Setting(
        isp=None if change.censor.scope is Scope.EVERYONE else world.ISPS[isp_id],
        hosts=tuple(host for host in change.censor.valid_hosts if host in wanted),
        params={**defaults, **(before.params if before else {}), **change.params},
    )


def _off(change: Switch, before: Setting | None) -> Setting | None:
    if before is None or change.hosts is None:
        return None
    left = tuple(host for host in before.hosts if host not in change.hosts)
    return Setting(isp=before.isp, hosts=left, params=before.params) if left else None
