"""Jobs remember the policy under which their outputs were assessed, beside the one under which they were accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("assessed_policy", sa.Text()))
