"""The key stream that hides MTProto's framing ("obfuscated2").

init     64 bytes: random, but never the beginning of another protocol; bytes 56..60 name the framing inside
keys     out: init[8:40], counter init[40:56]; in: the same 48 bytes backwards; AES-256 in counter mode
sent     init[:56] as it is, then init[56:64] and everything after it through the outgoing stream

Source: core.telegram.org/mtproto/mtproto-transports#transport-obfuscation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

INIT_BYTES: Final = 64
TAG: Final = slice(56, 60)
# Starts that a server takes for a plain transport, HTTP or TLS.
FORBIDDEN_FIRST_BYTE: Final = 0xEF
FORBIDDEN_STARTS: Final = frozenset(
    {b"HEAD", b"POST", b"GET ", b"OPTI", b"\xee" * 4, b"\xdd" * 4, b"\x16\x03\x01\x02"}
)


@dataclass(frozen=True, slots=True)
class Obfuscation:
    """Both directions of one connection; `head` is sent before anything else."""

    head: bytes
    encrypt: Callable[[bytes], bytes]
    decrypt: Callable[[bytes], bytes]


def is_allowed(init: bytes) -> bool:
    """Return whether no server can take these bytes for the beginning of another transport."""
    return (
        len(init) == INIT_BYTES
        and init[0] != FORBIDDEN_FIRST_BYTE
        and init[:4] not in FORBIDDEN_STARTS
        and init[4:8] != b"\0" * 4
    )


def start_obfuscation(random: Callable[[int], bytes], tag: bytes) -> Obfuscation:
    """Return the streams of a new connection. `random(n)` returns n bytes; `tag` names the framing."""
    init = random(INIT_BYTES)
    while not is_allowed(init):
        init = random(INIT_BYTES)
    init = init[: TAG.start] + tag + init[TAG.stop :]
    backwards = init[8:56][::-1]
    outgoing = _key_stream(init[8:40], init[40:56])
    incoming = _key_stream(backwards[:32], backwards[32:48])
    # The key stream runs over all 64 bytes; only the last eight are sent enciphered.
    head = init[: TAG.start] + outgoing.update(init)[TAG.start :]
    return Obfuscation(head=head, encrypt=outgoing.update, decrypt=incoming.update)


def _key_stream(key: bytes, counter: bytes) -> CipherContext:
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
