"""How switching changes the state, and with it the routers and servers."""

import json

import pytest

from lab import world
from lab.censors import CENSORS
from lab.policy import load_policy, policy_of
from lab.protocol import parse_request
from lab.rules import Place
from lab.settings import Scope
from lab.state import EVERYONE, LabState, Switch


def after(*requests: dict[str, object]) -> LabState:
    state = LabState()
    for request in requests:
        change = parse_request(json.dumps(request).encode())
        assert isinstance(change, Switch)
        state = state.switched(change)
    return state


def hosts_on(state: LabState) -> dict[str, list[str]]:
    return {f"{item['isp']} {item['censor']}": item["hosts"] for item in state.to_json()}


ON = {"isp": "xl", "censor": "sni_reset", "on": True}
OFF = ON | {"on": False}
ALL = list(world.TELEGRAM_HOSTS)


@pytest.mark.parametrize(
    ("situation", "requests", "expected"),
    [
        ("hosts left out: the eleven names", [ON], {"xl sni_reset": ALL}),
        ("on twice", [ON, ON], {"xl sni_reset": ALL}),
        ("off twice", [ON, OFF, OFF], {}),
        ("off and never on", [OFF], {}),
        (
            "hosts add up, in the registry's order",
            [ON | {"hosts": ["telegram.org"]}, ON | {"hosts": ["t.me"]}],
            {"xl sni_reset": ["t.me", "telegram.org"]},
        ),
        ("some hosts off: the others stay", [ON, OFF | {"hosts": ALL[1:]}], {"xl sni_reset": ["t.me"]}),
        ("every host off: the censor is off", [ON, OFF | {"hosts": ALL}], {}),
        (
            "another censor is not disturbed",
            [ON | {"hosts": ["t.me"]}, ON | {"censor": "dns_bogon", "hosts": ["t.me"]}, OFF],
            {"xl dns_bogon": ["t.me"]},
        ),
        (
            "everyone",
            [{"censor": "origin_down", "on": True, "hosts": ["dc1"]}],
            {"* origin_down": ["dc1"]},
        ),
        ("data centres by default", [ON | {"censor": "dc_drop"}], {"xl dc_drop": list(world.DATA_CENTRES)}),
    ],
)
def test_switching(situation: str, requests: list[dict[str, object]], expected: dict[str, list[str]]) -> None:
    assert hosts_on(after(*requests)) == expected


def test_star_is_every_isp_that_probes() -> None:
    state = after(ON | {"isp": "*"})
    assert [item["isp"] for item in state.to_json()] == list(world.PROBE_ISPS)


def test_params_have_defaults_and_the_last_given_one_counts() -> None:
    request = {"isp": "xl", "censor": "throttle", "on": True}
    assert after(request).to_json()[0]["params"] == {"kbit": 128}
    state = after(request | {"params": {"kbit": 64}}, request | {"hosts": ["t.me"]})
    assert state.to_json()[0]["params"] == {"kbit": 64}


@pytest.mark.parametrize("censor", CENSORS.values(), ids=lambda censor: censor.id)
def test_off_leaves_no_rule_and_no_lie(censor: object) -> None:
    entry = CENSORS[getattr(censor, "id")]  # noqa: B009 (ids come from the table)
    target = {} if entry.scope is Scope.EVERYONE else {"isp": "xl"}
    state = after(target | {"censor": entry.id, "on": True}, target | {"censor": entry.id, "on": False})
    assert policy_of(state) == policy_of(LabState())
    assert not any(state.rules(isp, place) for isp in (EVERYONE, "xl") for place in Place)


def test_every_censor_does_something() -> None:
    for entry in CENSORS.values():
        target = {} if entry.scope is Scope.EVERYONE else {"isp": "xl"}
        state = after(target | {"censor": entry.id, "on": True})
        ruled = any(state.rules(isp, place) for isp in (EVERYONE, "xl") for place in Place)
        assert ruled or policy_of(state) != policy_of(LabState()), entry.id


def test_the_order_of_switching_makes_no_other_ruleset() -> None:
    other = ON | {"censor": "ip_reject"}
    assert after(ON, other).rules("xl", Place.BORDER) == after(other, ON).rules("xl", Place.BORDER)


def test_policy_survives_the_way_to_the_servers() -> None:
    state = after(
        ON | {"censor": "dns_bogon"},
        ON | {"censor": "geoblock_403"},
        {"isp": "xl", "censor": "resolver_broken", "on": True},
        {"censor": "name_retired", "on": True},
    )
    policy = policy_of(state)
    assert load_policy(json.loads(json.dumps(policy.to_json()))) == policy


def test_throttle_has_a_table_of_its_own_for_each_rate() -> None:
    def table(kbit: int) -> str:
        state = after({"isp": "xl", "censor": "throttle", "on": True, "params": {"kbit": kbit}})
        words = state.rules("xl", Place.BORDER)[0].spec.split()
        return words[words.index("--hashlimit-name") + 1]

    assert table(64) != table(128)
