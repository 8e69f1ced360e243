"""What is wrong in a settings file, said so that it can be put right: where, expected, found, what to do."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_SHOWN: Final = 200
_MAX_FOUND_CHARS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake. `line` counts from 1; 0 means the file as a whole. `field` is empty for bad syntax.

    `of_machine`: the file may be right and this machine not ready: a modem unplugged, a namespace to come.
    """

    file: str
    line: int
    field: str
    expected: str
    found: str
    hint: str = ""
    of_machine: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"{place} {self.field}" if self.field else place
        advice = f"; {self.hint}" if self.hint else ""
        return _printable(f"{where}: expected {self.expected}, got {self.found}{advice}")


class ConfigError(Exception):
    """A settings file that cannot be used, with every problem found in it, in the order of its lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        n_more = len(self.problems) - MAX_SHOWN
        shown = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        return "\n".join([*shown, f"and {n_more} more"] if n_more > 0 else shown)


def _printable(text: str) -> str:
    """What people wrote may hold line ends and lone surrogates, which would break a log or a page."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def hide_login(text: str) -> str:
    """Return a text without what stands before its last `@`: there, an address has a user and a password."""
    _, at, rest = text.rpartition("@")
    return f"***@{rest}" if at else text


def show_value(value: object) -> str:
    """Return what was found as a message shows it: texts in quotes, long ones cut, no user or password."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return "true" if value else "false"
        case str():
            shown = hide_login(value)
            cut = shown if len(shown) <= _MAX_FOUND_CHARS else shown[: _MAX_FOUND_CHARS - 1] + "…"
            return json.dumps(cut, ensure_ascii=not cut.isprintable())
        case _:
            return str(value)[:_MAX_FOUND_CHARS]
