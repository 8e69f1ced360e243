"""Databases for page tests: written through the store, as the observatory itself would write them.

`replay` is the emulated summer of 2017: fourteen networks and two controls, a block from 14 July on.
"""

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from observatory.model import Finding, Layer, LeadsTo, Role, State, VantagePoint, Verdict
from observatory.reference import load_targets
from observatory.store import Store
from probes.records import Measurement, TargetKind

START = datetime(2017, 7, 3, tzinfo=UTC)
BLOCK = datetime(2017, 7, 14, 4, 22, tzinfo=UTC)
NETWORKS = (
    (23693, "Telkomsel"),
    (17974, "Telkom/IndiHome"),
    (24203, "XL Axiata"),
    (4761, "Indosat"),
    (45727, "3/Tri"),
    (23700, "First Media/Linknet"),
    (18004, "Smartfren"),
    (17451, "Biznet"),
    (63859, "MyRepublic"),
    (4787, "CBN"),
    (17670, "MNC Play"),
    (139994, "XL Home"),
    (9341, "ICON+"),
    (55666, "GMedia"),
)
HOSTS = tuple(t.name for t in load_targets() if t.kind is TargetKind.HOST)
CENTRES = tuple(t.name for t in load_targets() if t.kind is TargetKind.DATA_CENTRE)
_IDS = (f"{number:08x}-0000-4000-8000-000000000000" for number in itertools.count())


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a verdict of the test says."""

    state: State
    layer: Layer = Layer.TLS
    mechanism: str | None = None
    rule_id: str = "tls.certificate_valid"
    partial: bool = False
    counted: tuple[int, int] = (2, 2)
    provisional: bool = False
    leads_to: LeadsTo | None = None


OK = Said(state=State.OK)
APP_OK = Said(state=State.OK, layer=Layer.MTPROTO, rule_id="mtproto.all_proved")
BLOCK_PAGE = Said(
    state=State.BLOCKED,
    layer=Layer.DNS,
    mechanism="dns.injection.blockpage",
    rule_id="dns.blockpage_address",
    counted=(0, 2),
)
LIKELY = Said(state=State.LIKELY_BLOCKED, mechanism="tls.reset.sni", rule_id="tls.reset.sni", counted=(0, 2))
PARTLY = Said(
    state=State.LIKELY_BLOCKED,
    layer=Layer.QUIC,
    mechanism="quic.timeout",
    rule_id="quic.timeout",
    partial=True,
    counted=(2, 4),
)
IMPAIRED = Said(
    state=State.IMPAIRED, layer=Layer.DNS, mechanism="dns.servfail", rule_id="dns.servfail", counted=(0, 2)
)
DOWN = Said(state=State.DOWN, layer=Layer.MTPROTO, rule_id="mtproto.down", counted=(0, 2))
UNCLEAR = Said(state=State.INSUFFICIENT, layer=Layer.DNS, rule_id="dns.unsettled", counted=(0, 0))
OFFLINE = Said(state=State.INSUFFICIENT, layer=Layer.NONE, rule_id="guard.vantage_offline", counted=(0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A store being filled. `emulated` marks every measurement."""

    store: Store
    emulated: bool = True
    asns: dict[str, int] = field(default_factory=dict)

    def configure(self, vantages: Sequence[VantagePoint], *, at: datetime = START) -> None:
        self.store.save_vantage_points(vantages, at=at)
        self.asns.update({v.id: v.asn for v in vantages})

    def save(self, said: Iterable[tuple[str, str, datetime, Said]]) -> None:
        """Store verdicts of (vantage, target, time)."""
        judged = [self._judged(*one) for one in said]
        self.store.save_measurements(judged, received_at=START)

    def _judged(self, vantage: str, target: str, at: datetime, said: Said) -> tuple[Measurement, Verdict]:
        id_ = next(_IDS)
        measurement = Measurement(
            id=id_,
            round_id=f"{vantage} {at.isoformat()}",
            vantage=vantage,
            asn=self.asns.get(vantage, 64500),
            target=target,
            target_kind=TargetKind.DATA_CENTRE if target in CENTRES else TargetKind.HOST,
            started_at=at,
            duration_s=1.0,
            resolver="system",
            public_resolver="8.8.8.8",
            emulated=self.emulated,
        )
        finding = Finding(layer=said.layer, state=said.state, mechanism=said.mechanism, rule_id=said.rule_id)
        verdict = Verdict(
            state=said.state,
            layer=said.layer,
            mechanism=said.mechanism,
            rule_id=said.rule_id,
            rules_version="1",
            reference_version="test",
            findings=(finding,),
            partial=said.partial,
            n_ok=said.counted[0],
            n_tried=said.counted[1],
            provisional=said.provisional,
            leads_to=said.leads_to,
        )
        return measurement, verdict


def make_vantage(
    number: int, *, role: Role = Role.PROBE, isp: str | None = None, asn: int | None = None, **other: object
) -> VantagePoint:
    """Return the vantage point of the n-th network, or of one that is named."""
    known_asn, known_isp = NETWORKS[number % len(NETWORKS)]
    name = isp or known_isp
    is_control = role is Role.CONTROL
    details = {
        "id": f"v{number:02d}",
        "name": f"{name}, {'Singapore' if is_control else 'Jakarta'}",
        "isp": name,
        "asn": asn or known_asn,
        "country": "SG" if is_control else "ID",
        "timezone": "Asia/Singapore" if is_control else "Asia/Jakarta",
        "every_s": 3600.0,
        "role": role,
    }
    return VantagePoint(**{**details, **other})  # type: ignore[arg-type]


def fill_replay(store: Store, *, days: int = 28, step: timedelta = timedelta(hours=1)) -> World:
    """Fill fourteen networks × seventeen targets: rounds hourly unless `step` says otherwise."""
    world = World(store=store)
    probes = [make_vantage(number, every_s=step.total_seconds()) for number in range(len(NETWORKS))]
    controls = [
        make_vantage(90, role=Role.CONTROL, isp="Clean One", asn=64501, every_s=step.total_seconds()),
        make_vantage(91, role=Role.CONTROL, isp="Clean Two", asn=64502, every_s=step.total_seconds()),
    ]
    off = make_vantage(92, isp="Lintasarta", asn=4800, enabled=False)
    world.configure([*probes, *controls, off])
    end = START + timedelta(days=days)
    world.save(_replay([*probes, *controls], end, step))
    for vantage in [*probes, *controls]:
        world.store.record_run(
            vantage.id,
            started_at=end - step,
            finished_at=end - step + timedelta(seconds=40),
            next_run_at=end,
            n_measurements=17,
            error="the device wwan3 is not there" if vantage.isp == "GMedia" else None,
        )
    for hours in (3, 30, 31):
        at = end - timedelta(hours=hours)
        world.store.record_gap("v03", at=at, reason="misfire", detail="due 14 minutes before")
    world.store.record_config(path="vantage_points.yaml", at=START, errors=[])
    return world


def _replay(
    vantages: Sequence[VantagePoint], end: datetime, step: timedelta
) -> Iterator[tuple[str, str, datetime, Said]]:
    chance = random.Random(2017)
    for number, vantage in enumerate(vantages):
        at = START + timedelta(minutes=number)
        # One network fell silent two days before the end, another was out for one day.
        silent_from = end - timedelta(days=2) if vantage.isp == "GMedia" else end
        while at < end:
            out = vantage.isp == "MNC Play" and timedelta(days=15) < at - START < timedelta(days=16)
            if at < silent_from and not out:
                for target in (*HOSTS, *CENTRES):
                    yield vantage.id, target, at, _said(vantage, number, target, at, chance)
            at += step


def _said(vantage: VantagePoint, number: int, target: str, at: datetime, chance: random.Random) -> Said:
    app = target in CENTRES
    usual = APP_OK if app else OK
    if vantage.role is Role.CONTROL:
        return DOWN if target == "dc3" else usual
    if target == "dc3":
        return DOWN
    if chance.random() < 0.01:
        return OFFLINE
    if at < BLOCK + timedelta(hours=5 * number) or app:
        return usual
    if number < 5:
        return BLOCK_PAGE if chance.random() > 0.03 else UNCLEAR
    if number < 7:
        return LIKELY if target in HOSTS[:7] else usual
    if number == 7:
        return PARTLY if target == "web.telegram.org" else usual
    if number == 8:
        return IMPAIRED if target == "t.me" else usual
    return UNCLEAR if number == 9 and target == "flora-1.web.telegram.org" else usual
