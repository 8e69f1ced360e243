"""What goes in comes out, equal, whatever was measured; large things are kept once."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from observatory.model import Finding, Layer, State, Verdict
from observatory.store import Store, open_store
from observatory.store.schema import blobs, encode_time, parse_time
from probes.records import (
    Certificate,
    DnsAnswer,
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    Purpose,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)
from tests.observatory.store.backdoor import connect
from tests.observatory.store.samples import AT, make_measurement, make_observations, make_verdict

# Raw error texts and headers may hold anything, half characters too; names may not.
ANY_TEXT = st.text(st.characters(), max_size=12)
NAMES = st.text(max_size=8)
BYTES = st.binary(max_size=64)
SECONDS = st.floats(0, 1e6)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ENDPOINTS = st.builds(Endpoint, address=NAMES, port=st.integers(1, 65535))
COMMON = {
    "id": NAMES,
    "started_s": SECONDS,
    "duration_s": SECONDS,
    "attempt": st.integers(1, 3),
    "failure": st.none() | st.sampled_from(Failure),
    "detail": st.none() | ANY_TEXT,
}
ANSWERS = st.builds(
    DnsAnswer,
    arrived_s=SECONDS,
    rcode=NAMES,
    addresses=st.lists(NAMES, max_size=2).map(tuple),
    ttl_s=st.none() | st.integers(0, 2**31),
    wire=BYTES,
)
CERTIFICATES = st.builds(
    Certificate, der=BYTES, sha256=NAMES, subject=ANY_TEXT, issuer=ANY_TEXT, not_before=TIMES, not_after=TIMES
)
OBSERVATIONS = st.one_of(
    st.builds(
        DnsObservation,
        **COMMON,
        resolver=st.sampled_from(Resolver),
        server=ENDPOINTS,
        transport=NAMES,
        name=NAMES,
        query_type=NAMES,
        answers=st.lists(ANSWERS, max_size=2).map(tuple),
    ),
    st.builds(TcpObservation, **COMMON, endpoint=ENDPOINTS),
    st.builds(
        TlsObservation,
        **COMMON,
        endpoint=ENDPOINTS,
        server_name=NAMES,
        purpose=st.sampled_from(Purpose),
        chain=st.lists(CERTIFICATES, max_size=3).map(tuple),
        certificate_errors=st.lists(NAMES, max_size=2).map(tuple),
    ),
    st.builds(
        HttpObservation,
        **COMMON,
        endpoint=ENDPOINTS,
        over_tls=st.booleans(),
        host=NAMES,
        path=ANY_TEXT,
        headers=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=2).map(tuple),
        body=BYTES,
        first_byte_s=st.none() | SECONDS,
    ),
    st.builds(QuicObservation, **COMMON, endpoint=ENDPOINTS, versions=st.lists(st.integers()).map(tuple)),
    st.builds(
        MtprotoObservation,
        **COMMON,
        endpoint=ENDPOINTS,
        transport=NAMES,
        fingerprints=st.lists(NAMES, max_size=2).map(tuple),
    ),
    st.builds(ThroughputObservation, **COMMON, endpoint=ENDPOINTS, server_name=NAMES, transfer_s=SECONDS),
)
NUMBERS = count()
MEASUREMENTS = st.builds(
    Measurement,
    id=st.builds(lambda: f"m{next(NUMBERS)}"),
    round_id=NAMES,
    vantage=NAMES,
    asn=st.integers(0, 2**32 - 1),
    target=NAMES,
    target_kind=st.sampled_from(TargetKind),
    started_at=TIMES,
    duration_s=SECONDS,
    resolver=NAMES,
    public_resolver=NAMES,
    via=ANY_TEXT,
    emulated=st.booleans(),
    observations=st.lists(OBSERVATIONS, max_size=4).map(tuple),
)
FINDINGS = st.builds(
    Finding,
    layer=st.sampled_from(Layer),
    state=st.sampled_from(State),
    mechanism=st.none() | st.just("tls.reset.sni"),
    rule_id=NAMES,
    evidence=st.lists(NAMES, max_size=2).map(tuple),
)
VERDICTS = st.builds(
    Verdict,
    state=st.sampled_from(State),
    layer=st.sampled_from(Layer),
    mechanism=st.none() | st.just("dns.timeout"),
    rule_id=NAMES,
    rules_version=NAMES,
    reference_version=NAMES,
    evidence=st.lists(NAMES, max_size=2).map(tuple),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    controls=st.lists(NAMES, max_size=2).map(tuple),
    partial=st.booleans(),
    n_ok=st.integers(0, 9),
    n_tried=st.integers(0, 9),
    provisional=st.booleans(),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(f"sqlite:///{folder}/observatory.sqlite") as store,
    ):
        yield store


@settings(deadline=None, max_examples=150)
@given(measurement=MEASUREMENTS, verdict=VERDICTS)
def test_any_measurement_comes_back_equal(shared: Store, measurement: Measurement, verdict: Verdict) -> None:
    assert shared.save_measurements([(measurement, verdict)], received_at=AT) == 1
    assert shared.load_measurement(measurement.id) == (measurement, verdict)


@given(at=TIMES)
def test_a_moment_is_kept_to_the_microsecond(at: datetime) -> None:
    assert parse_time(encode_time(at)) == at


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        encode_time(AT.replace(tzinfo=None))


def test_certificates_and_pages_are_kept_once(store: Store) -> None:
    measured = [make_measurement(f"m{i}", observations=make_observations()) for i in range(5)]
    store.save_measurements([(m, make_verdict()) for m in measured], received_at=AT)
    with connect(store) as connection:
        assert connection.execute(select(func.count()).select_from(blobs)).scalar() == 3
    assert store.load_measurements() == measured


def test_nobody_knows_the_id(store: Store) -> None:
    assert store.load_measurement("none") is None
    assert store.load_verdicts(["none"]) == {}
