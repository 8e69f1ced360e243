"""Edits of vantage_points.yaml are picked up, each once, and only when the editor has finished."""

from collections.abc import Callable
from pathlib import Path

from observatory.config.problems import ConfigError
from observatory.config.watcher import ConfigWatcher
from observatory.model import Config
from tests.observatory.config.samples import FakeMachine, entry


def poll_settled(watcher: ConfigWatcher) -> Config | ConfigError | None:
    """The poll that sees an edit, and the one that finds it unchanged."""
    assert watcher.poll() is None
    return watcher.poll()


def test_watcher_gives_each_state_of_the_file_once(write: Callable[[str | bytes], Path]) -> None:
    watcher = ConfigWatcher(write(entry()), machine=FakeMachine())
    assert isinstance(watcher.poll(), Config)
    assert watcher.poll() is None
    write(entry(asn="XL"))
    assert isinstance(poll_settled(watcher), ConfigError)
    assert watcher.poll() is None
    write(entry(asn="7"))
    again = poll_settled(watcher)
    assert isinstance(again, Config) and again.vantage_points[0].asn == 7


def test_watcher_waits_until_an_editor_has_finished(write: Callable[[str | bytes], Path]) -> None:
    two = entry() + entry(id="other").removeprefix("vantage_points:\n")
    watcher = ConfigWatcher(write(entry()), machine=FakeMachine())
    watcher.poll()
    write(two[: len(entry())])  # the first half of an edit is the old file: valid, and not what is meant
    assert watcher.poll() is None
    write("vantage_points: []\n")
    assert watcher.poll() is None
    write(two)
    assert watcher.poll() is None
    settled = watcher.poll()
    assert isinstance(settled, Config) and len(settled.vantage_points) == 2


def test_watcher_follows_a_file_that_is_replaced_or_deleted(
    write: Callable[[str | bytes], Path], tmp_path: Path
) -> None:
    path = write(entry())
    watcher = ConfigWatcher(path, machine=FakeMachine())
    watcher.poll()
    (tmp_path / "new").write_text(entry(asn="8"))
    (tmp_path / "new").replace(path)
    assert isinstance(poll_settled(watcher), Config)
    path.unlink()
    assert isinstance(poll_settled(watcher), ConfigError)


def test_watcher_looks_again_when_only_the_machine_was_not_ready(
    write: Callable[[str | bytes], Path],
) -> None:
    machine = FakeMachine(devices=("lo",))
    watcher = ConfigWatcher(write(entry(via="{device: wwan0}")), machine=machine)
    assert isinstance(watcher.poll(), ConfigError)
    assert watcher.poll() is None
    machine.devices = ("lo", "wwan0")
    assert isinstance(watcher.poll(), Config)
