"""Each kind of way out: through a namespace, a device, a source address, a SOCKS5 proxy."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.control import LabControl
from observatory.model import Config, State, Via
from observatory.vantage.once import measure_now, select_targets, select_vantage_points
from probes.transport.network import Network
from tests.in_lab import CONFIG
from tests.probes.transport.socks import socks_proxy

pytestmark = pytest.mark.lab


def client_interface(namespace: str) -> tuple[str, str]:
    """The one device of a client namespace that leads out, and its address."""
    shown = subprocess.run(
        ["ip", "-json", "-n", namespace, "-4", "addr"], check=True, capture_output=True, text=True
    )
    for device in json.loads(shown.stdout):
        if device["ifname"] != "lo":
            return device["ifname"], device["addr_info"][0]["local"]
    raise AssertionError(shown.stdout)


@pytest.mark.parametrize("kind", ["device", "source"])
def test_way_out_of_the_machine_itself(kind: str, lab: LabControl, config: Config, tmp_path: Path) -> None:
    """Inside the client's namespace the machine has one uplink: leave through it by name and by address."""
    device, address = client_interface("xl")
    resolver = next(v.resolver for v in config.vantage_points if v.id == "xl")
    file = tmp_path / "vantage_points.yaml"
    file.write_text(
        f"public_resolver: {config.settings.public_resolver}\n"
        f"ca_file: {config.settings.ca_file}\n"
        f"canary_host: {config.settings.canary_host}\n"
        "vantage_points:\n"
        f"  - {{id: here, name: Here, isp: XL, asn: 24203, country: ID, every: 10m, resolver: {resolver}, "
        f"via: {{{kind}: {device if kind == 'device' else address}}}}}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "observatory", "measure", "--config", str(file), "--json"]
    ran = subprocess.run(
        ["ip", "netns", "exec", "xl", *command], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(rows) == 17
    assert {row["state"] for row in rows} == {"ok"}, ran.stdout[:2000]
    assert {row["via"] for row in rows} == {f"{kind}: {device if kind == 'device' else address}"}
    assert all(row["emulated"] and row["trust"].startswith("ca_file sha256:") for row in rows)


async def test_through_a_proxy_nothing_goes_over_udp(lab: LabControl, config: Config) -> None:
    async with socks_proxy(Network("netns", "xl")) as place:
        vantage = replace(select_vantage_points(config, ["xl"])[0], via=Via(kind="socks5", value=place))
        results, errors = await measure_now(config, [vantage], select_targets(["t.me", "dc2"]))
    assert errors == []
    assert [r.verdict.state for r in results] == [State.OK, State.OK]
    techniques = {type(o).__name__ for r in results for o in r.measurement.observations}
    assert "QuicObservation" not in techniques
    transports = {o.transport for o in results[0].measurement.observations if hasattr(o, "query_type")}
    assert transports == {"tcp", "dot", "doh"}


async def test_a_proxy_that_is_gone_says_nothing_about_telegram(lab: LabControl, config: Config) -> None:
    vantage = replace(select_vantage_points(config, ["xl"])[0], via=Via(kind="socks5", value="127.0.0.1:9"))
    results, _ = await measure_now(config, [vantage], select_targets(["t.me", "dc2"]))
    assert {r.verdict.rule_id for r in results} == {"guard.vantage_unavailable"}


async def test_a_namespace_that_is_gone_says_nothing_about_telegram(lab: LabControl, config: Config) -> None:
    vantage = replace(select_vantage_points(config, ["xl"])[0], via=Via(kind="netns", value="no-such-place"))
    results, _ = await measure_now(config, [vantage], select_targets(["t.me", "dc2"]))
    assert {r.verdict.rule_id for r in results} == {"guard.vantage_unavailable"}


def test_config_of_the_lab_is_good() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "observatory", "config", "check", str(CONFIG)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "15 enabled" in ran.stdout
