"""Places in the bucket that packs of several repositories have in common, and their names."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_ID = sa.String(32)
_KEY = sa.String(200)
_MICROS = sa.BigInteger()


def upgrade() -> None:
    """Make the tables; packs that are there lie where their keys say, as forks had copies of their own."""
    op.create_table(
        "pack_places",
        sa.Column("place", _KEY, nullable=False),
        sa.Column("home", _ID, nullable=False),
        sa.Column("size", _MICROS, nullable=False),
        sa.Column("doomed", _MICROS),
        sa.PrimaryKeyConstraint("place", name="pk_pack_places"),
    )
    op.create_index("ix_pack_places_home", "pack_places", ["home"])
    op.create_table(
        "pack_names",
        sa.Column("repository_id", _ID, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("place", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name="fk_pack_names_repository_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["place"], ["pack_places.place"], name="fk_pack_names_place"),
        sa.PrimaryKeyConstraint("repository_id", "key", name="pk_pack_names"),
    )
    op.create_index("ix_pack_names_place", "pack_names", ["place"])
