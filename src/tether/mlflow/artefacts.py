"""Files of runs: `RUN/artifacts/PATH` below the route of artefacts."""

from tether.errors import InvalidInput, NotFound
from tether.mlflow.calls import EMPTY, Answer, Arguments, Call, shown

_PART = "artifacts"
_MOST_PATH = 4096


def place_of(text: str) -> tuple[str, str]:
    """Return the run and the path in it.

    Raises:
        InvalidInput: It leads elsewhere.
    """
    run, slash, rest = text.strip("/").partition("/")
    part, _, path = rest.partition("/")
    if not slash or part != _PART:
        raise NotFound(f"no artefacts at {text[:200]!r}", hint="they are at RUN/artifacts/PATH")
    if len(path) > _MOST_PATH or any(each in ("", ".", "..") for each in path.split("/") if path):
        raise InvalidInput(f"Invalid path: {path[:200]!r}")
    return run, path


def listing(call: Call) -> Answer:
    """Answer GET mlflow-artifacts/artifacts, and artifacts/list."""
    arguments = Arguments(call)
    if arguments.has("run_id") or arguments.has("run_uuid"):
        run, path = arguments.text("run_id", "run_uuid"), arguments.text_or("path").strip("/")
        place_of(f"{run}/{_PART}/{path}")
        before = f"{path}/" if path else ""
    else:
        run, path = place_of(arguments.text("path"))
        before = ""
    call.store.run(run)
    files = [
        {"path": before + each.name, "is_dir": each.size is None, "file_size": each.size or 0}
        for each in call.store.files(run, path)
    ]
    return shown(root_uri=f"mlflow-artifacts:/{run}/{_PART}", files=files)


def download(call: Call, place: str) -> Answer:
    """Answer GET mlflow-artifacts/artifacts/PLACE."""
    run, path = place_of(place)
    contents = call.store.read(run, path)
    return Answer(200, blocks=contents.blocks, size=contents.size)


def upload(call: Call, place: str) -> Answer:
    """Answer PUT mlflow-artifacts/artifacts/PLACE."""
    run, path = place_of(place)
    if not path:
        raise InvalidInput("an artefact has a name")
    call.store.write(run, path, call.blocks if call.blocks is not None else iter((call.body,)))
    return EMPTY
