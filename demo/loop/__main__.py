"""`python -m demo.loop [FOLDER]`: the story of a release; results are in loop-output/ or in a new FOLDER."""

import argparse
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from demo.__main__ import fail

NEEDED = {
    "cryptography": "cryptography",
    "fastapi": "'tether[hub]'",
    "pyarrow": "pyarrow",
    "sklearn": "scikit-learn",
    "skops": "skops",
}
OUTPUT = Path("loop-output")
CACHE = Path(sys.prefix) / "datasets"


def main(arguments: list[str]) -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.loop")
    parser.add_argument("folder", nargs="?", type=Path, help="a new folder for the results; or loop-output")
    parser.add_argument("--digits", action="store_true", help="take small pictures that need no network")
    options = parser.parse_args(arguments)
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        return fail(f"the loop needs {', '.join(missing)}", "run 'make loop'")
    output: Path = options.folder or OUTPUT
    if options.folder and output.exists():
        return fail(f"{output} exists already", "name a folder that does not exist, or none for loop-output/")
    if output.exists():
        shutil.rmtree(output)
    return tell(output, small=options.digits)


def tell(output: Path, *, small: bool) -> int:
    """Run all chapters in a new folder."""
    from demo.loop import corpus, story
    from demo.terminal import DemoFailed, chapter, say

    began = time.monotonic()
    try:
        world = story.World(output, corpus.load(CACHE, small=small))
        story.release(world)
        with story.serving(world) as hub:
            story.publish(world, hub)
            story.carry_on(world)
            story.look_back(world)
    except DemoFailed as failure:
        return fail(str(failure), f"what was done so far is in {output}")
    chapter("Done")
    say(
        f"""It took {time.monotonic() - began:.0f} s. In {output}/ are the working copies of Ada and Ben, the
        hub, lineage.svg, which shows what came from what, and CARD.md, which was drafted from the release."""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
