"""What people added to events. Only ever added to."""

from dataclasses import replace
from typing import Final

from sqlalchemy import insert, select

from observatory.model import Note
from observatory.store.database import Database, WritableDatabase
from observatory.store.schema_events import event_notes, events

MAX_NOTE_CHARS: Final = 4000


class NoteReader(Database):
    """The notes on an event."""

    def load_notes(self, event_id: str) -> tuple[Note, ...]:
        """Return the notes on an event, oldest first."""
        query = select(event_notes).where(event_notes.c.event == event_id).order_by(event_notes.c.number)
        with self._reading() as connection:
            return tuple(
                Note(event=row.event, at=row.at, name=row.name, text=row.text)
                for row in connection.execute(query)
            )


class NoteWriter(WritableDatabase):
    """A new note, checked before it is kept: it cannot be changed afterwards."""

    def save_note(self, note: Note) -> None:
        """Add a person's note to an event.

        Errors: KeyError for an event that is not there; ValueError for an empty or oversized text or name;
                StoreError.
        """
        cleaned = replace(note, name=note.name.strip(), text=note.text.strip())
        if not cleaned.name or len(cleaned.name) > 200:
            raise ValueError(f"name: expected 1 to 200 characters, got {len(cleaned.name)}")
        if not cleaned.text or len(cleaned.text) > MAX_NOTE_CHARS:
            raise ValueError(f"text: expected 1 to {MAX_NOTE_CHARS} characters, got {len(cleaned.text)}")
        with self._writing() as connection:
            known = connection.execute(select(events.c.id).where(events.c.id == note.event)).one_or_none()
            if known is None:
                raise KeyError(note.event)
            connection.execute(
                insert(event_notes),
                [{"event": note.event, "at": note.at, "name": cleaned.name, "text": cleaned.text}],
            )
