"""The demonstration that `make demo` runs: real data, a real classifier and the real command.

Nothing here is part of the product. Every figure that it prints was measured in the same run.
"""
