"""One scheduler to a database, whatever becomes of the one before."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from observatory.runtime.lock import LockError, LockHeld, LockHolder, hold_lock, load_holder

HOLD = """
import sys
from observatory.runtime.lock import hold_lock
with hold_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_lock_file_says_who_holds_it(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "o.sqlite") as path:
        assert path == tmp_path / "o.sqlite.lock"
        assert set(json.loads(path.read_text())) == {"pid", "host", "since"}
        holder = load_holder(path)
        assert holder is not None and holder.pid == os.getpid()
    assert load_holder(path) is None


def test_second_scheduler_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    database = tmp_path / "o.sqlite"
    with other_process(database) as process:
        with pytest.raises(
            LockHeld, match=rf"expected no other scheduler, got process {process.pid} on \S+ since"
        ):
            with hold_lock(database):
                pytest.fail("both hold it")


def test_same_process_is_refused_too(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "o.sqlite"), pytest.raises(LockHeld), hold_lock(tmp_path / "o.sqlite"):
        pytest.fail("held twice")


def test_other_databases_are_not_disturbed(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "a.sqlite"), hold_lock(tmp_path / "b.sqlite"):
        pass


def test_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    database = tmp_path / "o.sqlite"
    with other_process(database) as process:
        process.kill()
        process.wait()
        assert load_holder(Path(f"{database}.lock")) is not None
        with hold_lock(database) as path:
            holder = load_holder(path)
            assert holder is not None and holder.pid == os.getpid()


def test_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    database = tmp_path / "o.sqlite"
    with hold_lock(database):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with hold_lock(database):
            pass
    finally:
        child.kill()
        child.wait()


def test_folder_is_made(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "var" / "o.sqlite") as path:
        assert path.is_file()


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "o.sqlite.lock").mkdir()
    with pytest.raises(LockError, match=r"o\.sqlite\.lock: expected a file that can be written"):
        with hold_lock(tmp_path / "o.sqlite"):
            pytest.fail("held a folder")


@pytest.mark.parametrize("content", ["", "{}", "[1]", "nonsense", '{"pid": "x"}', "[" * 3000])
def test_lock_file_with_anything_in_it(content: str, tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite.lock"
    path.write_text(content)
    assert load_holder(path) is None
    with hold_lock(tmp_path / "o.sqlite"):
        assert isinstance(load_holder(path), LockHolder)
