"""What users and organisations say of themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the columns."""
    # Hubs of the version before add accounts without them as long as they run.
    op.add_column("accounts", sa.Column("display_name", sa.String(80), nullable=False, server_default=""))
    op.add_column("accounts", sa.Column("about", sa.String(300), nullable=False, server_default=""))
