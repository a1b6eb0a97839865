"""Runs and releases for pages: read within bounds, whatever somebody pushed."""
