"""The registry of vantage kinds: one entry is enough to reach the settings file, the docs and the probe."""

from pathlib import Path

import pytest

from observatory.config.checks import Unexpected
from observatory.config.vantage_points import load_config
from observatory.model import IMPORTED
from observatory.vantage.kinds import KINDS, VantageKind, describe_choices
from probes.transport.kinds import KINDS as WAYS_OUT

DOCUMENT = Path(__file__).parents[3] / "docs/vantage-points.md"
IN_FILE = [kind for kind in KINDS.values() if kind.example]


def test_every_way_out_of_the_probe_is_a_kind_and_no_other_opens_sockets() -> None:
    assert {kind.name: kind.way_out for kind in KINDS.values() if kind.way_out} == dict(WAYS_OUT)


def test_table_of_the_docs_is_the_registry() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.partition("<!-- kinds")[2].partition("-->\n")[2].partition("<!-- end of kinds -->")[0]
    rows = [
        f"| `{kind.example}` | {kind.through} | {kind.needs} |".replace("|  |", "| |") for kind in IN_FILE
    ]
    assert table.splitlines() == ["| `via` | Through | Needs |", "|---|---|---|", *rows]


@pytest.mark.parametrize("kind", IN_FILE, ids=lambda kind: kind.name)
def test_example_of_the_docs_can_be_written(kind: VantageKind, tmp_path: Path) -> None:
    path = tmp_path / "vantage_points.yaml"
    path.write_text(
        "vantage_points:\n  - {id: a, name: A, isp: A, asn: 1, country: ID, enabled: false, "
        f"via: {kind.example}}}\n",
        encoding="utf-8",
    )
    [vantage] = load_config(path).vantage_points
    assert vantage.via.kind == kind.name


def test_choices_name_every_kind_that_may_be_written() -> None:
    assert describe_choices() == (
        "direct, {device: NAME}, {source: ADDRESS}, {netns: NAME} or {socks5: HOST:PORT}"
    )


def test_what_others_measured_cannot_be_written() -> None:
    assert KINDS[IMPORTED].way_out is None
    with pytest.raises(Unexpected):
        KINDS[IMPORTED].check_value("ooni", None)
