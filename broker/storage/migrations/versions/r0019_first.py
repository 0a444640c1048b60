"""The schema that new stores are made with. A store of revision 0019 has it already."""

revision = "0019"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None: ...
