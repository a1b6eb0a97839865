"""Memory as a machine has it that has been at work for a while: next to nothing free, the rest a cache.

In a virtual machine that reports free pages to its host, the first use of each free page is a fault at the
host, at some 0.7 GB/s here. Whoever happened to run with much of it free would pay seconds for each gigabyte
written that the next one does not. So free memory is given to the page cache before each measurement.
"""

from pathlib import Path

FREE_KIB = 600 << 10
_PIECE = 1 << 20
_LENGTH = 1 << 40
_REPORTING = Path("/sys/module/page_reporting")


class Filler:
    """Gives free memory to the page cache by reading holes of a sparse file.

    No hole is read twice, so the kernel takes these pages for the least useful and gives them away first.

    Args:
        scratch: Where the file is kept; it takes no room on the disk.
    """

    def __init__(self, scratch: Path) -> None:
        self._path = scratch / "filler.img"
        self._position = 0

    def occupy(self) -> None:
        """Read until little memory is free; without effect where no host takes free pages back."""
        if not _REPORTING.exists():
            return
        with self._path.open("wb" if self._position == 0 else "ab") as file:
            file.truncate(_LENGTH)
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._position)
            # Bounded: the kernel may free pages as fast as they are filled.
            for _ in range((free_kib() << 10) // _PIECE):
                if free_kib() <= FREE_KIB:
                    break
                self._position += len(file.read(_PIECE))


def warm(folder: Path) -> None:
    """Read all files of a folder, if it is there, so that the page cache has what an operation reads.

    Systems write differently: what one left in the page cache another one wrote past it.
    """
    room = bytearray(_PIECE)
    for each in folder.rglob("*"):
        if each.is_file() and not each.is_symlink():
            with each.open("rb", buffering=0) as file:
                while file.readinto(room):
                    pass


def free_kib() -> int:
    """Return how much memory holds nothing at all, in KiB."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemFree:"):
            return int(line.split()[1])
    return 0
