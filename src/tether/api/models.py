"""Model files of any revision, of the disk or of a hub: what they hold, and how two of them differ."""

import os
import stat
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from tether.core.digest import Digest
from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput, NotFound
from tether.model.compare import ModelDiff, Opened, compare
from tether.model.facts import ModelFacts
from tether.model.reading import read_facts
from tether.model.source import FileSource, Source
from tether.model.tensordigest import tensor_digests, weights_digest
from tether.storage.oserrors import translated

if TYPE_CHECKING:
    from os import PathLike

    from tether.api.snapshot import Snapshot


class Model:
    """A model file, looked at and never loaded: nothing in it is run, and only what is asked for is read.

    Args:
        file: A seekable binary file; it is closed with the model.
        name: Its name, which tells the format where the bytes do not.
        beside: Opens the file of a name in the same folder, for weights that lie in files of their own.

    Example:
        >>> import numpy
        >>> numpy.save("weights.npy", numpy.zeros((2, 3), "float32"))
        >>> with Model.open("weights.npy") as model:
        ...     model.facts.format, model.facts.parameters
        ('npy', 6)
    """

    def __init__(
        self, file: BinaryIO, name: str = "", *, beside: Callable[[str], BinaryIO] | None = None
    ) -> None:
        self.name = name
        self._files = ExitStack()
        self._files.callback(file.close)
        self._source = FileSource(file)
        self._facts: ModelFacts | None = None
        self._beside, self._others = beside, dict[str, Source | None]()

    @classmethod
    def open(cls, model: "str | PathLike[str] | BinaryIO") -> Self:
        """Open a file of the disk by its path, or any seekable binary file such as `Snapshot.open` gives.

        Example:
            >>> import io, numpy
            >>> file = io.BytesIO()
            >>> numpy.save(file, numpy.zeros((2, 3), "float32"))
            >>> with Model.open(file) as model:
            ...     model.facts.tensors[0].shape
            (2, 3)

        Raises:
            NotFound: There is no such file.
            InvalidInput: It is no file.
        """
        if not isinstance(model, str | os.PathLike):
            return cls(model, str(getattr(model, "name", "")))
        path = os.fspath(model)
        folder = os.path.dirname(path)  # noqa: PTH120
        return cls(_opened(path), path, beside=lambda name: _opened(os.path.join(folder, name)))  # noqa: PTH118

    @property
    def facts(self) -> ModelFacts:
        """What the file holds: format, tensors, metadata, and what loading it would run.

        Example:
            >>> import numpy
            >>> numpy.save("weights.npy", numpy.zeros((2, 3), "float32"))
            >>> with Model.open("weights.npy") as model:
            ...     [(tensor.name, tensor.dtype) for tensor in model.facts.tensors], model.facts.safe
            ([('array', 'F32')], True)

        Raises:
            InvalidInput: The file is damaged.
            Unsupported: It is no model file of a format that is read.
        """
        if self._facts is None:
            self._facts = read_facts(self._source, os.path.basename(self.name))  # noqa: PTH119
        return self._facts

    def digests(self) -> dict[str, Digest]:
        """Return the tensor digest of each tensor that can be read, by its name; reads the whole file.

        Equal numbers of one type and shape have one digest, in whatever format they are stored.

        Example:
            >>> import numpy
            >>> numpy.save("weights.npy", numpy.zeros((2, 3), "float32"))
            >>> with Model.open("weights.npy") as model:
            ...     len(model.digests()["array"].hex())
            64

        Raises:
            InvalidInput: The file is damaged.
        """
        return tensor_digests(self._source, self.facts, self._sibling)

    def digest(self) -> Digest:
        """Return one digest of all tensors with their names; reads the whole file.

        Example:
            >>> import numpy
            >>> numpy.save("weights.npy", numpy.zeros((2, 3), "float32"))
            >>> numpy.savez("weights.npz", array=numpy.zeros((2, 3), "float32"))
            >>> with Model.open("weights.npy") as one, Model.open("weights.npz") as two:
            ...     one.digest() == two.digest()
            True

        Raises:
            InvalidInput: The file is damaged, or has tensors that cannot be read.
        """
        digests = self.digests()
        if len(digests) != len(self.facts.tensors):
            raise InvalidInput(f"not all tensors of {self.name or 'the model'} can be read")
        return weights_digest(digests)

    def diff(self, new: "Model", progress: Progress = SILENT) -> ModelDiff:
        """Return what differs from this model to `new`, tensor by tensor; reads both files, block by block.

        Args:
            new: The other model, of the same or another format.
            progress: Where to report.

        Example:
            >>> import numpy
            >>> numpy.savez("old.npz", w=numpy.zeros(6), b=numpy.ones(2))
            >>> numpy.savez("new.npz", w=numpy.ones(6), b=numpy.ones(2))
            >>> with Model.open("old.npz") as old, Model.open("new.npz") as new:
            ...     diff = old.diff(new)
            ...     [(change.name, change.distance.max_abs) for change in diff.changed], diff.unchanged
            ([('w', 1.0)], 1)

        Raises:
            InvalidInput: A file is damaged, or its list of tensors is not whole.
        """
        return compare(self._opened(), new._opened(), progress)

    def close(self) -> None:
        """Close the file.

        Example:
            >>> import numpy
            >>> numpy.save("weights.npy", numpy.zeros((2, 3), "float32"))
            >>> Model.open("weights.npy").close()
        """
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self) -> Opened:
        return Opened(self._source, self.facts, self._sibling, self.name or "the model")

    def _sibling(self, name: str) -> Source | None:
        """Return the file of a name in the same folder, opened once; None where there is none."""
        if name not in self._others:
            self._others[name] = self._found(name)
        return self._others[name]

    def _found(self, name: str) -> Source | None:
        if self._beside is None:
            return None
        try:
            file = self._beside(name)
        except (NotFound, InvalidInput):
            return None
        self._files.callback(file.close)
        return FileSource(file)


def model_at(snapshot: "Snapshot", path: "str | PathLike[str]") -> Model:
    """Return a model file of a snapshot; errors as for `Snapshot.open`."""
    name = os.fspath(path)
    folder = name.rpartition("/")[0]
    below = f"{folder}/" if folder else ""
    return Model(snapshot.open(name), name, beside=lambda other: snapshot.open(below + other))


def _opened(path: str) -> BinaryIO:
    """Return a regular file of the disk, opened so that a pipe does not wait for a writer."""
    with translated(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InvalidInput(f"{path} is no file")
        return os.fdopen(descriptor, "rb")
