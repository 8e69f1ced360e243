"""Files as people have them: documents one after the other, laid out, cut off, broken in the middle."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.importers import json_values
from observatory.importers.json_values import Value, read_values

LIMIT = 100_000
A, B = {"a": [1, {"b": None}], "text": 'x{"}[,'}, {"b": "ü\u2028"}


def read(content: str | bytes, *, limit: int = LIMIT) -> list[Value]:
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    # Only the line feed ends a line, as when a file is read.
    lines = [line + b"\n" for line in raw.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return list(read_values(iter([(n, line) for n, line in enumerate(lines, 1) if line]), limit=limit))


def data(values: list[Value]) -> list[Any]:
    return [value.data for value in values if value.problem is None]


def broken(values: list[Value]) -> list[int]:
    return [value.line for value in values if value.problem is not None]


def laid_out(value: Any, indent: int = 1) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)


@pytest.mark.parametrize(
    ("situation", "content", "lines"),
    [
        ("one after the other", f"{laid_out(A)}\n{laid_out(B)}\n", [1, 10]),
        ("without a last newline", f"{laid_out(A)}\n{laid_out(B)}", [1, 10]),
        ("without a newline between", laid_out(A) + laid_out(B), [1, 9]),
        ("on one line", json.dumps(A) + json.dumps(B) + "\n", [1, 1]),
        ("with byte order marks", f"\ufeff{laid_out(A)}\n\ufeff{laid_out(B)}\n", [1, 10]),
        ("one laid out, then lines", f"{laid_out(A)}\n{json.dumps(B)}\n", [1, 10]),
        ("a line, then one laid out", f"{json.dumps(A)}\n\n{laid_out(B)}\n", [1, 3]),
        ("a list", json.dumps([A, B]), [1, 1]),
        ("a list over many lines", laid_out([A, B]), [2, 11]),
        ("a list with an entry a line", f"[\n{json.dumps(A)},\n{json.dumps(B)}\n]\n", [2, 3]),
        ("two lists over many lines", f"{laid_out([A])}\n{laid_out([B])}\n", [2, 13]),
        ("lines with commas", f"{json.dumps(A)},\n{json.dumps(B)}\n", [1, 2]),
        ("laid out without indentation", f"{laid_out(A, 0)}\n{laid_out(B, 0)}\n", [1, 10]),
        ("carriage returns", f"{laid_out(A)}\n{laid_out(B)}\n".replace("\n", "\r\n"), [1, 10]),
    ],
)
def test_every_layout(situation: str, content: str, lines: list[int]) -> None:
    found = read(content)
    assert (data(found), broken(found)) == ([A, B], []), situation
    assert [value.line for value in found] == lines


CUT = laid_out(A)[: laid_out(A).index("  {")]
LARGE = laid_out({"a": ["x" * 99] * 2000})


@pytest.mark.parametrize(
    ("situation", "content", "line"),
    [
        ("cut off between two laid out", f"{laid_out(A)}\n{CUT}\n{laid_out(B)}\n", 10),
        ("cut off within text", f'{laid_out(A)}\n{{\n "a": "x\n{laid_out(B)}\n', 10),
        ("cut off before a line", f"{json.dumps(A)}\n{CUT}\n{json.dumps(B)}\n", 2),
        ("cut off at the end", f"{laid_out(A)}\n{laid_out(B)}\n{CUT}", 13),
        (
            "a stray word in the middle",
            f"{laid_out(A).replace('null', 'nil')}\n{laid_out(A)}\n{laid_out(B)}\n",
            1,
        ),
        ("an entry of a list", laid_out([A, {"z": [0, 0]}, B]).replace("0,", "0 0,"), 11),
        ("not UTF-8", f'{laid_out(A)}\n{{\n "a": "\udcff"\n}}\n{laid_out(B)}\n', 10),
        ("a line that is no JSON", f"{json.dumps(A)}\nno json\n{json.dumps(B)}\n", 2),
        ("a line cut off", f'{json.dumps(A)}\n{{"cut": \n{json.dumps(B)}\n', 2),
        ("brackets in brackets", f"{json.dumps(A)}\n{'[' * 100_000}\n{json.dumps(B)}\n", 2),
        (
            "brackets in brackets over lines",
            "\n".join((json.dumps(A), *['{"a":'] * 5000, json.dumps(B), "")),
            2,
        ),
        (
            "a number of thousands of digits",
            f'{laid_out(A)}\n{{\n "a": {"9" * 9000}\n}}\n{laid_out(B)}\n',
            10,
        ),
        ("too large", f"{laid_out(A)}\n{LARGE}\n{laid_out(B)}\n", 10),
    ],
)
def test_what_is_broken_costs_itself_alone(situation: str, content: str, line: int) -> None:
    found = read(content)
    assert data(found) == [A, B], situation
    assert broken(found)[:1] == [line], situation


def test_what_is_too_large_is_said_once() -> None:
    found = read(f"{laid_out(A)}\n{LARGE}\n{laid_out(B)}\n")
    assert (data(found), broken(found)) == ([A, B], [10])
    assert found[1].problem == "expected at most 0 MB a measurement, got more"


def test_a_list_that_does_not_end_says_so() -> None:
    found = read(f"[\n{json.dumps(A)},\n{json.dumps(B)},\n")
    assert (data(found), broken(found)) == ([A, B], [1])


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
LAYOUTS: list[Callable[[Any], str]] = [json.dumps, laid_out, lambda value: laid_out(value, 0)]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.dictionaries(st.text(max_size=3), PLAIN), st.sampled_from(LAYOUTS)), max_size=5))
def test_any_documents_in_any_layout_come_back(made: list[tuple[Any, Callable[[Any], str]]]) -> None:
    found = read("\n".join(layout(value) for value, layout in made))
    assert (data(found), broken(found)) == ([value for value, _ in made], [])


@given(st.binary(max_size=60) | st.text(alphabet='{}[],:"\\ \n01atrue', max_size=60))
def test_anything_can_be_read_and_what_follows_is_found(content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    # A text that is not closed may hold what follows; a line feed always ends it.
    assert B in data(read(raw + b"\n" + json.dumps(B, ensure_ascii=False).encode() + b"\n"))


class CountingDecoder(json.JSONDecoder):
    """Counts the characters that were given to it."""

    n = 0

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        CountingDecoder.n += len(s) - idx
        return super().raw_decode(s, idx)


@pytest.mark.parametrize(
    "piece",
    [
        '{"a":\n',
        "{\n",
        "[\n",
        '{"a": [\n',
        '{"a": 1,\n',
        "[[1,\n",
        '"\n',
        f"{CUT}\n",
        f"{laid_out(A)}\n",
        f"{laid_out([A])},\n",
        "]\n",
        "{}" * 50 + "\n",
    ],
)
def test_the_work_grows_with_the_length(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "_DECODER", CountingDecoder())
    work = []
    for n in (500, 1000, 2000):
        CountingDecoder.n = 0
        read(piece * n, limit=20_000_000)
        work.append(CountingDecoder.n)
    assert work[2] <= 3 * max(work[1], 1) and work[1] <= 3 * max(work[0], 1)
    # Tried again when it has doubled, and read line by line once more: a few times its length.
    assert work[2] <= 40 * len(piece) * 2000
