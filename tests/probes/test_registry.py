"""One registry of techniques: the procedures measure through it, and every list of techniques agrees with it.

The pure modules keep lists of their own, since the registry loads sockets; each is compared here.
"""

import ast
import asyncio
import dataclasses
import re
import ssl
from collections import Counter
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from lab.services.data_centre import serve_data_centre
from observatory.analysis.judging import facts
from observatory.exports.ooni_test_keys import write_test_keys
from observatory.importers.judging import _without_bulk
from observatory.store.blobs import detach_blobs
from observatory.views.step_words import _DESCRIBE
from observatory.views.steps import GROUPS
from probes import records, registry
from probes.procedures.data_centre import measure_data_centre
from probes.records import (
    AnyObservation,
    Certificate,
    Endpoint,
    Observation,
    Payload,
    Resolver,
    encode_measurement,
    technique_name,
)
from probes.registry import TECHNIQUES, MeasuredTechnique
from probes.session import ObservationLog
from probes.transport.trust import Trust
from tests.observatory.analysis.judging.builder import data_centre, host, leaf
from tests.probes.local import LocalNetwork, Serve, make_certificate, page, reset, serve
from tests.probes.procedures.test_data_centre import DC2, ENDPOINT
from tests.probes.procedures.test_followups import Site, measure

RECORDS = {technique.record for technique in TECHNIQUES.values()}
MEASURED = {name: t for name, t in TECHNIQUES.items() if isinstance(t, MeasuredTechnique)}
# What OONI's format has no field for; the file of a whole measurement (JSON) holds it.
NOT_IN_OONI = {"mtproto", "throughput", "hops", "helper"}
OONI_LISTS = ("queries", "tcp_connect", "tls_handshakes", "quic_handshakes", "requests")


def constants() -> dict[str, str]:
    """Name of the constant by name of the technique."""
    return {v.name: key for key, v in vars(registry).items() if isinstance(v, registry.Technique)}


def test_every_constant_is_in_the_mapping_under_its_own_name() -> None:
    assert set(constants()) == set(TECHNIQUES)
    assert all(name == technique.name for name, technique in TECHNIQUES.items())


def test_only_the_helper_is_never_measured() -> None:
    assert set(TECHNIQUES) - set(MEASURED) == {"helper"}


@pytest.mark.parametrize("name", MEASURED)
def test_a_technique_returns_the_record_it_is_listed_with(name: str) -> None:
    """A connect and a handshake return the stream beside it."""
    returned = get_type_hints(MEASURED[name].measure)["return"]
    first = get_args(returned)[0] if get_origin(returned) is tuple else returned
    assert first is MEASURED[name].record


# --- dispatch


PROCEDURES = sorted(Path(registry.__file__).with_name("procedures").glob("*.py"))


@pytest.mark.parametrize("path", PROCEDURES, ids=lambda path: path.name)
def test_no_procedure_measures_past_the_registry(path: Path) -> None:
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("probes.techniques")
        for alias in node.names
    }
    assert not {name for name in imported if name.startswith("measure_")}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[type[Observation]]:
    """How often each technique was called through the registry."""
    calls: Counter[type[Observation]] = Counter()

    def count(technique: MeasuredTechnique[..., Any]) -> MeasuredTechnique[..., Any]:
        async def measure(*args: Any, **kwargs: Any) -> Any:
            calls[technique.record] += 1
            return await technique.measure(*args, **kwargs)

        return dataclasses.replace(technique, measure=measure)

    for name, technique in MEASURED.items():
        monkeypatch.setattr(registry, constants()[name], count(technique))
    return calls


def test_each_observation_of_a_host_was_made_through_the_registry(
    tmp_path: Path, counted: Counter[type[Observation]]
) -> None:
    certificate: tuple[ssl.SSLContext, str] = make_certificate(tmp_path)
    site = Site(plain=lambda host: page("403 Forbidden"))
    measured = asyncio.run(measure(site, certificate))
    assert counted == Counter(type(o) for o in measured.observations)
    assert {technique_name(record) for record in counted} >= {"dns", "tcp", "tls", "http"}


async def answer_as_data_centre(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await serve_data_centre(reader, writer)


@pytest.mark.parametrize("handler", [answer_as_data_centre, reset])
async def test_each_observation_of_a_data_centre_was_made_through_the_registry(
    handler: Serve, counted: Counter[type[Observation]]
) -> None:
    log = ObservationLog(deadline_s=5.0)
    async with serve(handler) as port:
        await measure_data_centre(LocalNetwork(ports={ENDPOINT: port}), log, Trust(), DC2)
    assert counted == Counter(type(o) for o in log.observations())
    assert {technique_name(record) for record in counted} == {"tcp", "mtproto"}


# --- lists elsewhere


def test_every_observation_has_its_technique() -> None:
    assert RECORDS == set(get_args(AnyObservation))


def test_the_name_is_the_one_that_json_carries() -> None:
    for measured in (host(), data_centre()):
        encoded = encode_measurement(measured)["observations"]
        for observation, data in zip(measured.observations, encoded, strict=True):
            assert TECHNIQUES[data["technique"]].record is type(observation)


def test_the_drawing_of_the_records_shows_each() -> None:
    assert all(record.__name__ in (records.__doc__ or "") for record in RECORDS)


def test_every_technique_has_a_group_and_words_on_the_page() -> None:
    assert set(GROUPS) == set(_DESCRIBE) == RECORDS


SAMPLES: dict[Any, Any] = {
    tuple[Certificate, ...]: (dataclasses.replace(leaf("t.me"), der=b"certificate"),),
    bytes: b"page",
    str: "t.me",
    str | None: "t.me",
    float: 0.0,
    bool: False,
    Endpoint: Endpoint(address="192.0.2.1", port=443),
    Resolver: Resolver.VANTAGE,
    Payload: Payload.SYN,
}
# Everything an observation must have, and what it may carry that is large or makes it a handshake.
FILLED = {"chain", "body", "server_name"}


def filled(record: type[Observation]) -> Any:
    hints = get_type_hints(record)
    wanted = [f for f in dataclasses.fields(record) if f.default is dataclasses.MISSING or f.name in FILLED]
    return record(**{field.name: SAMPLES[hints[field.name]] for field in wanted})


def kept_content(observation: Any) -> list[bytes]:
    """Return its page and its certificates, as far as they are there."""
    bodies = [getattr(observation, "body", b""), *(c.der for c in getattr(observation, "chain", ()))]
    return [content for content in bodies if content]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_certificates_and_pages_of_every_technique_are_stored_once(name: str) -> None:
    """Detaching leaves their digests in the observation."""
    observation = filled(TECHNIQUES[name].record)
    detached, found = detach_blobs(dataclasses.replace(host(), observations=(observation,)))
    assert list(found.values()) == kept_content(observation)
    assert kept_content(detached.observations[0]) == list(found)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_control_kept_for_an_import_holds_no_page_and_no_certificate(name: str) -> None:
    measured = dataclasses.replace(host(), observations=(filled(TECHNIQUES[name].record),))
    assert kept_content(_without_bulk(measured).observations[0]) == []


def test_the_judge_looks_up_every_technique() -> None:
    source = Path(facts.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"self\._all\((\w+)\)", source)) == {record.__name__ for record in RECORDS}


@pytest.mark.parametrize("name", TECHNIQUES)
def test_what_the_ooni_format_has_a_field_for_is_exported(name: str) -> None:
    measured = dataclasses.replace(host(), observations=(filled(TECHNIQUES[name].record),))
    exported = sum(len(write_test_keys(measured, ())[key]) for key in OONI_LISTS)
    assert exported == (name not in NOT_IN_OONI)
