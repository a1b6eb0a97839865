"""Words and exit codes: the `tether` command."""
