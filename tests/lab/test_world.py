"""The emulated Internet's facts agree with one another and with the file that probes read."""

import ipaddress
from pathlib import Path

from ruamel.yaml import YAML

import lab
from lab import world
from lab.topology import plan_topology

VANTAGE_POINTS = Path(lab.__file__).parent / "vantage_points.yaml"


def test_vantage_points_are_the_isps() -> None:
    document = YAML(typ="safe").load(VANTAGE_POINTS)
    assert document["public_resolver"] == world.PUBLIC_RESOLVER
    assert document["control"] == world.CONTROL_HOST
    found = {
        point["id"]: (point["asn"], point["via"]["netns"], point["resolver"], point["role"])
        for point in document["vantage_points"]
    }
    assert found == {
        isp.id: (isp.asn, isp.client_namespace, isp.resolver, "control" if isp.is_control else "probe")
        for isp in world.ISPS.values()
    }


def test_telegram_addresses_lie_in_telegram_prefixes() -> None:
    networks = [ipaddress.ip_network(prefix) for prefix in world.TELEGRAM_PREFIXES]
    for address in (*world.TELEGRAM_HOSTS.values(), *world.DATA_CENTRES.values()):
        assert any(ipaddress.ip_address(address) in network for network in networks), address


def test_links_have_networks_and_device_names_of_their_own() -> None:
    links = plan_topology().links
    assert len({link.network for link in links}) == len(links)
    ends = [(link.a, link.a_device) for link in links] + [(link.b, link.b_device) for link in links]
    assert len(set(ends)) == len(ends)
    # The kernel takes at most 15 characters.
    assert all(len(device) <= 15 for _, device in ends)


def test_the_eleven_names_and_six_data_centres() -> None:
    assert (len(world.TELEGRAM_HOSTS), len(world.DATA_CENTRES)) == (11, 6)
