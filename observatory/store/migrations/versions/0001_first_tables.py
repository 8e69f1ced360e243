"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MICROS = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_blobs")),
        sa.UniqueConstraint("sha256", name=op.f("uq_blobs_sha256")),
    )
    op.create_table(
        "config_state",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("at", _MICROS, nullable=False),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.Column("good_at", _MICROS),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_config_state")),
    )
    op.create_table(
        "coverage",
        sa.Column("emulated", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("first_at", _MICROS, nullable=False),
        sa.Column("last_at", _MICROS, nullable=False),
        sa.Column("n_measurements", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("emulated", name=op.f("pk_coverage")),
    )
    op.create_table(
        "gaps",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("at", _MICROS, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_gaps")),
    )
    op.create_index(op.f("ix_gaps_at"), "gaps", ["at"])
    op.create_table(
        "latest",
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("asn", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", _MICROS, nullable=False),
        sa.Column("measurement_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("mechanism", sa.Text()),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("n_ok", sa.Integer(), nullable=False),
        sa.Column("n_tried", sa.Integer(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("vantage", "target", name=op.f("pk_latest")),
    )
    op.create_table(
        "ledger",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("received_at", _MICROS, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger")),
        sa.UniqueConstraint("id", name=op.f("uq_ledger_id")),
    )
    op.create_table(
        "outcomes",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mechanism", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outcomes")),
        sa.UniqueConstraint(
            "state", "mechanism", "rule_id", name=op.f("uq_outcomes_state_mechanism_rule_id")
        ),
    )
    op.create_table(
        "series",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("asn", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "layer",
            "vantage",
            "asn",
            "target",
            "emulated",
            name=op.f("uq_series_layer_vantage_asn_target_emulated"),
        ),
    )
    op.create_table(
        "vantage_activity",
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("last_seen_at", _MICROS),
        sa.Column("last_started_at", _MICROS),
        sa.Column("last_finished_at", _MICROS),
        sa.Column("next_run_at", _MICROS),
        sa.Column("n_measurements", sa.Integer()),
        sa.Column("last_error", sa.Text()),
        sa.Column("last_error_at", _MICROS),
        sa.PrimaryKeyConstraint("vantage", name=op.f("pk_vantage_activity")),
    )
    op.create_table(
        "vantage_points",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("isp", sa.Text(), nullable=False),
        sa.Column("asn", sa.BigInteger(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("via_kind", sa.Text(), nullable=False),
        sa.Column("via_value", sa.Text(), nullable=False),
        sa.Column("resolver", sa.Text(), nullable=False),
        sa.Column("every_s", sa.Float(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("configured_at", _MICROS, nullable=False),
        sa.Column("removed_at", _MICROS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vantage_points")),
    )
    op.create_table(
        "watermarks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", _MICROS, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watermarks")),
    )
    op.create_table(
        "cells",
        sa.Column("width_s", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("series", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("bucket_at", _MICROS, autoincrement=False, nullable=False),
        sa.Column("outcome", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("n >= 0", name=op.f("ck_cells_n")),
        sa.ForeignKeyConstraint(["outcome"], ["outcomes.number"], name=op.f("fk_cells_outcome")),
        sa.ForeignKeyConstraint(["series"], ["series.number"], name=op.f("fk_cells_series")),
        sa.PrimaryKeyConstraint("width_s", "series", "bucket_at", "outcome", name=op.f("pk_cells")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "measurements",
        sa.Column("number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("round_id", sa.Text(), nullable=False),
        sa.Column("vantage", sa.Text(), nullable=False),
        sa.Column("asn", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("started_at", _MICROS, nullable=False),
        sa.Column("emulated", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["ledger.number"], name=op.f("fk_measurements_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_measurements")),
    )
    op.create_index(op.f("ix_measurements_round_id"), "measurements", ["round_id"])
    op.create_index(op.f("ix_measurements_started_at"), "measurements", ["started_at"])
    op.create_index(op.f("ix_measurements_target_started_at"), "measurements", ["target", "started_at"])
    op.create_table(
        "measurement_blobs",
        sa.Column("measurement", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("blob", _NUMBER, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["blob"], ["blobs.number"], name=op.f("fk_measurement_blobs_blob")),
        sa.ForeignKeyConstraint(
            ["measurement"],
            ["measurements.number"],
            name=op.f("fk_measurement_blobs_measurement"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("measurement", "blob", name=op.f("pk_measurement_blobs")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_measurement_blobs_blob"), "measurement_blobs", ["blob"])
    op.create_table(
        "verdicts",
        sa.Column("number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("mechanism", sa.Text()),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("reference_version", sa.Text(), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("n_ok", sa.Integer(), nullable=False),
        sa.Column("n_tried", sa.Integer(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["measurements.number"], name=op.f("fk_verdicts_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_verdicts")),
    )
    op.create_index(
        "ix_verdicts_open",
        "verdicts",
        ["number"],
        sqlite_where=sa.text("provisional IS 1"),
        postgresql_where=sa.text("provisional IS true"),
    )
