"""Lists of fingerprints that an operator added: kept as files, each checked as a whole before it is used."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from observatory.analysis.judging.fingerprints import Fingerprint
from observatory.reference.fingerprint_csv import MAX_FILE_BYTES, ReferenceDataError, parse_csv

FOLDER_VARIABLE: Final = "OBSERVATORY_REFERENCE"
DEFAULT_FOLDER: Final = Path("var/reference")


def added_folder() -> Path:
    """Return the folder of the added lists: $OBSERVATORY_REFERENCE, else var/reference."""
    return Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)


def load_added() -> Iterator[tuple[Path, bytes, tuple[Fingerprint, ...]]]:
    """Yield each added list with its bytes. Errors: ReferenceDataError, naming the file."""
    for path in sorted(added_folder().glob("*.csv")):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ReferenceDataError([f"{path}: {error.strerror}"]) from error
        yield path, content, parse_csv(content, str(path))


def add_file(source: Path) -> tuple[Path, tuple[Fingerprint, ...]]:
    """Check a list and keep a copy of it; one of the same name is replaced as a whole.

    Errors: ReferenceDataError; then what was there stays.
    """
    try:
        with source.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ReferenceDataError([f"{source}: {error.strerror}"]) from error
    fingerprints = parse_csv(content, str(source))
    folder = added_folder()
    target = folder / f"{source.stem}.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
            try:
                part.write(content)
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, target)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ReferenceDataError([f"{target}: {error.strerror}"]) from error
    return target, fingerprints
