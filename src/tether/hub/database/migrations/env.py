"""Run by Alembic: migrates on the connection that `tether.hub.database.migrate` hands in."""

from alembic import context

from tether.hub.database.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
