"""What Alembic runs: the migrations, inside the transaction it was handed."""

from alembic import context

from observatory.store import schema_events  # noqa: F401  (its tables belong to the metadata)
from observatory.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite cannot alter a column in place: Alembic copies the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
