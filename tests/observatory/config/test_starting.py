"""A folder without a list of vantage points: one is begun there, and none is ever written over."""

from pathlib import Path

import pytest

from observatory.config.starting import write_starting_file
from observatory.config.vantage_points import load_config

ROOT = Path(__file__).parents[3]


def test_an_empty_folder_gets_a_file_that_measures_from_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "vantage_points.yaml"
    assert write_starting_file(path)
    [here] = load_config(path).vantage_points
    assert (here.id, here.enabled) == ("here", True)


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "vantage_points.yaml"
    path.write_text("vantage_points: []\n", encoding="utf-8")
    assert not write_starting_file(path)
    assert path.read_text(encoding="utf-8") == "vantage_points: []\n"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_starting_file(tmp_path / "absent" / "vantage_points.yaml")


def test_it_begins_as_the_file_of_the_checkout_does(tmp_path: Path) -> None:
    path = tmp_path / "vantage_points.yaml"
    write_starting_file(path)
    shipped = (ROOT / "vantage_points.yaml").read_text(encoding="utf-8")
    assert shipped.startswith(path.read_text(encoding="utf-8"))
