"""`python -m tether.cli` is the `tether` command."""

from tether.cli.main import entry_point

entry_point()
