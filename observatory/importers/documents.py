"""Documents out of files: JSON lines, or JSON laid out over many lines or in one list; gzipped or not.

One document is in memory at a time, and none larger than a bound.
"""

import gzip
import json
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

MAX_DOCUMENT_BYTES: Final = 16_000_000
_GZIP: Final = b"\x1f\x8b"
STDIN: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document and where it starts; `problem` says why it could not be read, and `data` is None then."""

    file: str
    line: int
    data: Any = None
    problem: str | None = None


class Unreadable(Exception):
    """A file that cannot be opened; the message says which and why."""


@contextmanager
def rereadable(files: Sequence[str]) -> Iterator[Sequence[tuple[str, Path]]]:
    """Yield the files by name and path, each readable as often as wanted; what comes from standard input or a
    pipe is kept in a temporary file meanwhile.

    Errors: Unreadable.
    """
    with ExitStack() as stack:
        found = []
        for name in files:
            path = Path(name)
            if name != STDIN and (path.is_file() or not path.exists()):
                found.append((name, path))
                continue
            spool = stack.enter_context(tempfile.NamedTemporaryFile(prefix="observatory-import-"))
            try:
                source = sys.stdin.buffer if name == STDIN else stack.enter_context(path.open("rb"))
                shutil.copyfileobj(source, spool)
            except OSError as error:
                raise Unreadable(f"{name}: {error.strerror or error}") from error
            spool.flush()
            found.append((name, Path(spool.name)))
        yield found


def read_documents(name: str, path: Path) -> Iterator[Document]:
    """Yield every document of a file, and a problem for each place that holds none.

    Shape:  after a broken line the next one is read; after a broken end of the file nothing more is.
    Errors: Unreadable when the file cannot be opened.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror or error}") from error
    with raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        # gzip.GzipFile reads what it is given piece by piece.
        source: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        yield from _read_lines(name, source)


def _read_lines(name: str, source: IO[bytes]) -> Iterator[Document]:
    n = 0
    waiting: tuple[int, bytes] | None = None
    for number, line in _lines(source):
        if isinstance(line, str):
            yield Document(file=name, line=number, problem=line)
            continue
        if not line.strip():
            continue
        n += 1
        document = _parse(name, number, line)
        if n == 1 and document.problem is not None and line.lstrip()[:1] in (b"{", b"["):
            # Either this line is broken, or the document goes on: the second line tells.
            waiting = (number, line)
            continue
        if waiting is not None:
            first, waiting = waiting, None
            if document.problem is not None or not isinstance(document.data, dict):
                yield from _read_whole(name, first[0], first[1] + line, source)
                return
            yield _parse(name, *first)
        if isinstance(document.data, list):
            yield from (Document(file=name, line=number, data=one) for one in document.data)
        else:
            yield document
    if waiting is not None:
        yield _parse(name, *waiting)


def _lines(source: IO[bytes]) -> Iterator[tuple[int, bytes | str]]:
    """Yield numbered lines; a problem instead of a line that is too long, and of a broken end."""
    number = 0
    while True:
        number += 1
        try:
            line = source.readline(MAX_DOCUMENT_BYTES + 1)
            if len(line) > MAX_DOCUMENT_BYTES:
                while line and not line.endswith(b"\n"):
                    line = source.readline(1_000_000)
                yield number, f"expected at most {MAX_DOCUMENT_BYTES // 1_000_000} MB a line, got more"
                continue
        except (EOFError, OSError, zlib.error) as error:
            yield number, f"the file ends in the middle or is damaged: {error}"
            return
        if not line:
            return
        yield number, line


def _parse(name: str, number: int, line: bytes) -> Document:
    try:
        return Document(file=name, line=number, data=json.loads(line.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        return Document(
            file=name, line=number, problem=f"expected UTF-8: {error.reason} at byte {error.start}"
        )
    # RecursionError: brackets in brackets in brackets. ValueError: also a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        return Document(file=name, line=number, problem=f"expected JSON: {error}"[:200])


def _read_whole(name: str, number: int, begin: bytes, source: IO[bytes]) -> Iterator[Document]:
    """Read what is laid out over many lines: one document, or a list of them."""
    try:
        content = begin + source.read(MAX_DOCUMENT_BYTES - len(begin) + 1)
    except (EOFError, OSError, zlib.error) as error:
        yield Document(file=name, line=number, problem=f"the file ends in the middle or is damaged: {error}")
        return
    if len(content) > MAX_DOCUMENT_BYTES:
        limit = f"{MAX_DOCUMENT_BYTES // 1_000_000} MB"
        yield Document(
            file=name,
            line=number,
            problem=f"expected at most {limit} of JSON over many lines; write one measurement a line",
        )
        return
    document = _parse(name, number, content)
    if isinstance(document.data, list):
        yield from (Document(file=name, line=number, data=one) for one in document.data)
    else:
        yield document
