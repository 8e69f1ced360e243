"""Events and alerts; whose resolver and which versions a cell was counted with."""

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MICROS = sa.BigInteger()
_APPEND_ONLY = ("event_revisions", "event_notes", "alerts")
_SERIES = ("layer", "vantage", "asn", "target", "emulated", "resolver")
_OUTCOME = ("state", "mechanism", "rule_id", "rules_version", "reference_version")
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_CHUNK = 500


def upgrade() -> None:
    # Its default stays: taking it away would copy all that was ever measured.
    op.add_column("measurements", sa.Column("resolver", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("series") as table:
        table.add_column(sa.Column("resolver", sa.Text(), nullable=False, server_default=""))
        table.drop_constraint("uq_series_layer_vantage_asn_target_emulated", type_="unique")
        table.create_unique_constraint(
            "uq_series_layer_vantage_asn_target_emulated_resolver",
            ["layer", "vantage", "asn", "target", "emulated", "resolver"],
        )
    with op.batch_alter_table("outcomes") as table:
        table.add_column(sa.Column("rules_version", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("reference_version", sa.Text(), nullable=False, server_default=""))
        table.drop_constraint("uq_outcomes_state_mechanism_rule_id", type_="unique")
        table.create_unique_constraint(
            "uq_outcomes_state_mechanism_rule_id_rules_version_reference_version",
            ["state", "mechanism", "rule_id", "rules_version", "reference_version"],
        )
    _create_tables()
    _fill_resolvers()
    _count_again()
    for name, columns in {
        "series": ["resolver"],
        "outcomes": ["rules_version", "reference_version"],
    }.items():
        with op.batch_alter_table(name) as table:
            for column in columns:
                table.alter_column(column, server_default=None)


def _create_tables() -> None:
    op.create_table(
        "touched",
        sa.Column("asn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("emulated", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("since", _MICROS, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("asn", "target", "emulated", name=op.f("pk_touched")),
    )
    op.create_table(
        "detections",
        sa.Column("asn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("emulated", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("at", _MICROS, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("asn", "target", "emulated", name=op.f("pk_detections")),
    )
    op.create_table(
        "spells",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("asn", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.Column("onset_by", _MICROS, nullable=False),
        sa.Column("end_by", _MICROS),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_spells")),
    )
    op.create_index(op.f("ix_spells_asn_target_emulated"), "spells", ["asn", "target", "emulated"])
    op.create_table(
        "events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.Column("onset_by", _MICROS, nullable=False),
        sa.Column("end_by", _MICROS),
        sa.Column("certainty", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revised_at", _MICROS, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_onset_by"), "events", ["onset_by"])
    op.create_table(
        "event_revisions",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _MICROS, nullable=False),
        sa.Column("causes", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_event_revisions_event")),
        sa.PrimaryKeyConstraint("event", "number", name=op.f("pk_event_revisions")),
    )
    op.create_table(
        "event_notes",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", _MICROS, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_event_notes_event")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_event_notes")),
    )
    op.create_index(op.f("ix_event_notes_event"), "event_notes", ["event"])
    op.create_table(
        "alerts",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("at", _MICROS, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("event", sa.Text()),
        sa.Column("revision", sa.Integer()),
        sa.Column("vantage", sa.Text()),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_alerts_event")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_alerts")),
    )
    for column in ("at", "event", "vantage"):
        op.create_index(op.f(f"ix_alerts_{column}"), "alerts", [column])
    op.create_table(
        "deliveries",
        sa.Column("alert", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("n_attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _MICROS),
        sa.Column("delivered_at", _MICROS),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(["alert"], ["alerts.number"], name=op.f("fk_deliveries_alert")),
        sa.PrimaryKeyConstraint("alert", "channel", name=op.f("pk_deliveries")),
    )
    for name in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, '{name}: rows are only ever added'); END"
            )


def _chunks(query: str) -> Iterator[list[Any]]:
    connection, after = op.get_bind(), -1
    while rows := connection.execute(sa.text(query), {"after": after, "limit": _CHUNK}).all():
        yield list(rows)
        after = rows[-1].number


def _fill_resolvers() -> None:
    connection = op.get_bind()
    for rows in _chunks(
        "SELECT number, body FROM measurements WHERE number > :after ORDER BY number LIMIT :limit"
    ):
        found = [
            {"number": r.number, "resolver": json.loads(zlib.decompress(r.body)).get("resolver", "")}
            for r in rows
        ]
        connection.execute(
            sa.text("UPDATE measurements SET resolver = :resolver WHERE number = :number"), found
        )


def _count_again() -> None:
    """Count what still has its raw rows with resolver and versions; cells without their rows stay.

    Retention deletes raw rows, and a row that comes late may be older than those: so each day of each series
    is looked at for itself.
    """
    connection = op.get_bind()
    counts: Counter[tuple[Any, ...]] = Counter()
    n_raw: Counter[tuple[Any, ...]] = Counter()
    query = (
        "SELECT m.number, m.vantage, m.asn, m.target, m.emulated, m.resolver, m.started_at, v.state, "
        "v.mechanism, v.rule_id, v.rules_version, v.reference_version, v.details "
        "FROM measurements m JOIN verdicts v ON v.number = m.number "
        "WHERE m.number > :after AND m.target_kind != 'control_host' ORDER BY m.number LIMIT :limit"
    )
    for rows in _chunks(query):
        for r in rows:
            n_raw[r.vantage, r.asn, r.target, r.emulated, r.started_at // _DAY_US] += 1
            judged = [("overall", r.state, r.mechanism, r.rule_id)]
            judged += [
                (f["layer"], f["state"], f.get("mechanism"), f["rule_id"])
                for f in json.loads(r.details)["findings"]
            ]
            for layer, state, mechanism, rule_id in judged:
                resolver = r.resolver if layer == "dns" else ""
                series = (layer, r.vantage, r.asn, r.target, r.emulated, resolver)
                outcome = (state, mechanism or "", rule_id, r.rules_version, r.reference_version)
                for width_us in (_HOUR_US, _DAY_US):
                    bucket = r.started_at - r.started_at % width_us
                    counts[width_us // 1_000_000, series, bucket, outcome] += 1
    counted = connection.execute(
        sa.text(
            "SELECT s.vantage, s.asn, s.target, s.emulated, c.bucket_at, SUM(c.n) FROM cells c "
            "JOIN series s ON s.number = c.series WHERE s.layer = 'overall' AND c.width_s = 86400 "
            "GROUP BY s.vantage, s.asn, s.target, s.emulated, c.bucket_at"
        )
    )
    n_counted = {(*row[:4], row[4] // _DAY_US): row[5] for row in counted}
    whole = {day for day, n in n_raw.items() if n >= n_counted.get(day, 0)}
    if not whole:
        return
    counts = Counter({key: n for key, n in counts.items() if (*key[1][1:5], key[2] // _DAY_US) in whole})
    _delete_days(whole)
    of_series = _numbers("series", _SERIES, {key[1] for key in counts})
    of_outcome = _numbers("outcomes", _OUTCOME, {key[3] for key in counts})
    connection.execute(
        sa.text(
            "INSERT INTO cells (width_s, series, bucket_at, outcome, n) "
            "VALUES (:width_s, :series, :bucket_at, :outcome, :n)"
        ),
        [
            {
                "width_s": width_s,
                "series": of_series[series],
                "bucket_at": bucket,
                "outcome": of_outcome[outcome],
                "n": n,
            }
            for (width_s, series, bucket, outcome), n in sorted(counts.items())
        ],
    )
    for table, column in (("series", "series"), ("outcomes", "outcome")):
        connection.execute(sa.text(f"DELETE FROM {table} WHERE number NOT IN (SELECT {column} FROM cells)"))
    connection.execute(
        sa.text(
            "INSERT INTO touched (asn, target, emulated, since, n) "
            "SELECT s.asn, s.target, s.emulated, MIN(c.bucket_at), 1 FROM cells c "
            "JOIN series s ON s.number = c.series WHERE s.layer = 'overall' AND c.width_s = 3600 "
            "GROUP BY s.asn, s.target, s.emulated"
        )
    )


def _delete_days(days: set[tuple[Any, ...]]) -> None:
    """Delete all cells of these days of (vantage, asn, target, emulated)."""
    connection = op.get_bind()
    connection.execute(sa.text("CREATE TEMPORARY TABLE counted_again (series INTEGER, day INTEGER)"))
    numbers: dict[tuple[Any, ...], list[int]] = {}
    for row in connection.execute(sa.text("SELECT number, vantage, asn, target, emulated FROM series")):
        numbers.setdefault(tuple(row[1:]), []).append(row[0])
    rows = [{"series": n, "day": day[4]} for day in sorted(days) for n in numbers.get(day[:4], ())]
    if rows:
        connection.execute(sa.text("INSERT INTO counted_again VALUES (:series, :day)"), rows)
    connection.execute(
        sa.text(
            f"DELETE FROM cells WHERE (series, bucket_at / {_DAY_US}) IN "
            "(SELECT series, day FROM counted_again)"
        )
    )
    connection.execute(sa.text("DROP TABLE counted_again"))


def _numbers(table: str, names: tuple[str, ...], keys: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
    """Return the number of each key, adding the keys that are new."""
    connection = op.get_bind()
    columns = ", ".join(names)
    query = sa.text(f"SELECT number, {columns} FROM {table}")
    known = {tuple(row[1:]): row[0] for row in connection.execute(query)}
    missing = [dict(zip(names, key, strict=True)) for key in sorted(keys - known.keys())]
    if missing:
        values = ", ".join(f":{name}" for name in names)
        connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), missing)
        known = {tuple(row[1:]): row[0] for row in connection.execute(query)}
    return known
