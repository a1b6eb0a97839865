"""Version control and collaboration for deep-learning data and models.

Example:
    >>> import tether
    >>> repo = tether.Repo.open("photos")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tether.api.repo import Repo

__all__ = ["Repo"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command starts quickly."""
    if name == "Repo":
        from tether.api.repo import Repo

        return Repo
    raise AttributeError(f"module 'tether' has no attribute {name!r}")
