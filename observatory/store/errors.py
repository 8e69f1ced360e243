"""What a store says when it cannot do its work.

StoreError               the transaction was rolled back whole; nothing half-written
├── StoreUnavailable     there is no database to read: missing, too old, too new, or another program's
├── StoreLost            the file was deleted or replaced while it was open: what is written reaches nobody
└── StaleDetection       a result of a search rests on what another process changed meanwhile
"""

from typing import Final
from urllib.parse import unquote

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError


class StoreError(Exception):
    """The database refused. The message says where, what was found and what to do."""


class StoreUnavailable(StoreError):
    """The database cannot be used at all, so there is nothing to show."""


class StoreLost(StoreError):
    """The file at the path is no longer the one that is open; whoever writes must stop and say so."""


class StaleDetection(StoreError):
    """Another process changed meanwhile what this result rests on; nothing was kept, search again."""


_MAX_WORDS_CHARS: Final = 300
# What the driver's own words mean for whoever runs it; the first that is found in the message applies.
_ADVICE: Final = (
    ("database or disk is full", "the disk is full: free some space; the next round is stored again"),
    (
        "database is locked",
        "locked by another process for too long: stop long exports or copies, then try again",
    ),
    ("database table is locked", "locked by another process for too long: try again"),
    ("readonly database", "it may only be read: give this user the right to write the file and its folder"),
    ("query_only", "it was opened for reading only"),
    ("unable to open database file", "check that the folder exists and that this user may read and write it"),
    (
        "file is not a database",
        "this is not a SQLite file: name another one with --database or in OBSERVATORY_DATABASE",
    ),
    ("malformed", "the file is damaged: restore a backup, or `sqlite3 FILE .recover`"),
    ("disk I/O error", "the disk failed: check it and its free space before going on"),
)


def name_database(url: URL) -> str:
    """Return how people know a database: the path of a file, else its address without the password."""
    if url.get_backend_name() == "sqlite" and url.database:
        path = url.database
        return unquote(path.removeprefix("file://")) if path.startswith("file://") else path
    return url.render_as_string(hide_password=True)


def describe_refusal(error: DBAPIError, url: URL) -> str:
    """Return one line for people: which database, what the driver said, what to do."""
    # The driver repeats what it read, and a damaged file may hold anything.
    found = "".join(c if c.isprintable() else " " for c in str(error.orig))[:_MAX_WORDS_CHARS]
    advice = next((what for words, what in _ADVICE if words in found), "nothing was changed; see the cause")
    return f"{name_database(url)}: {found}; {advice}"
