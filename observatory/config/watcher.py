"""Edits of vantage_points.yaml, noticed while the system runs.

The caller keeps the last good `Config` for as long as the file on disk has problems.
"""

import hashlib
from pathlib import Path

from observatory.config.machine import REAL_MACHINE, Machine
from observatory.config.problems import ConfigError, Problem
from observatory.config.settings_file import load_content
from observatory.config.vantage_points import parse_config
from observatory.model import Config


class ConfigWatcher:
    """Reads vantage_points.yaml again and again while people edit it.

    An edit counts once the file has been the same in two polls that follow each other: an editor that is
    still writing may have left a shorter file that is valid YAML. The first poll reads at once.
    """

    def __init__(self, path: Path | str, *, machine: Machine = REAL_MACHINE) -> None:
        self.path = Path(path)
        self._machine = machine
        self._seen: str | None = None
        self._used: str | None = None
        self._problems: tuple[Problem, ...] = ()

    def poll(self) -> Config | ConfigError | None:
        """Return what the file now says when that is new, the problems when those are new, else None.

        Problems that lie with the machine (a modem unplugged) are looked at again without an edit.
        """
        try:
            read: bytes | ConfigError = load_content(self.path)
        except ConfigError as error:
            read = error
        # The content's own hash: time and size alone miss a second edit within one tick of the clock.
        mark = hashlib.sha256(read if isinstance(read, bytes) else str(read).encode()).hexdigest()
        is_settled, self._seen = mark == self._seen or self._used is None, mark
        waits_for_machine = any(problem.of_machine for problem in self._problems)
        if not is_settled or (mark == self._used and not waits_for_machine):
            return None
        is_new, self._used = mark != self._used, mark
        try:
            if isinstance(read, ConfigError):
                raise read
            config = parse_config(read, self.path, self._machine)
        except ConfigError as error:
            is_new = is_new or error.problems != self._problems
            self._problems = error.problems
            return error if is_new else None
        self._problems = ()
        return config
