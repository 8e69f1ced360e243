"""Where an ok target leads its visitors, and how that host fares."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("verdicts", "latest"):
        for column in ("leads_to", "leads_to_state", "leads_to_mechanism"):
            op.add_column(table, sa.Column(column, sa.Text()))
