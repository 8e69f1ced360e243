"""Where one TLS record ends and the next begins (RFC 8446 section 5.1). Nothing is decrypted."""

from typing import Final

_HEADER_BYTES: Final = 5
_TYPES: Final = range(20, 25)
_VERSION_MAJOR: Final = 3
# RFC 5246 section 6.2.3: the longest fragment, with what encryption may add to it.
_MAX_FRAGMENT_BYTES: Final = 2**14 + 2048


def first_record_bytes(data: bytes) -> int:
    """Return the length of the first record with its header; 0 while it is not whole.

    Shape:  bytes that begin no TLS record are returned whole, so that whoever reads them finds out at once.
    """
    if not data:
        return 0
    if data[0] not in _TYPES or (len(data) > 1 and data[1] != _VERSION_MAJOR):
        return len(data)
    if len(data) < _HEADER_BYTES:
        return 0
    length = int.from_bytes(data[3:5], "big")
    if length > _MAX_FRAGMENT_BYTES:
        return len(data)
    return _HEADER_BYTES + length if len(data) >= _HEADER_BYTES + length else 0
