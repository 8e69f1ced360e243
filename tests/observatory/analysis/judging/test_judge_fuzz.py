"""Whatever stands in a measurement, the judge answers: no crash, no hang, evidence that is really there."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.reference import load_reference
from probes import records
from probes.records import Endpoint, Measurement, Resolver, TargetKind
from tests.observatory.analysis.judging.builder import (
    AT,
    BLOCK_PAGE,
    BOGON,
    CANARY,
    TELEGRAM,
    TELEGRAM6,
    canary,
    data_centre,
    host,
)

ADDRESSES = st.one_of(
    st.sampled_from([TELEGRAM, TELEGRAM6, CANARY, BLOCK_PAGE, BOGON, "", "not an address", "fe80::1%eth0"]),
    st.ip_addresses().map(str),
    st.text(max_size=12),
)
ENDPOINTS = st.builds(Endpoint, address=ADDRESSES, port=st.sampled_from([80, 443, 53, 1, 65535]))
NAMES = st.one_of(st.sampled_from(["t.me", "T.ME", "example.com", ""]), st.text(max_size=20))
TEXT = st.text(max_size=40)
SECONDS = st.floats(allow_nan=False, min_value=-1, max_value=1e6)
COUNTS = st.integers(min_value=0, max_value=2**40)
LOCATIONS = st.sampled_from(["http://[", "//", "http://internet-positif.org/", "https://t.me:99999/", "\x00"])
HEADERS = st.lists(
    st.one_of(st.tuples(TEXT, TEXT), st.tuples(st.sampled_from(["Location", "server"]), LOCATIONS)),
    max_size=4,
).map(tuple)


ANSWERS = st.builds(
    records.DnsAnswer,
    arrived_s=SECONDS,
    rcode=st.sampled_from(["NOERROR", "NXDOMAIN", "SERVFAIL", "?"]),
    addresses=st.lists(ADDRESSES, max_size=3).map(tuple),
    cnames=st.lists(NAMES, max_size=2).map(tuple),
)
CERTIFICATES = st.builds(
    records.Certificate,
    der=st.just(b""),
    sha256=st.sampled_from(["a" * 64, "b" * 64]),
    subject=TEXT,
    issuer=TEXT,
    not_before=st.just(AT),
    not_after=st.just(AT),
    names=st.lists(NAMES, max_size=2).map(tuple),
)
FIELDS: dict[str, Any] = {
    "id": st.sampled_from([f"o{n}" for n in range(1, 30)]),
    "started_s": SECONDS,
    "duration_s": SECONDS,
    "first_byte_s": st.none() | SECONDS,
    "transfer_s": SECONDS,
    "received_bytes": COUNTS,
    "endpoint": ENDPOINTS,
    "server": ENDPOINTS,
    "name": NAMES,
    "host": NAMES,
    "headers": HEADERS,
    "status": st.none() | st.integers(-5, 1000),
    "resolver": st.sampled_from(list(Resolver)),
    "query_type": st.sampled_from(["A", "AAAA", "HTTPS", "TXT", ""]),
    "answers": st.lists(ANSWERS, max_size=3).map(tuple),
    "chain": st.lists(CERTIFICATES, max_size=2).map(tuple),
    "transport": st.sampled_from(["udp", "tcp", "dot", "doh", "abridged", "obfuscated", "?"]),
}


def _observations() -> Any:
    kinds = records.AnyObservation.__args__
    return st.one_of(
        *(
            st.builds(kind, **{k: v for k, v in FIELDS.items() if k in kind.__dataclass_fields__})
            for kind in kinds
        )
    )


OBSERVATIONS = st.lists(_observations(), max_size=12)
KINDS = [TargetKind.HOST, TargetKind.DATA_CENTRE]


def _measured(base: Measurement, observations: list[Any]) -> Measurement:
    return replace(base, observations=(*base.observations, *observations))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_judge_answers_whatever_was_written_down(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([host(), data_centre(), replace(host(), observations=())]))
    here = _measured(base, data.draw(OBSERVATIONS))
    control = _measured(replace(base, id="control", vantage="control"), data.draw(OBSERVATIONS))
    other = data.draw(st.none() | st.just(_measured(canary(), data.draw(OBSERVATIONS))))
    controls = [Control(control, canary("control"), peer=data.draw(st.booleans()))]
    verdict = judge_measurement(here, other, controls, reference=load_reference())
    assert set(verdict.evidence) <= {o.id for o in here.observations} | {
        o.id for o in (other.observations if other else ())
    }
