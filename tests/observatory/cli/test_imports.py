"""`observatory import ooni`: files in every wrapping, rejects by line, judged lines, the store, memory."""

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from observatory.cli.app import app
from observatory.importers import documents
from observatory.importers.documents import read_documents
from observatory.importers.ooni import read_document
from observatory.model import IMPORTED, Role
from observatory.store import open_reader, open_store
from probes.records import encode_measurement
from tests.observatory.importers.ooni_documents import CLASSIC, TELEGRAM, changed, handshake, telegram, web
from tests.observatory.importers.test_ooni_situations import SITUATIONS

MEMORY_LIMIT_KB = 200_000


def run(*arguments: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["import", "ooni", *arguments], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def lines(*made: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in made)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/observatory.sqlite"
    monkeypatch.setenv("OBSERVATORY_DATABASE", url)
    return url


def judged(path: Path) -> list[dict[str, Any]]:
    code, out, err = run("--judge", "--json", str(path))
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


WRAPPINGS = {
    "lines": lines(web(), telegram()),
    "lines without a last newline": lines(web(), telegram())[:-1],
    "lines with a byte order mark and empty lines": b"\xef\xbb\xbf"
    + lines(web())
    + b"\n \n"
    + lines(telegram()),
    "lines that end in CR LF": lines(web(), telegram()).replace(b"\n", b"\r\n"),
    "a list": json.dumps([web(), telegram()]).encode(),
    "a list over many lines": json.dumps([web(), telegram()], indent=2).encode(),
    "laid out, one after the other": "\n".join(json.dumps(m, indent=1) for m in (web(), telegram())).encode(),
    "a page of the API": json.dumps({"metadata": {}, "results": [web(), telegram()]}, indent=2).encode(),
    "raw measurements": lines({"raw_measurement": json.dumps(web())}, {"raw_measurement": telegram()}),
    "raw measurements in a page": json.dumps(
        {"results": [{"raw_measurement": json.dumps(m)} for m in (web(), telegram())]}
    ).encode(),
    "as the collector received them": lines(*({"format": "json", "content": m} for m in (web(), telegram()))),
}


@pytest.mark.parametrize("content", WRAPPINGS.values(), ids=WRAPPINGS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_every_wrapping_is_read(content: bytes, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "measurements"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = judged(path)
    assert [line["input"] for line in found] == ["https://t.me/", None]
    assert [line["state"] for line in found] == ["ok", "ok"]
    assert {"id", "input", "state", "layer", "mechanism", "rule_id"} <= set(found[0])
    assert len(found[1]["parts"]) == 7


def test_one_document_over_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(web(), indent=4), encoding="utf-8")
    assert [line["state"] for line in judged(path)] == ["ok"]


def test_standard_input_is_read_twice() -> None:
    code, out, _ = run("--judge", "--json", "-", stdin=gzip.compress(lines(web())))
    assert (code, len(out.splitlines())) == (0, 1)


def test_id_is_the_sources_own(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(lines(web() | {"measurement_uid": "20240214090619.1_ID_webconnectivity_1"}, web()))
    ids = [line["id"] for line in judged(path)]
    assert ids[0] == "20240214090619.1_ID_webconnectivity_1"
    assert len(ids[1]) == 36


def test_the_id_stands_on_the_wrapper(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(lines({"measurement_uid": "uid-1", "raw_measurement": json.dumps(web())}))
    assert [line["id"] for line in judged(path)] == ["uid-1"]


def test_what_a_wrapper_holds_that_is_no_measurement_says_so(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(
        lines(
            {"results": [{"measurement_url": "https://api.ooni.io/…", "anomaly": True}, web(), 7]},
            {"raw_measurement": None},
            {"raw_measurement": "{"},
            {"raw_measurement": json.dumps(web() | {"probe_cc": 7})},
        )
    )
    code, out, err = run("--judge", "--json", str(path))
    assert (code, len(out.splitlines())) == (0, 1)
    told = [line.removeprefix(f"{path}:") for line in err.splitlines() if line.startswith(str(path))]
    assert told[0].startswith("1: results[0]: expected a measurement, got an entry of a list")
    assert told[1:3] == [
        "1: results[2]: expected an object, got int",
        "2: raw_measurement: expected a measurement as JSON text, got nothing",
    ]
    assert told[3].startswith("3: raw_measurement: expected a measurement as JSON text: Expecting")
    assert told[4] == "4: probe_cc: expected text, got int"


def test_broken_lines_cost_themselves_only(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    broken = [
        b"{\n",
        b"not json\n",
        b'{"a": "\xff"}\n',
        b"[" * 100_000 + b"\n",
        b"9" * 10_000 + b"\n",
        b"null\n",
        b"[1]\n",
        lines(web() | {"test_name": "ndt"}),
    ]
    content = lines(web()) + b"".join(broken) + lines(telegram())
    path.write_bytes(content)
    rejects = tmp_path / "rejects.txt"
    code, out, err = run("--judge", "--json", "--rejects", str(rejects), str(path))
    assert (code, len(out.splitlines())) == (0, 2)
    rejected = rejects.read_text(encoding="utf-8").splitlines()
    assert [line.split(":")[1] for line in rejected] == [str(n) for n in range(2, 10)]
    assert rejected[-1].endswith("test_name: expected web_connectivity or telegram, got 'ndt'")
    assert err.count(f"{path}:") == 8


def test_a_broken_first_line_is_no_document_over_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"cut": \n' + lines(web(), web("https://telegram.org/")))
    assert len(judged(path)) == 2


def test_a_truncated_archive_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    packed = gzip.compress(lines(*(web(f"https://t.me/{n}") for n in range(200))), compresslevel=1)
    path.write_bytes(packed[: len(packed) // 2])
    code, out, err = run("--judge", "--json", str(path))
    assert code == 0
    assert 0 < len(out.splitlines()) < 200
    assert "ends in the middle" in err


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 1_000_000)
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"x": "' + b"a" * 5_000_000 + b'"}\n' + lines(web()))
    found = list(read_documents("m", path))
    assert [d.line for d in found] == [1, 2]
    assert found[0].problem == "expected at most 1 MB a line, got more"
    assert found[1].problem is None


def test_a_wrong_date_costs_its_record_alone(tmp_path: Path, database: str) -> None:
    path = tmp_path / "m.jsonl"
    far = [web() | {"measurement_start_time": f"{year}-02-14 09:06:17"} for year in (9999, 2099, 1970)]
    path.write_bytes(lines(web(), *far, web("https://telegram.org/")))
    code, out, err = run(str(path))
    assert code == 0
    assert "2 new measurements (2 ok), 0 known already, 3 rejected" in out
    for line, year in ((2, 9999), (3, 2099), (4, 1970)):
        assert f"{path}:{line}: start time: expected 2012-01-01 to " in err
        assert f"got {year}-02-14 09:06 UTC" in err
    with open_reader() as store:
        assert {row.measured_at.year for row in store.load_latest()} == {2024}
        # What is rejected with its line needs no gap.
        assert store.load_gaps(datetime(2012, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)) == ()
    assert len(judged(path)) == 2


def test_what_no_check_foresaw_costs_its_document_alone(tmp_path: Path, database: str) -> None:
    path = tmp_path / "m.jsonl"
    measurement = read_document(web()).parts[0].measurement
    own = {
        "format": 1,
        # Larger than any number that the database can hold.
        "measurement": encode_measurement(replace(measurement, id="huge", asn=10**30)),
        "vantage_points": [],
    }
    path.write_bytes(lines(web(), {"x_observatory": own}, web("https://telegram.org/")))
    code, out, err = run(str(path))
    assert code == 0
    assert "2 new measurements (2 ok), 0 known already, 1 rejected" in out
    assert f"{path}:2: could not be read (OverflowError" in err
    with open_reader() as store:
        assert {row.target for row in store.load_latest()} == {"t.me", "telegram.org"}


def test_many_rejects_are_counted_and_few_shown(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(lines(web(), *([{}] * 30)))
    code, _, err = run("--judge", str(path))
    assert code == 0
    assert err.count(f"{path}:") == 20
    assert "and 10 more rejected" in err


@pytest.mark.parametrize(
    "content", [b"", b"nothing\n", b"{}\n", b"\x1f\x8b"], ids=["empty", "text", "{}", "gzip"]
)
def test_nothing_to_read_is_a_failure(content: bytes, tmp_path: Path, database: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(content)
    assert run("--judge", str(path))[0] == 1
    assert run(str(path))[0] == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    code, _, err = run("--judge", str(tmp_path / "none.jsonl"))
    assert code == 1
    assert "none.jsonl: No such file" in err


def test_stored_once_however_often_it_comes(tmp_path: Path, database: str) -> None:
    path = tmp_path / "m.jsonl"
    blocked = changed(
        web(version=CLASSIC),
        tls_handshakes=[handshake(CLASSIC, TELEGRAM, "t.me", "connection_reset")],
        requests=[],
    )
    path.write_bytes(lines(blocked, blocked, telegram()))
    code, out, err = run("--json", str(path))
    assert code == 0, err
    first = json.loads(out)
    assert first == {
        "documents": 3,
        "new": 8,
        "known": 0,
        "rejected": 0,
        "states": {"likely_blocked": 1, "ok": 7},
        "leads_to_blocked": 0,
    }
    again = json.loads(run("--json", str(path))[1])
    assert (again["new"], again["known"]) == (0, 8)
    with open_reader() as store:
        latest = {(row.vantage, row.target): row for row in store.load_latest()}
        assert latest["ooni-id-as23693", "t.me"].state == "likely_blocked"
        points = {v.id: v for v in store.load_vantage_status()}
        point = points["ooni-id-as23693"]
        assert (point.asn, point.isp, point.country) == (23693, "PT. Telekomunikasi Selular", "ID")
        assert (point.via.kind, point.enabled, point.removed) == (IMPORTED, False, False)
        assert points["ooni-test-helper"].role is Role.CONTROL


def test_a_change_of_the_config_does_not_remove_what_was_imported(tmp_path: Path, database: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(lines(web()))
    assert run(str(path))[0] == 0
    with open_store() as store:
        now = store.load_measurements(limit=1)[0].started_at
        store.save_vantage_points([], at=now)
        assert not any(v.removed for v in store.load_vantage_status())


def test_what_may_not_be_stored_says_why(tmp_path: Path, database: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(
        lines(web("https://www.example.org/", ip="93.184.216.34"), web() | {"probe_asn": "AS0"}, web())
    )
    code, out, err = run(str(path))
    assert code == 0
    assert f"{path}:1: input: expected a target of this observatory, got www.example.org" in err
    assert f"{path}:2: probe_asn: expected the probe's network" in err
    assert "1 new measurements (1 ok), 0 known already, 2 rejected" in out
    assert "2 new measurements" not in run("--any-target", str(path))[1]
    with open_reader() as store:
        assert {row.target for row in store.load_latest()} == {"t.me", "www.example.org"}


def test_what_is_stored_means_what_was_judged(tmp_path: Path, database: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(lines(*(s[1] | {"measurement_uid": f"uid-{n}"} for n, s in enumerate(SITUATIONS))))
    found = [line for line in judged(path) if "parts" not in line]
    assert run("--any-target", str(path))[0] == 0
    with open_reader() as store:
        for line in found:
            document = SITUATIONS[int(line["id"].removeprefix("uid-"))][1] | {"measurement_uid": line["id"]}
            (part,) = read_document(document).parts
            verdict = store.load_verdicts([part.measurement.id])[part.measurement.id]
            assert (verdict.state, verdict.rule_id) == (line["state"], line["rule_id"])


SCRIPT = """
import json, sys
from tests.observatory.importers.ooni_documents import CLASSIC, web
path, n, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
with open(path, "w") as out:
    made = [web("https://t.me/"), web("http://telegram.org/", CLASSIC)]
    for i in range(n):
        one = made[i % 2] | {"probe_asn": f"AS{1000 + i % 50}", "measurement_uid": f"uid-{i}"}
        one["measurement_start_time"] = f"2024-02-{1 + i % 28:02} {i % 24:02}:{i % 60:02}:00"
        for page in one["test_keys"]["requests"]:
            page["response"]["body"] = f"page {i} " + "x" * 20_000
        out.write(json.dumps(one) + "\\n")
sys.stdout.flush()
from observatory.cli.app import main
sys.argv = ["observatory", "import", "ooni", *arguments, path]
try:
    main()
except SystemExit as stop:
    assert stop.code in (0, None), stop.code
# Not ru_maxrss: that remembers the process this one was forked from.
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("n", "arguments"), [(10_000, ["--judge", "--json"]), (10_000, ["--json"])], ids=["judged", "stored"]
)
def test_memory_stays_bounded(n: int, arguments: list[str], tmp_path: Path, database: str) -> None:
    path = tmp_path / "many.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), str(n), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stderr.split()[-1]) < MEMORY_LIMIT_KB
    if "--judge" in arguments:
        assert len(done.stdout.splitlines()) == n
    else:
        assert json.loads(done.stdout)["new"] == n
