"""Native loops of the core."""
