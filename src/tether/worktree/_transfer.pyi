from array import array
from collections.abc import Sequence

from tether.core.digest import Buffer

def read_files(
    dirfd: int, names: Sequence[bytes], sizes: bytes | array[int]
) -> list[tuple[bytes, bytes] | int]: ...
def write_files(
    dirfd: int,
    names: Sequence[bytes],
    contents: Sequence[Buffer],
    modes: Sequence[int],
    replace: Sequence[bool],
) -> tuple[list[int], bytes]: ...
def syncfs(fd: int) -> None: ...
def start_writing(fd: int) -> None: ...
