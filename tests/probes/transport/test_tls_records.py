"""Where the first TLS record ends; bytes of anything else are passed on whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.transport.tls_records import first_record_bytes

RECORD = bytes.fromhex("1703030004") + b"data"


@pytest.mark.parametrize(
    ("situation", "data", "n_bytes"),
    [
        ("nothing", b"", 0),
        ("one record", RECORD, 9),
        ("and the beginning of the next", RECORD + RECORD[:6], 9),
        ("half a header", RECORD[:3], 0),
        ("all but its last byte", RECORD[:-1], 0),
        ("an empty record", bytes.fromhex("1703030000"), 5),
        ("the longest", bytes.fromhex("1703034800") + bytes(18432), 18437),
        ("longer than any", bytes.fromhex("1703034801") + bytes(9), 14),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", 28),
        ("the first byte of HTTP", b"H", 1),
        ("the type alone", b"\x16", 0),
        ("another version", b"\x16\x02\x00", 3),
    ],
)
def test_where_it_ends(situation: str, data: bytes, n_bytes: int) -> None:
    assert first_record_bytes(data) == n_bytes


@given(st.binary(max_size=200))
def test_never_more_than_there_is(data: bytes) -> None:
    assert 0 <= first_record_bytes(data) <= len(data)
