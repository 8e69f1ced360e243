"""YAML text -> plain values, with the line of each, in bounded time and memory.

Built from the parser's events: an alias is a reference to a value that is complete, so nothing expands and
nothing can contain itself; a second key of the same name is seen; a missing key has its mapping's line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 12
MAX_NODES: Final = 40_000
_MAX_NUMBER_CHARS: Final = 40

_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CORE_TAG: Final = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A mistake at a path of the tree, before it has a file and a name. Without a path it has a line."""

    expected: str
    found: str
    path: Path = ()
    line: int | None = None
    hint: str = ""
    of_machine: bool = False


@dataclass(slots=True)
class Tree:
    """A whole document: its value, the line of each path that was written out, and its faults."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, path: Path) -> int:
        """Return the line of a path, or of the nearest value around it that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return self.lines.get((), 1)


class _StopReading(Exception):
    """The rest of the document cannot be understood."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def parse_tree(text: str) -> Tree:
    """Return the one document in a text as plain dicts, lists, texts, numbers, booleans and None.

    Shape:  YAML 1.2 core schema; dates stay texts; merge keys (`<<`) are merged; keys are texts.
    Errors: none raised. Syntax errors, tags, too much depth or size end the reading with one fault and
            the value None; keys written twice are faults and the first one counts.
    Source: YAML 1.2.2 section 10.3.
    """
    reader = _Reader(YAML(typ="safe", pure=True).parse(text))
    try:
        reader.read_document()
    except _StopReading as stop:
        return Tree(faults=[*reader.tree.faults, stop.fault])
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        tabs = "\\t" in str(error.problem)
        hint = "indent with spaces, not with tabs" if tabs else "look at this line and the one above"
        return Tree(faults=[Fault(expected="valid YAML", found=str(error.problem), line=line, hint=hint)])
    except YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position if isinstance(position, int) else 0) + 1
        found = "a character that YAML does not allow"
        return Tree(faults=[Fault(expected="valid YAML", found=found, line=line, hint="delete it")])
    return reader.tree


class _Reader:
    def __init__(self, events: Iterator[Any]) -> None:
        self.tree = Tree()
        self._events = events
        self._anchors: dict[str, Any] = {}
        self._n_nodes = 0

    def read_document(self) -> None:
        for event in self._events:
            match type(event).__name__:
                case "StreamStartEvent" | "DocumentEndEvent" | "StreamEndEvent":
                    continue
                case "DocumentStartEvent" if self.tree.lines:
                    _stop(event, "one YAML document", "a second one", "delete the line ---")
                case "DocumentStartEvent":
                    continue
                case _:
                    self.tree.lines[()] = event.start_mark.line + 1
                    self.tree.value = self._node(event, ())

    def _node(self, event: Any, path: Path) -> Any:
        self._n_nodes += 1
        if self._n_nodes > MAX_NODES:
            _stop(
                event, f"at most {MAX_NODES} values", "more", "split the vantage points over several machines"
            )
        if len(path) > MAX_DEPTH:
            _stop(event, f"at most {MAX_DEPTH} levels", "more", "see docs/vantage-points.md for the form")
        kind = type(event).__name__
        if kind == "AliasEvent":
            if event.anchor not in self._anchors:
                _stop(event, f"an anchor &{event.anchor} above this line", f"*{event.anchor} alone")
            return self._anchors[event.anchor]
        # A plain `!` means only "not a number"; every other tag asks for an object, which nobody needs.
        if event.tag not in (None, "!") and not _CORE_TAG.fullmatch(str(event.tag)):
            _stop(event, "plain YAML without tags", str(event.tag)[:60], "delete the tag")
        if kind == "ScalarEvent":
            quoted = event.style is not None or event.tag is not None
            value: Any = event.value if quoted else parse_scalar(event.value)
        elif kind == "SequenceStartEvent":
            value = self._sequence(path)
        else:
            value = self._mapping(path)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            place = (*path, len(items))
            self.tree.lines[place] = event.start_mark.line + 1
            items.append(self._node(event, place))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            line = event.start_mark.line + 1
            key = self._key(event, path)
            value_event = next(self._events)
            if key == "<<" and getattr(event, "style", "") is None:
                self._merge(value_event, merged, (*path, key), line)
            elif key in own:
                self._node(value_event, (*path, key, "again"))
                first = f"again; the first is on line {self.tree.line_of((*path, key))}"
                self.tree.faults.append(
                    Fault(
                        path=(*path, key), line=line, expected="this key once", found=first, hint="delete one"
                    )
                )
            else:
                self.tree.lines[(*path, key)] = line
                own[key] = self._node(value_event, (*path, key))
        for key in merged.keys() - own.keys():
            self.tree.lines[(*path, key)] = self.tree.lines[(*path, "<<")]
        return {**merged, **own}

    def _key(self, event: Any, path: Path) -> str:
        key = self._node(event, path)
        if type(event).__name__ != "ScalarEvent" and not isinstance(key, str):
            _stop(event, "a word as key", "a list or mapping")
        return key if isinstance(key, str) else str(event.value)

    def _merge(self, event: Any, merged: dict[str, Any], path: Path, line: int) -> None:
        self.tree.lines[path] = line
        value = self._node(event, path)
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                fault = Fault(path=path, line=line, expected="a mapping to merge", found="something else")
                self.tree.faults.append(fault)
                return
            for key in source:
                merged.setdefault(key, source[key])


def parse_scalar(text: str) -> str | int | float | bool | None:
    """Return the value of a plain (unquoted) scalar; what is no number, truth value or null stays text.

    Source: YAML 1.2.2 section 10.3.2, the core schema.
    """
    if _NULL.fullmatch(text):
        return None
    if truth := _BOOL.fullmatch(text):
        return truth[1] is not None
    if len(text) <= _MAX_NUMBER_CHARS:
        if _INT.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def _stop(event: Any, expected: str, found: str, hint: str = "") -> NoReturn:
    line = event.start_mark.line + 1
    raise _StopReading(Fault(expected=expected, found=found, line=line, hint=hint))
