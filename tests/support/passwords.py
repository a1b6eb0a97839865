"""Passwords in tests are hashed by the same function with the least work: a third of a second each is saved.

That the hub itself does all the work is tested beside it.
"""

from argon2 import PasswordHasher

from tether.hub import secret

COMPLETE = secret._hasher
"""What the hub hashes with."""


def hash_cheaply() -> None:
    """Let this process, and the copies of it, hash with the least work that the function allows."""
    secret._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
