"""The tables. A change here needs a migration beside it; a test compares the two.

ledger ─ measurements ─┬─ verdicts            what is known, what was measured, what it means
                       └─ measurement_blobs ─ blobs
series × outcomes ─ cells                     counts per hour and day, for good
latest   coverage   watermarks                one row each per series, kind of data, purpose
dirty_series → checkpoints → spells → events ─┬─ event_revisions, event_notes      in schema_events.py
                                        └─ alerts ─ deliveries
vantage_points   vantage_activity   gaps   config_state
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def encode_time(at: datetime) -> int:
    """Return microseconds since 1970 UTC, exactly.

    Errors: ValueError for a naive datetime.
    """
    if at.tzinfo is None:
        raise ValueError(f"expected an aware datetime, got the naive {at.isoformat()}")
    return (at - EPOCH) // _MICROSECOND


def parse_time(micros: int) -> datetime:
    """Return the aware UTC datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


class UtcMicros(TypeDecorator[datetime]):
    """A moment, as an integer: exact, ordered, and the same in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else encode_time(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else parse_time(value)


METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only where the key is spelled INTEGER.
NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")

# Outlives the raw rows: a batch sent again after years must not be counted again.
ledger: Final = Table(
    "ledger",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("received_at", UtcMicros, nullable=False),
)

measurements: Final = Table(
    "measurements",
    METADATA,
    Column("number", NUMBER, ForeignKey(ledger.c.number), primary_key=True, autoincrement=False),
    Column("round_id", Text, nullable=False, index=True),
    Column("vantage", Text, nullable=False),
    Column("asn", BigInteger, nullable=False),
    Column("target", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("started_at", UtcMicros, nullable=False, index=True),
    Column("emulated", Boolean, nullable=False),
    Column("resolver", Text, nullable=False, server_default=""),
    Column("body", LargeBinary, nullable=False),
    Index(None, "target", "started_at"),
)

# Apart from the measurement: it is replaced when its window closes, the measurement never is.
verdicts: Final = Table(
    "verdicts",
    METADATA,
    Column(
        "number",
        NUMBER,
        ForeignKey(measurements.c.number, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("state", Text, nullable=False),
    Column("layer", Text, nullable=False),
    Column("mechanism", Text),
    Column("rule_id", Text, nullable=False),
    Column("rules_version", Text, nullable=False),
    Column("reference_version", Text, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("n_ok", Integer, nullable=False),
    Column("n_tried", Integer, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("details", Text, nullable=False),
    Column("leads_to", Text),
    Column("leads_to_state", Text),
    Column("leads_to_mechanism", Text),
)
# Only open windows are looked for, and they are few: the index stays as small as they are.
Index(
    "ix_verdicts_open",
    verdicts.c.number,
    sqlite_where=verdicts.c.provisional.is_(True),
    postgresql_where=verdicts.c.provisional.is_(True),
)

blobs: Final = Table(
    "blobs",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False, unique=True),
    Column("data", LargeBinary, nullable=False),
)

measurement_blobs: Final = Table(
    "measurement_blobs",
    METADATA,
    Column(
        "measurement",
        NUMBER,
        ForeignKey(measurements.c.number, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("blob", NUMBER, ForeignKey(blobs.c.number), primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)

# The words of a cell are written once; cells themselves are integers and merge exactly.
series: Final = Table(
    "series",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("layer", Text, nullable=False),
    Column("vantage", Text, nullable=False),
    Column("asn", BigInteger, nullable=False),
    Column("target", Text, nullable=False),
    Column("emulated", Boolean, nullable=False),
    Column("resolver", Text, nullable=False),
    UniqueConstraint("layer", "vantage", "asn", "target", "emulated", "resolver"),
)

# `mechanism` is empty for none: two NULLs would not be the same outcome to a unique key. The versions are
# part of it, so that a change of rules is not taken for one in the world.
outcomes: Final = Table(
    "outcomes",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("state", Text, nullable=False),
    Column("mechanism", Text, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("rules_version", Text, nullable=False),
    Column("reference_version", Text, nullable=False),
    UniqueConstraint("state", "mechanism", "rule_id", "rules_version", "reference_version"),
)

# The series comes before the bucket: a page reads long stretches of few series.
cells: Final = Table(
    "cells",
    METADATA,
    Column("width_s", Integer, primary_key=True, autoincrement=False),
    Column("series", NUMBER, ForeignKey(series.c.number), primary_key=True, autoincrement=False),
    Column("bucket_at", UtcMicros, primary_key=True, autoincrement=False),
    Column("outcome", NUMBER, ForeignKey(outcomes.c.number), primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    CheckConstraint("n >= 0", name="n"),
    sqlite_with_rowid=False,
)

latest: Final = Table(
    "latest",
    METADATA,
    Column("vantage", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("asn", BigInteger, nullable=False),
    Column("measured_at", UtcMicros, nullable=False),
    Column("measurement_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("layer", Text, nullable=False),
    Column("mechanism", Text),
    Column("rule_id", Text, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("n_ok", Integer, nullable=False),
    Column("n_tried", Integer, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("emulated", Boolean, nullable=False),
    Column("leads_to", Text),
    Column("leads_to_state", Text),
    Column("leads_to_mechanism", Text),
)

coverage: Final = Table(
    "coverage",
    METADATA,
    Column("emulated", Boolean, primary_key=True, autoincrement=False),
    Column("first_at", UtcMicros, nullable=False),
    Column("last_at", UtcMicros, nullable=False),
    Column("n_measurements", BigInteger, nullable=False),
)

# `raw_from`: raw rows that started before it are gone, so its cells cannot be counted again.
watermarks: Final = Table(
    "watermarks", METADATA, Column("name", Text, primary_key=True), Column("at", UtcMicros, nullable=False)
)

vantage_points: Final = Table(
    "vantage_points",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("isp", Text, nullable=False),
    Column("asn", BigInteger, nullable=False),
    Column("country", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("via_kind", Text, nullable=False),
    Column("via_value", Text, nullable=False),
    Column("resolver", Text, nullable=False),
    Column("every_s", Float, nullable=False),
    Column("role", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("contact", Text, nullable=False),
    Column("configured_at", UtcMicros, nullable=False),
    Column("removed_at", UtcMicros),
)

# No foreign key: an import may bring a vantage point that this config never had.
vantage_activity: Final = Table(
    "vantage_activity",
    METADATA,
    Column("vantage", Text, primary_key=True),
    Column("last_seen_at", UtcMicros),
    Column("last_started_at", UtcMicros),
    Column("last_finished_at", UtcMicros),
    Column("next_run_at", UtcMicros),
    Column("n_measurements", Integer),
    Column("last_error", Text),
    Column("last_error_at", UtcMicros),
)

gaps: Final = Table(
    "gaps",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("vantage", Text, nullable=False),
    Column("at", UtcMicros, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

config_state: Final = Table(
    "config_state",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    Column("at", UtcMicros, nullable=False),
    Column("errors", Text, nullable=False),
    Column("good_at", UtcMicros),
)
