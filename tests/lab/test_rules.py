"""Patterns and rulesets: exactly the listed names, exactly what is on."""

import ssl

import dns.message
import pytest

from lab import world
from lab.rules import (
    Place,
    Rule,
    Table,
    encode_ruleset,
    host_header_pattern,
    match_sni,
    query_pattern,
    sni_pattern,
)


def pattern_bytes(pattern: str) -> bytes:
    """Return the bytes that iptables makes of a --hex-string."""
    parts = pattern.split("|")
    return b"".join(
        bytes.fromhex(part) if index % 2 else part.encode("latin-1") for index, part in enumerate(parts)
    )


def client_hello(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("host", world.CENSORABLE_HOSTS)
def test_pattern_is_in_the_hello_of_its_name_only(host: str) -> None:
    found = [
        name for name in world.CENSORABLE_HOSTS if pattern_bytes(sni_pattern(host)) in client_hello(name)
    ]
    assert found == [host]


@pytest.mark.parametrize("name", ["xt.me", "t.me.evil.example", "www.t.me", "t.mex", "at.me"])
def test_look_alikes_of_t_me_are_not_matched(name: str) -> None:
    assert pattern_bytes(sni_pattern("t.me")) not in client_hello(name)


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (b"GET / HTTP/1.1\r\nHost: t.me\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: xt.me\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: t.me.evil.example\r\n\r\n", False),
    ],
)
def test_host_header_pattern(header: bytes, matches: bool) -> None:
    assert (pattern_bytes(host_header_pattern("t.me")) in header) is matches


@pytest.mark.parametrize("host", ["", "x" * 101, "münchen.example"])
def test_hosts_no_pattern_can_hold(host: str) -> None:
    with pytest.raises(ValueError, match="host: expected"):
        sni_pattern(host)


def test_an_empty_ruleset_still_empties_every_table() -> None:
    text = encode_ruleset(())
    assert [line for line in text.splitlines() if line.startswith("*")] == ["*mangle", "*nat", "*filter"]
    assert "-A" not in text


@pytest.mark.parametrize(
    ("spec", "v4", "v6"),
    [
        ("-d 192.0.2.1 -j DROP", True, False),
        ("-d 2001:67c:4e8:f004::9 -j DROP", False, True),
        ("-i cust -s ::/0 -j DROP", False, True),
        ("-p udp --dport 53 -j DNAT --to-destination 10.3.53.53:53", True, False),
        ("-i cust -p tcp --dport 80 -j REDIRECT --to-ports 8080", True, True),
        (match_sni("t.me") + " -j DROP", True, True),
    ],
)
def test_which_version_of_ip_a_rule_holds_for(spec: str, v4: bool, v6: bool) -> None:
    rule = Rule(Place.BORDER, Table.FILTER, "FORWARD", spec)
    line = f"-A FORWARD {spec}"
    assert [line in encode_ruleset([rule], version).splitlines() for version in (4, 6)] == [v4, v6]


def test_reject_types_have_other_names_over_ipv6() -> None:
    rule = Rule(Place.BORDER, Table.FILTER, "FORWARD", "-j REJECT --reject-with icmp-admin-prohibited")
    assert "--reject-with icmp6-adm-prohibited\n" in encode_ruleset([rule], 6)
    assert "--reject-with icmp-admin-prohibited\n" in encode_ruleset([rule], 4)


def test_a_rule_wanted_twice_is_written_once_at_its_first_place() -> None:
    first = Rule(Place.BORDER, Table.FILTER, "FORWARD", "-j DROP")
    second = Rule(Place.BORDER, Table.FILTER, "FORWARD", "-p tcp -j DROP")
    text = encode_ruleset((first, second, first))
    assert [line for line in text.splitlines() if line.startswith("-A")] == [
        "-A FORWARD -j DROP",
        "-A FORWARD -p tcp -j DROP",
    ]


def test_a_name_in_a_query_and_no_other() -> None:
    pattern = pattern_bytes(query_pattern("t.me"))
    assert pattern in dns.message.make_query("t.me", "A").to_wire()
    assert pattern in dns.message.make_query("www.t.me", "AAAA").to_wire()
    for other in ("xt.me", "t.me.evil.example", "me", "telegram.me"):
        assert pattern not in dns.message.make_query(other, "A").to_wire()
