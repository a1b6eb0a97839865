"""Running the recorded command of a run again on other data, with the code as it is now."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tether.api.opened import Opened
from tether.api.originals import Original, data_texts, folder_now
from tether.api.runinputs import RunRequest
from tether.errors import InvalidInput, NotFound
from tether.runs.rundoc import Scalar


def retraining(
    repo: Opened,
    original: Original,
    data: Sequence[str],
    parameters: Mapping[str, Scalar],
    around: tuple[Path, Mapping[str, str]],
) -> RunRequest:
    """Return what has to be run.

    Args:
        repo: Where.
        original: What is trained again.
        data: Other inputs, each as `NAME=REV:PATH`; those that are not named stay what they were.
        parameters: Other values of parameters.
        around: The current folder and the environment.

    Raises:
        NotFound: Data that stays is not here, or the run has no input of a name.
        InvalidInput: An input has no name.
    """
    record, asked = original.record, original.asked
    known = [each.name for each in record.data]
    replaced: dict[str, str] = {}
    for text in data:
        name, equals, _ = text.partition("=")
        if not equals:
            raise InvalidInput(f"not an input: {text}", hint="write it like --data train=main:train")
        if known and name not in known:
            raise NotFound(f"run {record.id} reads no {name}", hint=f"it reads {', '.join(known)}")
        if name in replaced:
            raise InvalidInput(f"the input {name} is given twice")
        replaced[name] = text
    folder, environ = around
    return RunRequest(
        record.command,
        folder_now(repo, record, folder, environ),
        environ,
        data=data_texts(repo, original, replaced),
        parameters={**original.parameters, **parameters},
        seeds=record.seeds,
        artefacts=asked.artefacts,
        checkout=asked.checkout,
        parent=original.parent("retrains"),
    )
