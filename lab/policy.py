"""What the servers must say, given what is switched on: a snapshot, sent whole on every change. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from lab import world
from lab.state import LabState

NXDOMAIN: Final = "nxdomain"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverPolicy:
    """One ISP resolver. `broken` is "", servfail, timeout or refused; `lies` maps a name to an address
    or to "nxdomain"."""

    broken: str = ""
    lies: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that the service process needs to know of the censors and failures."""

    resolvers: dict[str, ResolverPolicy] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    aaaa_only: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    forbidden: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def policy_of(state: LabState) -> Policy:
    """Return what the servers must say in this state."""
    return Policy(
        resolvers={isp.id: _resolver(state, isp) for isp in world.ISPS.values()},
        retired=state.everywhere("name_retired"),
        aaaa_only=state.everywhere("aaaa_only"),
        expired=state.everywhere("expired_certificate"),
        mismatched=state.everywhere("wrong_certificate"),
        forbidden={
            isp_id: setting.hosts for isp_id in world.ISPS if (setting := state.of(isp_id, "geoblock_403"))
        },
    )


def load_policy(data: dict[str, Any]) -> Policy:
    """Read back what `Policy.to_json` wrote. Errors: KeyError or TypeError for anything else."""
    return Policy(
        resolvers={name: ResolverPolicy(**fields) for name, fields in data["resolvers"].items()},
        retired=tuple(data["retired"]),
        aaaa_only=tuple(data["aaaa_only"]),
        expired=tuple(data["expired"]),
        mismatched=tuple(data["mismatched"]),
        forbidden={name: tuple(hosts) for name, hosts in data["forbidden"].items()},
    )


def _resolver(state: LabState, isp: world.Isp) -> ResolverPolicy:
    lies: dict[str, str] = {}
    # The later one wins where two lie about the same name.
    for censor_id in ("dns_bogon", "dns_hijack", "dns_blockpage", "dns_nxdomain"):
        setting = state.of(isp.id, censor_id)
        if setting is None:
            continue
        lie = {"dns_bogon": str(setting.params.get("address")), "dns_nxdomain": NXDOMAIN}.get(
            censor_id, isp.notice_address
        )
        lies |= dict.fromkeys(setting.hosts, lie)
    broken = state.of(isp.id, "resolver_broken")
    return ResolverPolicy(broken=str(broken.params["mode"]) if broken else "", lies=lies)
