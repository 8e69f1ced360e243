"""How the servers must answer, given what is switched on: a snapshot, sent whole on every change. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from lab import world
from lab.settings import Setting
from lab.state import EVERYONE, LabState


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """The false answer for one name.

    `rcode` is NOERROR, NXDOMAIN, REFUSED, SERVFAIL, or "" for silence; `address` "" is an empty answer;
    `alias` is the name a CNAME leads to first; `ede` is the extended error (RFC 8914), 0 for none.
    """

    rcode: str = "NOERROR"
    address: str = ""
    alias: str = ""
    ede: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverPolicy:
    """One ISP resolver. `broken` is "", servfail, timeout or refused; `lies` are by name. One that
    `truncates` sends every answer over UDP without its content."""

    broken: str = ""
    truncates: bool = False
    lies: dict[str, Lie] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that the service process needs to know about the censors and failures.

    Names are listed by what is done to them; `moved` says to which host each is redirected. `forbidden` (403)
    and `challenged` (CAPTCHA) are by network, `mitm` is the kind of certificate each network's middlebox
    presents. `transport_errors` are codes by network, then by address of a data centre; `web_app` is how
    WebSocket is filtered, by network, then by name.
    """

    resolvers: dict[str, ResolverPolicy] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    aaaa_only: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    rotated: tuple[str, ...] = ()
    stalled: tuple[str, ...] = ()
    moved: dict[str, str] = field(default_factory=dict)
    forbidden: dict[str, tuple[str, ...]] = field(default_factory=dict)
    challenged: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mitm: dict[str, str] = field(default_factory=dict)
    transport_errors: dict[str, dict[str, int]] = field(default_factory=dict)
    web_app_retired: tuple[str, ...] = ()
    web_app: dict[str, dict[str, str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def policy_of(state: LabState) -> Policy:
    """Return how the servers must answer in this state."""
    return Policy(
        resolvers={isp.id: _resolver(state, isp) for isp in world.ISPS.values()},
        retired=state.everywhere("name_retired"),
        aaaa_only=state.everywhere("aaaa_only"),
        down=state.everywhere("origin_down"),
        expired=state.everywhere("expired_certificate"),
        mismatched=state.everywhere("wrong_certificate"),
        rotated=state.everywhere("cdn_rotation"),
        stalled=state.everywhere("server_stall"),
        moved=_moved(state),
        forbidden=_hosts_by_isp(state, "geoblock_403"),
        challenged=_hosts_by_isp(state, "captcha"),
        mitm={
            isp_id: str(setting.params["kind"])
            for isp_id in world.ISPS
            if (setting := state.of(isp_id, "tls_mitm"))
        },
        transport_errors={
            isp_id: dict.fromkeys(setting.addresses, int(setting.params["code"]))
            for isp_id in world.ISPS
            if (setting := state.of(isp_id, "transport_error"))
        },
        web_app_retired=state.everywhere("web_app_retired"),
        web_app={
            isp_id: dict.fromkeys(setting.hosts, str(setting.params["how"]))
            for isp_id in world.ISPS
            if (setting := state.of(isp_id, "web_app_filter"))
        },
    )


def _moved(state: LabState) -> dict[str, str]:
    setting = state.of(EVERYONE, "site_redirect")
    return dict.fromkeys(setting.hosts, str(setting.params["to"])) if setting else {}


def _hosts_by_isp(state: LabState, censor_id: str) -> dict[str, tuple[str, ...]]:
    return {isp_id: setting.hosts for isp_id in world.ISPS if (setting := state.of(isp_id, censor_id))}


def load_policy(data: dict[str, Any]) -> Policy:
    """Read back what `Policy.to_json` wrote. Errors: KeyError or TypeError for anything else."""
    return Policy(
        resolvers={
            name: ResolverPolicy(
                broken=fields["broken"],
                truncates=fields["truncates"],
                lies={host: Lie(**lie) for host, lie in fields["lies"].items()},
            )
            for name, fields in data["resolvers"].items()
        },
        retired=tuple(data["retired"]),
        aaaa_only=tuple(data["aaaa_only"]),
        down=tuple(data["down"]),
        expired=tuple(data["expired"]),
        mismatched=tuple(data["mismatched"]),
        rotated=tuple(data["rotated"]),
        stalled=tuple(data["stalled"]),
        moved=dict(data["moved"]),
        forbidden={name: tuple(hosts) for name, hosts in data["forbidden"].items()},
        challenged={name: tuple(hosts) for name, hosts in data["challenged"].items()},
        mitm=dict(data["mitm"]),
        transport_errors={name: dict(codes) for name, codes in data["transport_errors"].items()},
        web_app_retired=tuple(data["web_app_retired"]),
        web_app={name: dict(filtered) for name, filtered in data["web_app"].items()},
    )


def lie_of(censor_id: str, setting: Setting, isp: world.Isp) -> Lie:
    """Return what a DNS censor of this network answers for the names it is aimed at.

    Errors: KeyError for a censor that does not lie about names.
    """
    params = setting.params
    ede = int(params.get("ede", 0))
    if censor_id == "dns_injection":
        return {
            "blockpage": Lie(address=isp.notice_address),
            "bogon": Lie(address=world.BOGON),
            "nxdomain": Lie(rcode="NXDOMAIN"),
            "other": Lie(address=world.CANARY_ADDRESS),
        }[str(params["answer"])]
    return {
        "dns_bogon": Lie(address=str(params.get("address"))),
        "dns_other": Lie(address=str(params.get("address"))),
        "dns_hijack": Lie(address=isp.notice_address),
        "dns_blockpage": Lie(address=isp.notice_address),
        "dns_cname_blockpage": Lie(alias=isp.notice_name, address=isp.notice_address),
        "dns_no_answer": Lie(ede=ede),
        "dns_nxdomain": Lie(rcode="NXDOMAIN", ede=ede),
        "dns_refused": Lie(rcode="REFUSED", ede=ede),
        "dns_servfail": Lie(rcode="SERVFAIL"),
        "dns_timeout": Lie(rcode=""),
    }[censor_id]


# The later one wins where two lie about the same name.
_RESOLVER_LIES: Final = (
    "dns_bogon",
    "dns_other",
    "dns_hijack",
    "dns_blockpage",
    "dns_cname_blockpage",
    "dns_no_answer",
    "dns_nxdomain",
    "dns_refused",
    "dns_servfail",
    "dns_timeout",
)


def _resolver(state: LabState, isp: world.Isp) -> ResolverPolicy:
    lies: dict[str, Lie] = {}
    for censor_id in _RESOLVER_LIES:
        setting = state.of(isp.id, censor_id)
        if setting:
            lies |= dict.fromkeys(setting.hosts, lie_of(censor_id, setting, isp))
    broken = state.of(isp.id, "resolver_broken")
    return ResolverPolicy(
        broken=str(broken.params["mode"]) if broken else "",
        truncates=state.of(isp.id, "resolver_truncates") is not None,
        lies=lies,
    )
