"""Lists that an operator added: in force as a whole or not at all, and every version has its name."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from observatory.cli.app import app
from observatory.reference import load_reference
from observatory.reference.added_lists import add_file
from observatory.reference.fingerprint_csv import ReferenceDataError
from tests.observatory.reference.samples import LIST, found


def test_the_version_changes_with_what_was_added_and_a_broken_list_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVATORY_REFERENCE", str(tmp_path / "kept"))
    load_reference.cache_clear()
    try:
        before = load_reference().version
        good = tmp_path / "list.csv"
        good.write_bytes(LIST)
        run = CliRunner().invoke(app, ["reference", "add", str(good)])
        assert run.exit_code == 0, run.output
        assert "19 fingerprints, 9 of them signs of blocking" in run.output
        load_reference.cache_clear()
        after = load_reference()
        assert after.version != before
        assert found(after.match_address("45.64.1.9")) == "a.address"
        good.write_bytes(b"nonsense")
        run = CliRunner().invoke(app, ["reference", "add", str(good)])
        assert run.exit_code == 1 and "list.csv:1: expected the columns" in run.output
        load_reference.cache_clear()
        assert load_reference().version == after.version
        run = CliRunner().invoke(app, ["reference", "match", "--name", "blocked.example.net", "--json"])
        assert run.exit_code == 0 and '"a.name"' in run.output
        run = CliRunner().invoke(app, ["reference", "match", "--address", "8.8.8.8"])
        assert run.exit_code == 1
        run = CliRunner().invoke(app, ["reference", "list"])
        assert "never counts as a block page" in run.output
        assert "19  from list.csv" in run.output
    finally:
        load_reference.cache_clear()


def test_a_list_damaged_where_it_is_kept_stops_what_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that started without it would judge by other data than it says."""
    (tmp_path / "list.csv").write_bytes(LIST[:-3])
    monkeypatch.setenv("OBSERVATORY_REFERENCE", str(tmp_path))
    config = tmp_path / "vantage_points.yaml"
    config.write_text(
        "vantage_points: [{id: a, name: A, isp: A, asn: 64500, country: ID, every: 10m, via: direct}]"
    )
    load_reference.cache_clear()
    try:
        run = CliRunner().invoke(app, ["up", "--no-web", "--config", str(config)])
        assert run.exit_code == 1
        assert f"{tmp_path / 'list.csv'}:20: expected as many fields" in run.output
    finally:
        load_reference.cache_clear()


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("OBSERVATORY_REFERENCE", str(tmp_path / "file" / "below"))
    good = tmp_path / "list.csv"
    good.write_bytes(LIST)
    with pytest.raises(ReferenceDataError, match=r"list\.csv"):
        add_file(good)
