"""What is exported as OONI measurements comes back with the same records and the same verdicts."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.cli.app import app
from observatory.exports.ooni import export_document
from observatory.importers.fields import Rejected
from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.importers.ooni_own import KEY
from observatory.importers.storing import Importer
from observatory.ingest.collector import Collector
from observatory.model import LeadsTo, Role, State, VantagePoint
from observatory.reference import load_reference
from observatory.store import Store, open_store
from probes.records import (
    Failure,
    HelperObservation,
    HopsObservation,
    HttpObservation,
    Measurement,
    QuicObservation,
    Resolver,
    TargetKind,
    ThroughputObservation,
)
from tests.observatory.analysis.judging import builder as b
from tests.observatory.analysis.judging.test_leads_to import leading

POINTS = (
    VantagePoint(id="isp", name="ISP", isp="Example", asn=64500, country="ID"),
    VantagePoint(id="control", name="Control", isp="Elsewhere", asn=64501, country="SG", role=Role.CONTROL),
)
SELF_SIGNED = b.leaf("t.me", sha256="b" * 64, self_signed=True)
EXPIRED = b.certificate(b.leaf("t.me"), Failure.SSL_INVALID_CERTIFICATE)
SITUATIONS: dict[str, tuple[Measurement, dict[str, Any]]] = {
    "healthy": (b.host(), {}),
    "healthy with IPv6": (b.host("isp", "t.me", b.TELEGRAM, "2001:67c:4e8:f004::9"), {}),
    "block page address": (b.changed(b.host(), b.resolves_to(b.answer(b.BLOCK_PAGE))), {}),
    "bogon": (b.changed(b.host(), b.resolves_to(b.answer(b.BOGON))), {}),
    "raced": (b.changed(b.host(), b.resolves_to(b.answer(b.BLOCK_PAGE), b.answer(b.TELEGRAM))), {}),
    "nxdomain": (
        b.changed(
            b.host(),
            b.resolves_to(
                b.answer(rcode="NXDOMAIN"), resolver=Resolver.VANTAGE, failure=Failure.DNS_NXDOMAIN
            ),
        ),
        {},
    ),
    "sink answers": (b.changed(b.host(), b.resolves_to(b.answer(b.BLOCK_PAGE), resolver=Resolver.SINK)), {}),
    **{
        f"tcp {failure}": (b.changed(b.host(), b.tcp_fails(failure)), {})
        for failure in (Failure.TIMEOUT, Failure.CONNECTION_REFUSED, Failure.HOST_UNREACHABLE)
    },
    **{
        f"tls {failure}": (b.changed(b.host(), b.tls_fails(failure)), {})
        for failure in (Failure.TIMEOUT, Failure.CONNECTION_RESET, Failure.EOF)
    },
    "tls reset by name": (
        b.with_more(b.changed(b.host(), b.tls_fails(Failure.CONNECTION_RESET)), b.harmless()),
        {},
    ),
    "tls reset by address": (
        b.with_more(
            b.changed(b.host(), b.tls_fails(Failure.CONNECTION_RESET)), b.harmless(Failure.CONNECTION_RESET)
        ),
        {},
    ),
    "self-signed": (b.changed(b.host(), b.certificate(SELF_SIGNED, Failure.SSL_UNKNOWN_AUTHORITY)), {}),
    "expired everywhere": (
        b.changed(b.host(), EXPIRED),
        {"control": b.changed(b.host("control"), EXPIRED)},
    ),
    "block page": (
        b.changed(b.host(), b.plain_page(status=200, body=b"<title>Internet Positif</title>")),
        {},
    ),
    "redirect to a block page": (
        b.changed(
            b.host(),
            b.plain_page(status=302, headers=(("location", "http://internetpositif.uzone.id/"),)),
        ),
        {},
    ),
    "quic silent": (b.changed(b.host(), b.quic_fails), {}),
    "no pages": (b.changed(b.host(), b.drop(HttpObservation)), {}),
    "overloaded": (b.host(lag_s=2.0), {}),
    "no control": (b.changed(b.host(), b.tcp_fails(Failure.TIMEOUT)), {"without_control": True}),
    "no canary": (b.changed(b.host(), b.tcp_fails(Failure.TIMEOUT)), {"without_canary": True}),
    "data centre": (b.data_centre(), {}),
    "data centre dead": (b.changed(b.data_centre(), b.tcp_fails(Failure.TIMEOUT)), {}),
    "data centre partly dead": (b.changed(b.data_centre(), b.tcp_fails(Failure.TIMEOUT, 443)), {}),
}


def parts_of(measured: Measurement, how: dict[str, Any]) -> tuple[Measurement | None, list[Control]]:
    """What `builder.judge` compares with."""
    healthy = b.data_centre if measured.target_kind is TargetKind.DATA_CENTRE else b.host
    control = how.get("control") or healthy("control", measured.target)
    canary = None if how.get("without_canary") else b.canary()
    return canary, [] if how.get("without_control") else [Control(control, b.canary("control"))]


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(json.dumps(document))
    return parsed


@pytest.mark.parametrize("name", SITUATIONS)
def test_round_trip(name: str) -> None:
    measured, how = SITUATIONS[name]
    canary, controls = parts_of(measured, how)
    expected = judge_measurement(measured, canary, controls, reference=load_reference())
    assert expected == b.judge(measured, **how)
    imported = read_document(through_json(export_document(measured, canary, controls, POINTS)))
    (part,) = imported.parts
    assert part.measurement == measured
    assert (part.canary, list(part.controls)) == (canary, controls)
    assert judge_imported(imported).verdict == expected


@pytest.mark.parametrize("name", ["healthy", "block page address", "nxdomain", "tls connection_reset"])
def test_standard_keys_alone_still_say_the_essential(name: str) -> None:
    """Another tool, or this one without our own records, reads the same facts in OONI's words."""
    measured, how = SITUATIONS[name]
    canary, controls = parts_of(measured, how)
    document = through_json(export_document(measured, canary, controls, POINTS))
    del document[KEY]
    # The observatory asks the vantage's resolver itself; OONI says so of the system's lookup only.
    for query in document["test_keys"]["queries"]:
        if query["resolver_address"].startswith(b.RESOLVER.address):
            query |= {"engine": "getaddrinfo", "resolver_address": ""}
    found = read_document(document).parts[0].measurement
    assert found.target == measured.target
    assert (found.asn, found.started_at) == (measured.asn, measured.started_at)
    ends = {type(o).__name__: 0 for o in found.observations}
    assert {"DnsObservation", "TcpObservation"} <= set(ends)
    verdict = judge_imported(read_document(document)).verdict
    assert verdict.state in (b.judge(measured, **how).state, "insufficient")


def test_no_conclusion_is_written() -> None:
    document = export_document(
        b.host(), b.canary(), [Control(b.host("control"), b.canary("control"))], POINTS
    )
    written = json.dumps(document)
    for word in ("accessible", "blocking", "rule_id", "verdict", "likely_blocked"):
        assert f'"{word}"' not in written


def test_every_kind_of_observation_comes_back() -> None:
    extra = (
        HelperObservation(id="h", started_s=0.0, duration_s=0.1, url="https://th.example/"),
        *(
            o
            for o in b.host().observations
            if isinstance(o, QuicObservation | ThroughputObservation | HopsObservation)
        ),
    )
    measured = replace(b.host(), observations=(*b.host().observations, *extra))
    document = through_json(export_document(measured, None, [], ()))
    assert read_document(document).parts[0].measurement == measured


@pytest.mark.parametrize(
    "own",
    [
        None,
        [],
        {},
        {"format": 2},
        {"format": 1},
        {"format": 1, "measurement": {"id": 7}},
        {"format": 1, "measurement": 7},
    ],
)
def test_foreign_records_in_our_name_are_refused(own: Any) -> None:
    with pytest.raises(Rejected, match="x_observatory"):
        read_document({KEY: own})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("OBSERVATORY_DATABASE", f"sqlite:///{tmp_path}/observatory.sqlite")
    with open_store() as opened:
        opened.save_vantage_points(POINTS, at=b.AT)
        yield opened


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.exit_code, result.stdout


def keep(store: Store, *measurements: Measurement) -> None:
    Collector(store).accept(measurements)


def test_exported_and_imported_elsewhere(store: Store, tmp_path: Path) -> None:
    blocked = b.changed(b.host(), b.tls_fails(Failure.CONNECTION_RESET))
    keep(store, blocked, b.canary(), b.host("control"), b.canary("control"))
    before = store.load_verdicts([blocked.id])[blocked.id]
    path = tmp_path / "out.jsonl.gz"
    run("export", "ooni", str(path))
    assert not path.with_name("out.jsonl.gz.part").exists()

    judged = [
        json.loads(line) for line in run("import", "ooni", "--judge", "--json", str(path))[1].splitlines()
    ]
    verdicts = {line["id"]: (line["state"], line["mechanism"], line["rule_id"]) for line in judged}
    assert verdicts[blocked.id] == (before.state, before.mechanism, before.rule_id)

    known = json.loads(run("import", "ooni", "--json", str(path))[1])
    assert (known["new"], known["known"], known["rejected"]) == (0, 2, 0)

    elsewhere = f"sqlite:///{tmp_path}/elsewhere.sqlite"
    new = json.loads(run("import", "ooni", "--json", "--database", elsewhere, str(path))[1])
    assert (new["new"], new["rejected"]) == (2, 0)
    with open_store(elsewhere) as other:
        assert other.load_verdicts([blocked.id])[blocked.id] == before
        points = {v.id: v.role for v in other.load_vantage_status()}
        assert points == {"isp": Role.PROBE, "control": Role.CONTROL}


def test_the_hosts_to_which_a_target_leads_come_along(store: Store, tmp_path: Path) -> None:
    way = leading("telegram.me", "t.me"), leading("t.me", "telegram.org")
    last = b.changed(b.host(name="telegram.org"), b.tls_fails(Failure.CONNECTION_RESET))
    far = (b.host("control", name) for name in ("telegram.me", "t.me", "telegram.org"))
    keep(store, *way, last, b.canary(), *far, b.canary("control"))
    meets = LeadsTo(target="telegram.org", state=State.LIKELY_BLOCKED, mechanism="tls.reset")
    assert [store.load_verdicts([m.id])[m.id].leads_to for m in way] == [meets] * 2
    for name in ("telegram.me", "t.me"):
        path = tmp_path / f"{name}.jsonl"
        run("export", "ooni", "--target", name, "--vantage", "isp", str(path))
        (line,) = run("import", "ooni", "--judge", "--json", str(path))[1].splitlines()
        judged = json.loads(line)
        assert (judged["state"], judged["leads_to"]) == ("ok", asdict(meets))


def put_at(measurement: Measurement, minutes: float, **more: Any) -> Measurement:
    return replace(measurement, started_at=measurement.started_at + timedelta(minutes=minutes), **more)


def peer(minutes: float = 1, *, failing: bool = False) -> Control:
    """Another network, which stood in for a control where there was none."""
    seen = b.changed(b.host("other"), b.tcp_fails(Failure.TIMEOUT)) if failing else b.host("other")
    canary = put_at(b.canary("other"), minutes, asn=64502)
    return Control(put_at(seen, minutes, asn=64502), canary, peer=True)


def control(minutes: float = 1, number: int = 0) -> Control:
    seen = put_at(b.host("control"), minutes)
    canary = put_at(b.canary("control"), minutes)
    if number:
        seen = replace(seen, id=f"{seen.id}-{number}", round_id=f"{seen.round_id}-{number}")
        canary = replace(canary, id=f"{canary.id}-{number}", round_id=seen.round_id)
    return Control(seen, canary)


OTHER = VantagePoint(id="other", name="Other", isp="Other", asn=64502, country="ID")
RESET = b.changed(b.host(), b.tls_fails(Failure.CONNECTION_RESET))
SILENT = b.changed(b.host(), b.tcp_fails(Failure.TIMEOUT))


@pytest.mark.parametrize(
    ("situation", "measured", "controls", "state"),
    [
        ("a control in its window", RESET, [control()], State.LIKELY_BLOCKED),
        ("a control two hours later", RESET, [control(120)], State.IMPAIRED),
        ("a control of another target", RESET, [Control(b.host("control", "x.org"), None)], State.IMPAIRED),
        ("a control that is real beside an emulation", replace(RESET, emulated=True), [control()], None),
        ("four of one control", RESET, [control(n, n) for n in (4, 3, 2, 1)], State.LIKELY_BLOCKED),
        ("a peer that stood in", SILENT, [peer()], State.LIKELY_BLOCKED),
        ("a peer two hours later", SILENT, [peer(120)], State.IMPAIRED),
        ("a peer that failed itself", SILENT, [peer(failing=True)], State.IMPAIRED),
        ("a control before a peer", SILENT, [peer(), control(2)], State.LIKELY_BLOCKED),
        ("a control's own line", b.changed(b.host("control"), EXPIRED), [], None),
    ],
)
def test_what_is_only_judged_is_judged_as_what_is_stored(
    tmp_path: Path, situation: str, measured: Measurement, controls: list[Control], state: State | None
) -> None:
    canary = replace(b.canary(measured.vantage), emulated=measured.emulated)
    document = export_document(measured, canary, controls, (*POINTS, OTHER))
    imported = read_document(through_json(document))
    verdict = judge_imported(imported).verdict
    if state is not None:
        assert verdict.state is state, situation
    with open_store(f"sqlite:///{tmp_path}/elsewhere.sqlite") as store:
        importer = Importer(store, Collector(store))
        importer.add(imported)
        importer.finish()
        assert store.load_verdicts([measured.id])[measured.id] == verdict, situation


def test_selection(store: Store) -> None:
    keep(store, b.host(), b.canary(), b.host("control"), b.canary("control"))
    assert len(run("export", "ooni")[1].splitlines()) == 2
    assert len(run("export", "ooni", "--vantage", "isp")[1].splitlines()) == 1
    assert run("export", "ooni", "--target", "telegram.org")[1] == ""
    assert run("export", "ooni", "--until", "2026-11-01")[1] == ""
    assert len(run("export", "ooni", "--since", "2026-11-01")[1].splitlines()) == 2


def test_nobody_slips_a_measurement_under_a_name_of_ours(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "forged.jsonl"
    path.write_text(json.dumps(export_document(b.host(), None, [], ())) + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["import", "ooni", "--json", str(path)])
    assert json.loads(result.stdout)["rejected"] == 1
    assert "isp, which this observatory runs" in result.stderr
    assert store.load_verdicts([b.host().id]) == {}
