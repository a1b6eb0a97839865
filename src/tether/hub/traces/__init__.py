"""Traces of what a hub does, for a collector that its operator names."""
