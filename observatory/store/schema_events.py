"""The tables of onsets and ends: whose hours changed, what was found, what was sent. See schema.py."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from observatory.store.schema import METADATA, NUMBER, UtcMicros

# Series whose hourly cells changed, and the earliest hour that did: written with the cells, taken away with
# the result of the search. Whatever writes, in whatever process, nothing is overlooked. The table keeps the
# name it was made with.
dirty_series: Final = Table(
    "touched",
    METADATA,
    Column("asn", BigInteger, primary_key=True, autoincrement=False),
    Column("target", Text, primary_key=True),
    Column("emulated", Boolean, primary_key=True, autoincrement=False),
    Column("since", UtcMicros, nullable=False),
    Column("n", BigInteger, nullable=False),
)

# Checkpoints: how far the sequential test of a series had come before the hour `at`; everything earlier is in
# `state`. The table keeps the name it was made with.
checkpoints: Final = Table(
    "detections",
    METADATA,
    Column("asn", BigInteger, primary_key=True, autoincrement=False),
    Column("target", Text, primary_key=True),
    Column("emulated", Boolean, primary_key=True, autoincrement=False),
    Column("at", UtcMicros, nullable=False),
    Column("state", Text, nullable=False),
)

# What the tests found: one target in one network. Derived; the history is in the revisions of events.
spells: Final = Table(
    "spells",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("asn", BigInteger, nullable=False),
    Column("target", Text, nullable=False),
    Column("emulated", Boolean, nullable=False),
    Column("onset_by", UtcMicros, nullable=False),
    Column("end_by", UtcMicros),
    Column("body", Text, nullable=False),
    Index(None, "asn", "target", "emulated"),
)

events: Final = Table(
    "events",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("country", Text, nullable=False),
    Column("emulated", Boolean, nullable=False),
    Column("onset_by", UtcMicros, nullable=False, index=True),
    Column("end_by", UtcMicros),
    Column("certainty", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("revised_at", UtcMicros, nullable=False),
    Column("body", Text, nullable=False),
)

# Append-only, as the two below: the database itself refuses every other attempt.
event_revisions: Final = Table(
    "event_revisions",
    METADATA,
    Column("event", Text, ForeignKey(events.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcMicros, nullable=False),
    Column("causes", Text, nullable=False),
    Column("body", Text, nullable=False),
)

# Append-only.
event_notes: Final = Table(
    "event_notes",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("event", Text, ForeignKey(events.c.id), nullable=False, index=True),
    Column("at", UtcMicros, nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
)

# Append-only: what was announced stays, also when it was corrected later.
alerts: Final = Table(
    "alerts",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("at", UtcMicros, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("event", Text, ForeignKey(events.c.id), index=True),
    Column("revision", Integer),
    Column("vantage", Text, index=True),
    Column("emulated", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
)

# How far alerts have come on each channel; one that was never tried there has no row here.
# delivered_at set: delivered. Else next_attempt_at set: waits, or is on its way in `message` until then.
# Neither: will not be sent, `error` says why. Rows of one message were, or are, sent together.
deliveries: Final = Table(
    "deliveries",
    METADATA,
    Column("alert", NUMBER, ForeignKey(alerts.c.number), primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("n_attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcMicros),
    Column("delivered_at", UtcMicros),
    Column("error", Text),
    Column("message", Text),
)
