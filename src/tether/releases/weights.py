"""What is written down of a file of weights: its format, how much is in it, and the digest of its numbers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, NamedTuple, cast

from tether.core.digest import parse_digest
from tether.errors import InvalidInput, Unsupported
from tether.model.reading import read_facts
from tether.model.source import FileSource, Source
from tether.model.tensordigest import tensor_digests, weights_digest
from tether.releases.manifest import Manifest
from tether.repo.repository import Repository

Beside = Callable[[str], BinaryIO | None]
"""Opens the file of a name in the same folder, or gives None."""


class WeightsFacts(NamedTuple):
    """What is known of a file of weights; None for what is not.

    Attributes:
        format: As `tether model show` has it.
        tensors: How many.
        parameters: Numbers in all of them.
        tensor_digest: The weights digest, in hexadecimal digits.
    """

    format: str | None = None
    tensors: int | None = None
    parameters: int | None = None
    tensor_digest: str | None = None


def dangers_of(file: BinaryIO, name: str) -> tuple[str, ...]:
    """Return why loading a file is not safe, as `tether model show` has it; nothing for an unknown format.

    Args:
        file: A seekable binary file, of which a few kB are read, of pickles more.
        name: Its name.
    """
    try:
        return tuple(each.text for each in read_facts(FileSource(file), name).dangers)
    except (InvalidInput, Unsupported):
        return ()


def weights_facts(file: BinaryIO, name: str, beside: Beside) -> WeightsFacts:
    """Return what is known of a file, which is read and not loaded; one of an unknown format tells nothing.

    Args:
        file: A seekable binary file.
        name: Its name.
        beside: Opens others in its folder, for weights that lie in files of their own.
    """
    with ExitStack() as files:

        def sibling(other: str) -> Source | None:
            opened = beside(other)
            return None if opened is None else FileSource(files.enter_context(opened))

        source = FileSource(file)
        try:
            facts = read_facts(source, name)
            digests = tensor_digests(source, facts, sibling)
        except (InvalidInput, Unsupported):
            return WeightsFacts()
    whole = len(digests) == len(facts.tensors) > 0
    digest = weights_digest(digests).hex() if whole else None
    return WeightsFacts(facts.format, len(facts.tensors), facts.parameters, digest)


def dangers_in(repository: Repository, manifest: Manifest) -> Iterator[str]:
    """Yield why loading weights of a release is not safe, with their paths; see `dangers_of`.

    Raises:
        NotFound: A content is not here.
    """
    for part in (*manifest.weights, *manifest.checkpoints):
        if part.kind in ("file", "executable"):
            with repository.contents.open(parse_digest(part.digest)) as file:
                found = dangers_of(cast("BinaryIO", file), part.path.rpartition("/")[2])
            yield from (f"{part.path}: {text}" for text in found)
