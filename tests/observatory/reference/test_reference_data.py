"""What is shipped is in force."""

import pytest

from observatory.reference import load_reference, load_yaml
from tests.observatory.reference.samples import found


def test_what_is_shipped() -> None:
    reference = load_reference()
    assert found(reference.match_address("36.86.63.185")) == "id.as17974.0.address"
    assert found(reference.match_name("www.internet-positif.org")) is not None
    assert found(reference.match_name("notice.uzone.id")) is not None
    assert reference.match_redirect([("Location", "http://www.xl.co.id/xlblockpage?x")]) is not None
    assert reference.match_redirect([("Location", "http://www.xl.co.id/shop")]) is None
    assert found(reference.match_page(b"<title>Internet Positif</title>")) == "id.title.internet_positif"
    assert 62041 in reference.telegram_asns
    assert all(f.source and f.seen for f in reference.fingerprints.all)


@pytest.mark.parametrize(
    ("address", "reserved"),
    [
        ("0.0.0.0", True),
        ("10.10.34.35", True),
        ("100.64.5.5", True),
        ("127.0.0.1", True),
        ("192.0.0.8", True),
        ("192.0.0.9", False),
        ("198.18.0.5", True),
        ("198.20.0.1", False),
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("149.154.167.99", False),
        ("192.88.99.1", False),
        ("::", True),
        ("::1", True),
        ("2001::1", True),
        ("2001:1::1", False),
        ("2001:db8::1", True),
        ("3fff:0fff::1", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("2001:67c:4e8:f004::9", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:149.154.167.99", False),
        ("64:ff9b::10.0.0.1", True),
        ("64:ff9b::149.154.167.99", False),
        ("64:ff9b:1::1", True),
    ],
)
def test_reserved_addresses_are_reference_data(address: str, reserved: bool) -> None:
    assert load_reference().is_reserved(address) is reserved


def test_every_reserved_block_says_where_it_is_from() -> None:
    blocks = load_yaml("reserved_addresses.yaml")["blocks"]
    assert all(block["source"].startswith("RFC ") and block["name"] for block in blocks)
