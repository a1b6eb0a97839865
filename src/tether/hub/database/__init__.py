"""The database of the hub: models, migrations, sessions."""
