"""Evaluations and benches of a release are held against it: they have to be such, and of its model."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from tether.core.kinds import ObjectWriter
from tether.core.names import path_bytes
from tether.core.tree import EMPTY_TREE, Entry
from tether.core.treeedit import edit_tree
from tether.errors import Corrupt, InvalidInput, Unsupported
from tether.releases.judging import OwnModels
from tether.releases.manifest import Manifest
from tether.repo.repository import Repository
from tether.runs.pinning import ARTEFACTS, renamed
from tether.runs.purposes import BENCH_FILE, EVALUATION_FILE
from tether.runs.reading import KnownRun, read_file

_FILES = {"evaluation": EVALUATION_FILE, "bench": BENCH_FILE}
_COMMANDS = {"evaluation": "eval", "bench": "bench"}


class Judged(NamedTuple):
    """What an evaluation or a bench says of its model."""

    run: KnownRun
    what: Literal["evaluation", "bench"]
    model: str
    """As the user named it."""
    digest: str | None
    """Of the file, or of the tree of a folder; None where it does not say."""
    weights: str | None
    """The digest of all tensors."""


def judged_by(repository: Repository, run: KnownRun, what: Literal["evaluation", "bench"]) -> Judged:
    """Return what a run says of the model that it judged.

    Raises:
        InvalidInput: It is no evaluation, or no bench.
    """
    data = read_file(repository, run, f"{ARTEFACTS}/{_FILES[what]}")
    named = f"run {run.record.name or run.id}"
    if data is None:
        hint = f"'tether {_COMMANDS[what]}' makes one"
        if what == "evaluation":
            hint += "; of predictions that a program of yours made, 'tether eval --predictions FILE'"
        raise InvalidInput(f"{named} is no {what}", hint=hint)
    try:
        if what == "evaluation":
            from tether.evals.evaldoc import Evaluation

            model = Evaluation.decode(data, named).model
            if model is None:
                return Judged(run, what, "", None, None)
            return Judged(run, what, model.source, model.digest, model.weights)
        from tether.bench.record import Bench

        part = Bench.decode(data).model
        return Judged(run, what, part.rev or part.name, part.digest, part.weights)
    except (Corrupt, Unsupported) as error:
        hint = f"'tether {_COMMANDS[what]}' makes one"
        raise InvalidInput(f"{named} is no {what} that can be read: {error}", hint=hint) from None


def require_own(
    objects: ObjectWriter, manifest: Manifest, entries: Mapping[str, Entry], judged: Sequence[Judged]
) -> Iterator[str]:
    """Yield what does not say of which model it is; refuse what is of another model.

    Of its model is what names a file or folder of its weights, or a graph among its code, or has the numbers
    of its weights.

    Args:
        objects: Gives the trees of the release, and takes the whole of them.
        manifest: The release.
        entries: What is in its tree, by path.
        judged: Its evaluations and benches.

    Raises:
        InvalidInput: One is of another model.
    """
    parts = {path_bytes(path): renamed(entry, path) for path, entry in entries.items()}
    own = OwnModels(objects, manifest, edit_tree(objects, EMPTY_TREE, parts).digest)
    for each in judged:
        named = f"{each.what} {each.run.record.name or each.run.id}"
        if each.digest is None:
            yield f"{named} does not say of which model it is"
        elif not own.has(each.digest, each.weights):
            hint = "give what is released; or add what was measured, by --weights or --checkpoint"
            raise InvalidInput(f"{named} is of another model: {each.model}", hint=hint)
