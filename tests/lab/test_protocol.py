"""The control protocol: what is understood, and the error for each mistake."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.protocol import GetState, RequestError, Reset, parse_request
from lab.state import Switch

# A busy machine must not fail the test.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ON = {"isp": "xl", "censor": "sni_reset", "on": True}


def test_the_three_requests() -> None:
    assert parse_request(b'{"get": "state"}') == GetState()
    assert parse_request(b'{"reset": true}') == Reset()
    change = parse_request(json.dumps(ON | {"hosts": ["t.me"]}).encode())
    assert isinstance(change, Switch)
    assert (change.isps, change.censor.id, change.on, change.hosts) == (("xl",), "sni_reset", True, ("t.me",))


@pytest.mark.parametrize(
    ("situation", "request_line", "message"),
    [
        ("no JSON", "hello", "expected one JSON object a line"),
        ("nested beyond reason", "[" * 50_000, "expected one JSON object a line"),
        ("a list", "[]", "expected a JSON object"),
        ("empty", "{}", "censor: expected one of dns_nxdomain"),
        ("a typo in a key", ON | {"host": ["t.me"]}, 'got ["host"]'),
        ("unknown censor", ON | {"censor": "magic"}, 'got "magic"'),
        ("unknown ISP", ON | {"isp": "aol"}, 'isp: expected "*" or one of telkomsel'),
        ("no ISP", {"censor": "sni_reset", "on": True}, "got null"),
        ("an ISP for everyone's failure", ON | {"censor": "origin_down"}, "concerns everyone"),
        ("on as a number", ON | {"on": 1}, "on: expected true or false"),
        ("unknown host", ON | {"hosts": ["t.me", "example.com"]}, 'got ["example.com"]'),
        ("no hosts at all", ON | {"hosts": []}, "at least one name"),
        ("hosts as text", ON | {"hosts": "t.me"}, "expected a list"),
        ("a data centre for a name filter", ON | {"hosts": ["dc1"]}, 'got ["dc1"]'),
        ("hosts for an aimless failure", ON | {"censor": "delay", "hosts": ["t.me"]}, "not aimed at hosts"),
        ("unknown parameter", ON | {"censor": "sni_drop", "params": {"speed": 1}}, "has these: none"),
        ("text for a number", ON | {"censor": "throttle", "params": {"kbit": "slow"}}, "expected a number"),
        ("beyond its range", ON | {"censor": "packet_loss", "params": {"percent": 101}}, "from 0 to 100"),
        ("true for a number", ON | {"censor": "packet_loss", "params": {"percent": True}}, "got true"),
        ("no address", ON | {"censor": "dns_bogon", "params": {"address": "x; y"}}, "an IPv4 address"),
        ("no extended error", ON | {"censor": "dns_nxdomain", "params": {"ede": 18}}, "one of 0, 15, 16, 17"),
        ("a penalty too long", ON | {"params": {"residual_s": 3601}}, "from 0 to 3600"),
        ("unknown mode", ON | {"censor": "resolver_broken", "params": {"mode": "x"}}, "one of servfail"),
        ("get of another thing", {"get": "money"}, '{"get": "state"}'),
        ("reset as a number", {"reset": 1}, '{"reset": true}'),
    ],
)
def test_mistakes(situation: str, request_line: str | dict[str, object], message: str) -> None:
    line = request_line if isinstance(request_line, str) else json.dumps(request_line)
    with pytest.raises(RequestError) as caught:
        parse_request(line.encode())
    assert message in str(caught.value)


def test_not_a_number_is_no_number() -> None:
    line = b'{"isp": "xl", "censor": "delay", "on": true, "params": {"ms": NaN}}'
    with pytest.raises(RequestError, match="expected a number"):
        parse_request(line)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@unhurried
@given(
    st.fixed_dictionaries(
        {},
        optional={key: json_values for key in ("isp", "censor", "on", "hosts", "params", "get", "reset")}
        | {"censor": st.sampled_from(["delay", "throttle", "dns_bogon", "dc_drop", "origin_down"])},
    )
)
def test_any_object_is_understood_or_refused(data: dict[str, object]) -> None:
    try:
        parse_request(json.dumps(data).encode())
    except RequestError as error:
        assert "expected" in str(error) or "has these" in str(error) or "leave" in str(error)


@unhurried
@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(line: bytes) -> None:
    try:
        parse_request(line)
    except RequestError:
        pass
