"""Jobs that what was released before changed, hid or withheld: a project has a quota on them."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("history_changed", sa.Boolean(), nullable=False, server_default=sa.false()))
