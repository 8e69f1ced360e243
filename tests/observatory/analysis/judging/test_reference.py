"""Where an IPv4 address stands inside an IPv6 one."""

import pytest

from observatory.analysis.judging.reference import embedded_addresses


@pytest.mark.parametrize(
    ("length", "address"),
    [
        # RFC 6052 section 2.4, for 192.0.2.33.
        (32, "2001:db8:c000:221::"),
        (40, "2001:db8:1c0:2:21::"),
        (48, "2001:db8:122:c000:2:2100::"),
        (56, "2001:db8:122:3c0:0:221::"),
        (64, "2001:db8:122:344:c0:2:2100::"),
        (96, "2001:db8:122:344::192.0.2.33"),
    ],
)
def test_every_length_of_a_translators_prefix(length: int, address: str) -> None:
    assert embedded_addresses(address)[length] == "192.0.2.33"


@pytest.mark.parametrize("address", ["192.0.2.33", "", "not an address"])
def test_what_holds_no_address(address: str) -> None:
    assert embedded_addresses(address) == {}
