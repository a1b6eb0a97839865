from collections.abc import Sequence

from tether.core.digest import Digest
from tether.repo.search_pure import Rows

def find_rows(prefixes: memoryview, digests: memoryview, wanted: list[Digest]) -> list[int]: ...
def join_rows(parts: Sequence[Rows]) -> tuple[bytes, list[bytes]]: ...
