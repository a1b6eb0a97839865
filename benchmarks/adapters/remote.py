"""The contract of a system that sends to another place and gets from it."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from benchmarks.adapters.base import Adapter
from benchmarks.measure import Plan


class Remote(Adapter, ABC):
    """A system with another place beside its own working copy.

    Attributes:
        exact: What a clone and a pull leave in `session.clone` is the tree, and is compared with it.
        ours: How long a copy of the working copy with its store takes is measured, too.
    """

    workloads = frozenset("ABCD")
    exact: ClassVar[bool] = True
    ours: ClassVar[bool] = False

    @abstractmethod
    def served(self) -> AbstractContextManager[list[int]]:
        """Make the other place, empty, and make it known here; yield the processes that serve it.

        None of it is measured.
        """

    @abstractmethod
    def push(self) -> Plan | None:
        """Send what the other place lacks of the newest version."""

    @abstractmethod
    def push_again(self) -> Plan | None:
        """Send where nothing is lacking."""

    @abstractmethod
    def pull_again(self) -> Plan | None:
        """Ask, in the first working copy, for what is new where nothing is."""

    @abstractmethod
    def clone_remote(self) -> Plan | None:
        """Make a working copy in `session.clone` from the other place."""

    @abstractmethod
    def pull_clone(self) -> Plan | None:
        """Bring the working copy in `session.clone` up to date."""

    def slim(self) -> None:
        """Remove what later operations do not need, so that large workloads fit the disk; not measured."""
