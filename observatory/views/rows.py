"""Tables as any surface draws them: columns, lines in sections, and what a line opens. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column: its name and one or two lines of small print below it."""

    name: str
    small: tuple[str, ...] = ()
    is_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCell:
    """A cell. With `look` (a state or `no_data`) it has the sign and colours; with `key` it is a button.

    `full` is what a screen reader says and a mouse pointer shows; `key` is given back when it is pressed.
    With `href`, an address of this dashboard, the word is a link; `links` are more of them, one a line.
    """

    word: str
    small: tuple[str, ...] = ()
    look: str = ""
    full: str = ""
    key: tuple[str, str] | None = None
    is_stale: bool = False
    href: str = ""
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a table: its name, then a cell for each further column."""

    name: str
    entries: tuple[TableCell, ...]
    small: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines that belong together; an empty `name` draws no heading line."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What is shown below the line of the cell that was pressed and has this `key`.

    Shape:  `facts` are (name, value), `link` is (words, address).
    """

    key: tuple[str, str]
    heading: str
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    link: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """What a sign means."""

    look: str
    name: str
    sentence: str
