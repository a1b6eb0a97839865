"""The loop that `make loop` runs: a release, somebody who carries it on, and a better release.

Every step is a command of the product. Nothing here is part of it.
"""
