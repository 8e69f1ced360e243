"""Documents out of files: one a line, over many lines, in lists, one after the other; gzipped or not.

One document is in memory at a time, none larger than a bound. Of a list over many lines each entry is one.
"""

import gzip
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from observatory.importers.json_values import read_values

MAX_DOCUMENT_BYTES: Final = 16_000_000
_GZIP: Final = b"\x1f\x8b"
STDIN: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document and where it starts; `problem` says why it could not be read, and `data` is None then.

    `within` names its place in a wrapper, such as `results[3]: `; empty for a document by itself.
    """

    file: str
    line: int
    data: Any = None
    problem: str | None = None
    within: str = ""


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

    Shape:  after a broken document the next one is read; after a broken end of the file nothing more is.
            Time grows with the length of the file, whatever is in it.
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
        for value in read_values(_lines(source), limit=MAX_DOCUMENT_BYTES):
            yield Document(file=name, line=value.line, data=value.data, problem=value.problem)


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
