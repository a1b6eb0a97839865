"""Releases: a model with all that made it, as one unit that never changes."""
