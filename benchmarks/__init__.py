"""Benchmarks of Tether against the physical limits of the machine and against its peers."""
