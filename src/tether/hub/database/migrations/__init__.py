"""Run by Alembic, which finds them by their folder."""
