"""The steps of one round: every target of a vantage point side by side, each on one deadline.

round ─┬─ canary ───────┐            names: the vantage's resolver, a public one (DoT, DoH), the sink
       ├─ t.me ─────────┤ host:      each address found or known: TCP 80 → HTTP; TCP 443 → TLS → HTTP; QUIC
       ├─ …             ┘            follow-ups: a retry; a harmless name where TLS fails; speed when slow;
       │                             the page of another host, where an answer redirects there
       └─ dc1 … ──────  data centre:  ports 443, 80: TCP → MTProto over two transports; more where one fails
                        at the end:   the canary once more, where something broke off
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from probes.procedures.data_centre import measure_data_centre
from probes.procedures.exchanges import Exchanges
from probes.procedures.followups import Canary
from probes.procedures.host import HostSteps
from probes.procedures.last_look import broke_off, look_again
from probes.procedures.names import Resolvers
from probes.records import Endpoint, Measurement, Target, TargetKind
from probes.session import LoopLag, ObservationLog
from probes.techniques.secure_dns import SecureResolver
from probes.transport.network import Network
from probes.transport.trust import Trust, load_trust

DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundContext:
    """Where a round is measured from, and everything it needs. `clock` gives its date (aware, UTC)."""

    vantage: str
    asn: int
    network: Network
    resolver: str
    public_resolver: str
    no_dns_address: str
    canary_host: str
    ca_file: str | None = None
    emulated: bool = False
    software: str = ""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


async def measure_round(
    context: RoundContext, targets: Sequence[Target], *, deadline_s: float = DEADLINE_S
) -> tuple[Measurement, ...]:
    """Measure all targets and the canary of one vantage point at the same time.

    Shape:  n targets -> n + 1 measurements, the canary's last, all with one round id.
    Errors: VantageError when the CA file cannot be read; a network failure is data; cancellation propagates
            and leaves no record.
    """
    round_id = str(uuid.uuid4())
    canary = Canary(context.canary_host)
    lag = LoopLag()
    trust = load_trust(context.ca_file)
    measured = frozenset(target.name for target in targets if target.kind is TargetKind.HOST)
    async with (
        SecureResolver(context.network, trust, context.public_resolver, "dot") as dot,
        SecureResolver(context.network, trust, context.public_resolver, "doh") as doh,
        asyncio.TaskGroup() as group,
    ):
        resolvers = Resolvers(
            vantage=Endpoint(address=context.resolver, port=53),
            public=Endpoint(address=context.public_resolver, port=53),
            sink=Endpoint(address=context.no_dns_address, port=53),
            dot=dot,
            doh=doh,
        )
        watch = group.create_task(lag.watch())
        async with asyncio.TaskGroup() as steps:
            tasks = [
                steps.create_task(
                    _measure_target(context, target, deadline_s, lag, trust, resolvers, canary, measured)
                )
                for target in (*targets, Target(name=context.canary_host, kind=TargetKind.CANARY))
            ]
        *logs, canary_log = (task.result().log for task in tasks)
        if any(broke_off(log.observations()) for log in logs):
            await look_again(context.network, trust, canary_log, canary)
        watch.cancel()
    return tuple(_close(context, task.result(), round_id, lag, trust) for task in tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """The steps of one target when they have ended."""

    target: Target
    started_at: datetime
    duration_s: float
    log: ObservationLog


async def _measure_target(
    context: RoundContext,
    target: Target,
    deadline_s: float,
    lag: LoopLag,
    trust: Trust,
    resolvers: Resolvers,
    canary: Canary,
    measured: frozenset[str],
) -> _Measured:
    started_at = context.clock()
    log = ObservationLog(deadline_s=deadline_s, lag=lag)
    if target.kind is TargetKind.DATA_CENTRE:
        await measure_data_centre(context.network, log, trust, target)
    else:
        exchanges = Exchanges(network=context.network, log=log, trust=trust)
        steps = HostSteps(exchanges, target=target, canary=canary, resolvers=resolvers, measured=measured)
        await steps.run()
    return _Measured(target=target, started_at=started_at, duration_s=log.now_s(), log=log)


def _close(
    context: RoundContext, measured: _Measured, round_id: str, lag: LoopLag, trust: Trust
) -> Measurement:
    target = measured.target
    return Measurement(
        id=str(uuid.uuid4()),
        round_id=round_id,
        vantage=context.vantage,
        asn=context.asn,
        target=target.name,
        target_kind=target.kind,
        started_at=measured.started_at,
        duration_s=round(measured.duration_s, 6),
        resolver=context.resolver,
        public_resolver=context.public_resolver,
        trust=trust.name,
        via=str(context.network),
        software=context.software,
        emulated=context.emulated,
        lag_s=round(lag.worst_s, 6),
        observations=measured.log.observations(),
    )
