"""Words and exit codes: the `tether` command."""

import gc

# Imports and commands make values by the hundred thousand and hardly a cycle: a search for cycles is rare,
# from the first import on.
gc.set_threshold(1_000_000, 20, 100)
