"""Large repeated things, stored once: certificates and pages, found by the SHA-256 of their content."""

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, delete, exists, select

from observatory.store.engine import insert_into
from observatory.store.schema import blobs, measurement_blobs
from probes.records import (
    AnyObservation,
    Certificate,
    HttpObservation,
    Measurement,
    QuicObservation,
    TlsObservation,
)

# Below SQLite's limit of variables in one statement, with room for the rest of the statement.
CHUNK: Final = 500

_Change = Callable[[bytes], bytes]


def detach_blobs(measurement: Measurement) -> tuple[Measurement, dict[bytes, bytes]]:
    """Return the measurement with each certificate and body replaced by its digest, and what they were.

    Shape:  blobs by their SHA-256 (32 bytes); what is empty stays empty.
    """
    found: dict[bytes, bytes] = {}

    def detach(content: bytes) -> bytes:
        if not content:
            return content
        digest = sha256(content).digest()
        found[digest] = content
        return digest

    observations = tuple(_map_blobs(o, detach) for o in measurement.observations)
    return replace(measurement, observations=observations), found


def attach_blobs(measurement: Measurement, contents: Mapping[bytes, bytes]) -> Measurement:
    """Return the measurement that `detach_blobs` took apart.

    Errors: KeyError when a content is missing.
    """

    def attach(digest: bytes) -> bytes:
        return contents[digest] if digest else digest

    return replace(measurement, observations=tuple(_map_blobs(o, attach) for o in measurement.observations))


def _map_blobs(observation: AnyObservation, change: _Change) -> AnyObservation:
    match observation:
        case HttpObservation(body=body) if body:
            return replace(observation, body=change(body))
        case TlsObservation(chain=chain) | QuicObservation(chain=chain) if chain:
            return replace(observation, chain=tuple(_map_certificate(c, change) for c in chain))
        case _:
            return observation


def _map_certificate(certificate: Certificate, change: _Change) -> Certificate:
    return replace(certificate, der=change(certificate.der))


def save_blobs(connection: Connection, contents: Mapping[bytes, bytes]) -> dict[bytes, int]:
    """Store what is not there yet, compressed; return the number of each.

    Shape:  contents by digest, as from `detach_blobs`.
    """
    numbers = _load_numbers(connection, list(contents))
    missing = sorted(contents.keys() - numbers.keys())
    if missing:
        statement = insert_into(connection, blobs).on_conflict_do_nothing(index_elements=[blobs.c.sha256])
        connection.execute(
            statement, [{"sha256": key, "data": zlib.compress(contents[key])} for key in missing]
        )
        numbers |= _load_numbers(connection, missing)
    return numbers


def _load_numbers(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    numbers: dict[bytes, int] = {}
    for start in range(0, len(digests), CHUNK):
        wanted = digests[start : start + CHUNK]
        rows = connection.execute(select(blobs.c.sha256, blobs.c.number).where(blobs.c.sha256.in_(wanted)))
        numbers.update((row.sha256, row.number) for row in rows)
    return numbers


def load_blobs(connection: Connection, measurements: Sequence[int]) -> dict[bytes, bytes]:
    """Return the contents that these measurements (by number) refer to, by digest."""
    contents: dict[bytes, bytes] = {}
    for start in range(0, len(measurements), CHUNK):
        wanted = select(measurement_blobs.c.blob).where(
            measurement_blobs.c.measurement.in_(measurements[start : start + CHUNK])
        )
        for row in connection.execute(select(blobs.c.sha256, blobs.c.data).where(blobs.c.number.in_(wanted))):
            contents[row.sha256] = zlib.decompress(row.data)
    return contents


def delete_unused_blobs(connection: Connection, candidates: Collection[int]) -> int:
    """Delete those of these blobs that no measurement refers to any more; return how many."""
    used = exists().where(measurement_blobs.c.blob == blobs.c.number)
    numbers = sorted(candidates)
    deleted = 0
    for start in range(0, len(numbers), CHUNK):
        wanted = numbers[start : start + CHUNK]
        deleted += connection.execute(delete(blobs).where(blobs.c.number.in_(wanted), ~used)).rowcount
    return deleted
