"""`python -m demo [FOLDER]`: run the demonstration; results are in demo-output/ or in a new FOLDER."""

import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

NEEDED = {"PIL": "pillow", "safetensors": "safetensors", "skimage": "scikit-image", "sklearn": "scikit-learn"}
OUTPUT = Path("demo-output")


def main(arguments: list[str]) -> int:
    """Tell the story; return the exit code."""
    missing = [package for module, package in NEEDED.items() if not _is_there(module)]
    if missing:
        return fail(
            f"the demonstration needs {', '.join(missing)}", "pip install '.[demo]', or run 'make demo'"
        )
    output = Path(arguments[0]) if arguments else OUTPUT
    if arguments and output.exists():
        return fail(f"{output} exists already", "name a folder that does not exist, or none for demo-output/")
    if output.exists():
        shutil.rmtree(output)
    return tell(output)


def tell(output: Path) -> int:
    """Run all chapters in a new folder."""
    from demo import alone, together
    from demo.terminal import DemoFailed
    from demo.world import World

    began = time.monotonic()
    try:
        world = World(output)
        for part in (alone.begin, alone.fix_labels, alone.low_light, alone.merge, alone.go_back):
            part(world)
        ben = together.share(world)
        together.conflict(world, ben)
        figures = together.verify(world, ben)
    except DemoFailed as failure:
        return fail(str(failure), f"what was done so far is in {output}")
    together.finish(world, figures, time.monotonic() - began)
    return 0


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # the name is blocked
        return False


def fail(message: str, hint: str) -> int:
    """Say on stderr what is wrong and what to do."""
    print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
