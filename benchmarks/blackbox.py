"""The same checks of the eleven hosts as prometheus-blackbox-exporter (Debian), in the same lab.

A host check: DNS over UDP and TCP at the vantage's resolver and at a public one, HTTP on port 80, HTTPS with
the chain verified. This probe waits for second answers as well and makes its comparisons: DoT, DoH, IPv6
and HTTPS records, a query to an address without DNS, a QUIC handshake. blackbox_exporter has none of these,
so this probe may cost twice what the same checks might (which was one and a half times).
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.figure import Figure, show
from benchmarks.rounds import load
from lab.control import LabControl
from observatory.vantage.once import select_targets
from observatory.vantage.rounds import measure_vantage
from probes.records import Endpoint, Measurement
from probes.techniques.dns import SECOND_ANSWER_WAIT_S
from probes.transport.network import Network

PROGRAM = "prometheus-blackbox-exporter"
LISTEN = Endpoint(address="127.0.0.1", port=9115)
N_ROUNDS = 10
WITH_COMPARISONS = 2
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def write_modules(hosts: list[str], ca_file: str) -> dict[str, object]:
    """The exporter takes a query name per module only, so each host has two DNS modules."""
    http = {"preferred_ip_protocol": "ip4", "follow_redirects": False, "valid_status_codes": [200, 301]}
    modules: dict[str, object] = {
        "http": {"prober": "http", "http": http},
        "https": {"prober": "http", "http": http | {"tls_config": {"ca_file": ca_file}}},
    }
    for host in hosts:
        for transport in ("udp", "tcp"):
            modules[f"dns_{transport}_{host}"] = {
                "prober": "dns",
                "dns": {
                    "query_name": host,
                    "query_type": "A",
                    "transport_protocol": transport,
                    "preferred_ip_protocol": "ip4",
                },
            }
    return {"modules": modules}


@asynccontextmanager
async def exporter(network: Network, namespace: str, config: dict[str, object]) -> AsyncIterator[int]:
    """Run the exporter inside the vantage's namespace; yields its process id."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "blackbox.yml"
        path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        process = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", namespace, PROGRAM, f"--config.file={path}"),
            f"--web.listen-address={LISTEN}",
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(100):
                try:
                    (await network.connect_tcp(LISTEN)).close()
                    break
                except OSError:
                    await asyncio.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            await process.wait()


async def probe(network: Network, module: str, target: str, hostname: str = "") -> bool:
    query = urlencode({"module": module, "target": target} | ({"hostname": hostname} if hostname else {}))
    sock = await network.connect_tcp(LISTEN)
    reader, writer = await asyncio.open_connection(sock=sock)
    writer.write(f"GET /probe?{query} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    body = await reader.read()
    writer.close()
    return b"\nprobe_success 1" in body


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


async def bench_beside_blackbox() -> list[Figure]:
    """Processor time per host check and wall time of a round, ours and theirs, alternating."""
    if shutil.which(PROGRAM) is None:
        raise SystemExit(f"{PROGRAM} is missing: apt-get install -y {PROGRAM}")
    LabControl().reset()
    config, vantage = load()
    hosts = select_targets(["web"])
    network = Network(vantage.via.kind, vantage.via.value)
    clean = await measure_vantage(config.settings, vantage, hosts)
    addresses = {m.target: _address(m) for m in clean[:-1]}
    names = list(addresses)
    modules = write_modules(names, config.settings.ca_file or "")
    servers = (vantage.resolver, config.settings.public_resolver)
    checks = [
        (f"dns_{transport}_{name}", f"{server}:53", "")
        for name in names
        for server in servers
        for transport in ("udp", "tcp")
    ]
    checks += [("http", f"http://{addresses[name]}/", name) for name in names]
    checks += [("https", f"https://{addresses[name]}/", name) for name in names]
    ours_cpu, ours_wall, theirs_wall = [], [], []
    async with exporter(network, vantage.via.value, modules) as pid:
        before = 0.0
        for n in range(N_ROUNDS + 1):
            wall, cpu = time.monotonic(), time.process_time()
            await measure_vantage(config.settings, vantage, hosts)
            ours_wall.append(time.monotonic() - wall - SECOND_ANSWER_WAIT_S)
            ours_cpu.append((time.process_time() - cpu) / (len(hosts) + 1))
            wall = time.monotonic()
            good = await asyncio.gather(*(probe(network, *check) for check in checks))
            theirs_wall.append(time.monotonic() - wall)
            if not all(good):
                raise RuntimeError(
                    f"blackbox_exporter failed {good.count(False)} of {len(good)} clean checks"
                )
            if n == 0:
                before = cpu_s(pid)  # the first round loads and warms both
        theirs_cpu = (cpu_s(pid) - before) / (N_ROUNDS * len(hosts))
    ours = statistics.median(ours_cpu[1:])
    return [
        show(Figure(what="blackbox_exporter, processor per host check", value=1000 * theirs_cpu, unit="ms")),
        show(Figure(what="ours, processor per host check (median)", value=1000 * ours, unit="ms")),
        show(
            Figure(
                what="ours / blackbox_exporter, processor",
                value=ours / theirs_cpu,
                unit="",
                bound=WITH_COMPARISONS * 1.5,
            )
        ),
        show(
            Figure(
                what="blackbox_exporter, wall of a round (median)",
                value=statistics.median(theirs_wall[1:]),
                unit="s",
            )
        ),
        show(
            Figure(
                what="ours, wall of a round beyond the second-answer window (median)",
                value=statistics.median(ours_wall[1:]),
                unit="s",
                bound=WITH_COMPARISONS * statistics.median(theirs_wall[1:]),
            )
        ),
    ]


def _address(measurement: Measurement) -> str:
    return next(o.endpoint.address for o in measurement.observations if hasattr(o, "endpoint"))
