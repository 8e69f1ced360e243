"""One scheduler to a database: a second one would measure everything twice.

The lock is the kernel's (flock) on a file beside the database, so it ends with the process, however that
ends. The file stays; what is written in it is only for people, who want to know who holds the lock.
"""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_MAX_HOLDER_BYTES: Final = 4096


class LockError(Exception):
    """The lock file cannot be made or opened."""


class LockHeld(LockError):
    """Another process measures into this database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """Who holds a lock, as that process recorded it; `since` is an ISO 8601 time in UTC."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextlib.contextmanager
def hold_lock(database: Path | str) -> Iterator[Path]:
    """Hold the lock of a database file for as long as the context lasts; yields the path of the lock file.

    Errors: LockHeld, which names the holder, when another process has it; LockError when the file cannot be
            opened. Neither waits.
    """
    path = Path(f"{database}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not inherited: a web process that outlives the scheduler must not keep the lock.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LockError(f"{path}: expected a file that can be written, got {error.strerror}") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = load_holder(path) or f"one that holds {path}"
            advice = "stop that one, or use another database"
            raise LockHeld(f"{database}: expected no other scheduler, got {holder}; {advice}") from error
        except OSError as error:
            raise LockError(f"{path}: expected a file system with locks, got {error.strerror}") from error
        since = datetime.now(UTC).isoformat(timespec="seconds")
        record = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        with contextlib.suppress(OSError):  # a full disk must not stop the process that has the lock
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(record).encode(), 0)
        try:
            yield path
        finally:
            # Emptied, not deleted: a process that has the old file open could lock it while another locks a
            # new one.
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def load_holder(path: Path) -> LockHolder | None:
    """Return the holder that a lock file names; None when it is empty or cannot be understood."""
    try:
        with path.open("rb") as file:
            record = json.loads(file.read(_MAX_HOLDER_BYTES))
        return LockHolder(
            pid=int(record["pid"]), host=str(record["host"])[:255], since=str(record["since"])[:40]
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
