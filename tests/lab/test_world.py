"""The emulated internet's facts agree with one another and with the file that probes read."""

import ipaddress
from pathlib import Path

from ruamel.yaml import YAML

import lab
from lab import world
from lab.censors import CENSORS
from lab.topology import plan_topology

VANTAGE_POINTS = Path(lab.__file__).parent / "vantage_points.yaml"
TELEGRAM = Path(lab.__file__).parent.parent / "observatory" / "reference" / "telegram.yaml"


def test_vantage_points_are_the_isps() -> None:
    document = YAML(typ="safe").load(VANTAGE_POINTS)
    assert document["public_resolver"] == world.PUBLIC_RESOLVER
    assert document["canary_host"] == world.CANARY
    found = {
        point["id"]: (point["asn"], point["via"]["netns"], point["resolver"], point["role"])
        for point in document["vantage_points"]
    }
    assert found == {
        isp.id: (isp.asn, isp.client_namespace, isp.resolver, "control" if isp.is_control else "probe")
        for isp in world.ISPS.values()
    }


def test_the_readme_lists_what_can_be_switched_on() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (Path(lab.__file__).parent / "README.md").read_text().splitlines()
        if line.startswith("| `") and line.count("|") == 5
    ]
    listed = {cells[0].strip("`"): cells[3] for cells in rows if cells[0].strip("`") in CENSORS}
    assert listed == {
        censor.id: ", ".join(f"`{name}` = {param.default}" for name, param in censor.params.items()) or "-"
        for censor in CENSORS.values()
    }


def test_telegram_addresses_lie_in_telegram_prefixes() -> None:
    networks = [ipaddress.ip_network(prefix) for prefix in world.TELEGRAM_PREFIXES]
    for address in world.addresses_of([*world.TELEGRAM_HOSTS, *world.DATA_CENTRES]):
        # Probes refuse to connect to what is no address of the internet.
        assert ipaddress.ip_address(address).is_global
        assert any(ipaddress.ip_address(address) in network for network in networks), address


def test_links_have_networks_and_device_names_of_their_own() -> None:
    links = plan_topology().links
    assert len({link.network for link in links}) == len(links)
    networks_v6 = [link.network_v6 for link in links if link.network_v6]
    assert len(set(networks_v6)) == len(networks_v6)
    ends = [(link.a, link.a_device) for link in links] + [(link.b, link.b_device) for link in links]
    assert len(set(ends)) == len(ends)
    # The kernel takes at most 15 characters.
    assert all(len(device) <= 15 for _, device in ends)


def test_the_eleven_names_and_six_data_centres() -> None:
    assert (len(world.TELEGRAM_HOSTS), len(world.DATA_CENTRES)) == (11, 6)


def test_who_has_ipv6() -> None:
    assert {isp.id for isp in world.ISPS.values() if isp.has_ipv6} == {
        "telkomsel",
        "indihome",
        "xl",
        "biznet",
        "control-sg",
    }
    assert world.isp_of_client("fd00:3:1::2") is world.ISPS["xl"]
    assert world.isp_of_client("fd00:4:1::2") is None


def test_prefixes_are_those_of_the_reference_data() -> None:
    prefixes = YAML(typ="safe").load(TELEGRAM)["prefixes"]
    assert set(world.TELEGRAM_PREFIXES) <= set(prefixes)
