"""Giving a value to another place of the same kind without copying its bytes through this process.

On local disks both places have the same file under two names: neither can lose what the other holds, and the
disk forgets the bytes with the last name. A store of objects has no second names, so it copies by itself.
"""

from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.wrappers import innermost

_BLOCK = 4 << 20


def share(source: Backend, target: Backend, key: str) -> bool:
    """Give the value of a key that never changes to another backend, durably, under the same key.

    Args:
        source: Has it.
        target: Shall have it. A value that is there already stays.
        key: Named after its content.

    Returns:
        Whether no byte was read here.

    Raises:
        NotFound: The source has no such value.
        AlreadyExists: A value of another size is there.
        Unavailable: The disk is full, or the store does not answer.
    """
    source, target = innermost(source), innermost(target)
    if isinstance(source, LocalBackend):
        if isinstance(target, LocalBackend) and target.link(source, key):
            return True
    elif not isinstance(target, LocalBackend):
        from tether.storage.objectstore import ObjectBackend  # without a bucket its library need not be there

        if isinstance(source, ObjectBackend) and isinstance(target, ObjectBackend):
            target.copy(source, key)
            return True
    _copy(source, target, key)
    return False


def _copy(source: Backend, target: Backend, key: str) -> None:
    size = source.size(key)
    with target.upload() as upload:
        for at in range(0, size, _BLOCK):
            upload.write(source.read(key, at, min(_BLOCK, size - at)))
        upload.finish(key)
