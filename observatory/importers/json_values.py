"""JSON values out of numbered lines: one a line, laid out over many, in lists, or all of it mixed.

    a line that is a value by itself ── it is one
    any other                        ── read on until a value ends or can be none any more: it alone is lost

What is unfinished is tried again each time it has doubled, and what was read in vain is looked at once more,
line by line: time grows with the length of the lines, whatever is in them.
"""

import json
import re
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final

# A line, or why it could not be read.
LineOrProblem = bytes | str
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# What may stand between values: the entries of a list over many lines are values of their own.
_BETWEEN: Final = re.compile(r"[ \t\r\n,\[\]]*")
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value and the line where it starts; `problem` says why there is none."""

    line: int
    data: Any = None
    problem: str | None = None


def read_values(lines: Iterator[tuple[int, LineOrProblem]], *, limit: int) -> Iterator[Value]:
    """Yield every value, and a problem for each place that holds none.

    Shape:  numbered lines, each with its end -> values, those of a list one by one. A value may have `limit`
            bytes.
    Errors: none; a line that could not be read is passed on as a problem.
    """
    return _Reader(lines, limit).read()


class _Reader:
    def __init__(self, lines: Iterator[tuple[int, LineOrProblem]], limit: int) -> None:
        self._lines = lines
        self._limit = limit
        self._returned: deque[tuple[int, LineOrProblem]] = deque()
        # The lines at which lists were opened that have not ended.
        self._lists: list[int] = []
        # The rest of a broken value is passed over: lines indented deeper than its first one, or that close
        # brackets; and before this line only what is a whole value counts.
        self._indent: int | None = None
        self._in_vain_before = 0

    def read(self) -> Iterator[Value]:
        while (found := self._next()) is not None:
            number, line = found
            if isinstance(line, str):
                yield Value(line=number, problem=line)
                continue
            try:
                data = json.loads(line.decode("utf-8"))
            except RecursionError as error:
                yield Value(line=number, problem=_expected_json(error))
            except ValueError:
                yield from self._read_on(number, line)
            else:
                for one in data if isinstance(data, list) else (data,):
                    yield Value(line=number, data=one)
        if self._lists:
            yield Value(
                line=self._lists[-1], problem="expected the end of this list, got the end of the file"
            )

    def _read_on(self, number: int, content: bytes) -> Iterator[Value]:
        """Read values from a line that is none by itself on, until one ends with its line or is broken."""
        is_end = False
        while True:
            unfinished = yield from self._take(number, content, is_end=is_end)
            if unfinished is None:
                return
            number, content = unfinished
            if len(content) > self._limit:
                megabytes = self._limit // 1_000_000
                yield Value(line=number, problem=f"expected at most {megabytes} MB a measurement, got more")
                self._indent = len(content) - len(content.lstrip())
                return
            parts, size = [content], len(content)
            wanted = min(2 * size, self._limit + 1)
            indented: bool | None = None
            while size < wanted:
                found = self._next_of_any()
                line = found[1] if found is not None else ""
                if indented is None and isinstance(line, bytes):
                    indented = _is_indented(content, line)
                if isinstance(line, str) or (indented and line[:1] == b"{"):
                    is_end = True
                    if found is not None:
                        self._returned.appendleft(found)
                    break
                parts.append(line)
                size += len(line)
            content = b"".join(parts)

    def _take(
        self, number: int, content: bytes, *, is_end: bool
    ) -> Generator[Value, None, tuple[int, bytes] | None]:
        """Yield the values that `content` begins with; return the unfinished rest of it with its line."""
        text, not_utf8 = _decode(content)
        at = 0
        while True:
            between = _BETWEEN.match(text, at)
            assert between is not None
            number, at = self._count(between[0], number), between.end()
            if at == len(text) and not_utf8 is None:
                return None
            try:
                data, end = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                # Where the decoder stopped; it does not say so of too many brackets and too many digits.
                stopped_at = error.pos if isinstance(error, json.JSONDecodeError) else at
                if isinstance(error, RecursionError):
                    stopped_at = len(text)
                is_cut = isinstance(error, json.JSONDecodeError) and stopped_at >= len(text)
                if is_cut and not_utf8 is None and not is_end:
                    return number, text[at:].encode("utf-8")
                yield Value(line=number, problem=not_utf8 if is_cut and not_utf8 else _expected_json(error))
                self._pass_over(number, content, text, at, stopped_at)
                return None
            yield Value(line=number, data=data)
            number, at = number + text.count("\n", at, end), end

    def _count(self, between: str, number: int) -> int:
        for character in between:
            if character == "\n":
                number += 1
            elif character == "[":
                self._lists.append(number)
            elif character == "]" and self._lists:
                self._lists.pop()
        return number

    def _pass_over(self, number: int, content: bytes, text: str, at: int, stopped_at: int) -> None:
        """Go on after the first line of a value that is broken; what was read beyond is looked at again."""
        before = text[text.rfind("\n", 0, at) + 1 : at]
        self._indent = len(before) if before.isspace() else 0
        self._in_vain_before = number + text.count("\n", at, stopped_at)
        _, _, rest = content[len(text[:at].encode("utf-8")) :].partition(b"\n")
        lines = [line + b"\n" for line in rest.split(b"\n")]
        lines[-1] = lines[-1][:-1]
        self._returned.extendleft(
            (number + 1 + place, line) for place, line in reversed(list(enumerate(lines))) if line
        )

    def _next_of_any(self) -> tuple[int, LineOrProblem] | None:
        found = self._returned.popleft() if self._returned else next(self._lines, None)
        if found is not None and isinstance(found[1], bytes):
            return found[0], found[1].removeprefix(_BYTE_ORDER_MARK)
        return found

    def _next(self) -> tuple[int, LineOrProblem] | None:
        """Return the next line that is not empty and belongs to no broken value."""
        while (found := self._next_of_any()) is not None:
            number, line = found
            if isinstance(line, str):
                return found
            if not line.strip():
                continue
            if number < self._in_vain_before:
                if _is_whole(line):
                    return found
                continue
            if self._indent is not None and _continues(line, self._indent):
                continue
            self._indent = None
            return found
        return None


def _decode(content: bytes) -> tuple[str, str | None]:
    """Return the text before the first byte that is not UTF-8, and what is wrong with that byte."""
    try:
        return content.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return content[: error.start].decode("utf-8"), f"expected UTF-8: {error.reason} at byte {error.start}"


def _is_indented(content: bytes, following: bytes) -> bool:
    """Whether an object is laid out with indented members. A brace at the margin then begins another one,
    even where a value could stand: the first was cut off there."""
    end = content.find(b"\n") + 1
    second = content[end : end + 1] or following[:1]
    return content[:1] == b"{" and end > 0 and second in (b" ", b"\t")


def _is_whole(line: bytes) -> bool:
    try:
        return line[:1] == b"{" and isinstance(json.loads(line.decode("utf-8")), dict)
    except (ValueError, RecursionError):
        return False


def _continues(line: bytes, indent: int) -> bool:
    stripped = line.lstrip()
    return len(line) - len(stripped) > indent or stripped[:1] in (b"}", b"]", b",")


def _expected_json(error: Exception) -> str:
    return f"expected JSON: {error}"[:200]
