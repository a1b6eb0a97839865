"""What is known of files and links that were written."""

from typing import NamedTuple

from tether.core.tree import EntryKind

MODES = {EntryKind.FILE: 0o644, EntryKind.EXECUTABLE: 0o755}
"""The mode that a file gets, which the umask cuts."""


class Written(NamedTuple):
    """Files and links of one folder that were written."""

    folder: bytes
    names: list[bytes]
    records: list[bytes]
    """The stat record of each."""
