"""The second half of the story: two people, a conflict, and what all of it takes on disk."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from demo import data, model
from demo.terminal import TETHER, Person, chapter, say, size
from demo.world import World


class Figures(NamedTuple):
    """What was measured at the end.

    Attributes:
        files: Files in the newest version.
        versions: Commits.
        stored: Bytes on disk of the repository, everything included.
        copies: Bytes that a copy of the folder for each commit would take.
    """

    files: int
    versions: int
    stored: int
    copies: int


def share(world: World) -> Person:
    """Push to a shared folder, and let Ben clone it and push a change."""
    chapter("6. Two people")
    say("""A folder that both can reach is enough to work together: a network drive, or a disk. Ada pushes,
        Ben clones. A second push sends only what is new.""")
    ada = world.ada
    ada.run("remote", "add", "origin", str(Path("..") / "shared"))
    ada.run("push", "origin", "main")
    ben = Person("Ben", world.output, world.home)
    ben.run("clone", "shared", "colleague")
    ben.folder = world.output / "colleague"
    row = doubtful(world)
    say(f"Ben finds a digit that nobody can read for sure, {row.file}, and takes it out of the tests.")
    relabel(ben.folder, row, row._replace(split="unclear"))
    ben.run("diff", lines=14)
    ben.run("commit", "-a", "-m", "Leave an unclear digit out of the tests")
    ben.run("push")
    return ben


def conflict(world: World, ben: Person) -> None:
    """Let Ada change the same row, be refused, and settle the conflict."""
    chapter("7. Both changed the same line")
    row = doubtful(world)
    image = data.load_images(world.project, [row])
    guess = int(model.scores(world.weights(), image).argmax())
    say(f"""Ada has not seen Ben's change. She gives the same digit the label {guess}, which is what the
        classifier reads. Her push is refused, because it would lose Ben's work.""")
    ada = world.ada
    relabel(world.project, row, row._replace(label=guess))
    ada.run("commit", "-a", "-m", f"Label {Path(row.file).name} as {guess}")
    ada.run("push", code=5)
    say("So she pulls. What can be joined is joined; this line cannot, and Tether says so and waits.")
    ada.run("pull", code=5)
    ada.run("diff", lines=20)
    say("Ada agrees with Ben, takes his version, and finishes the merge. Then her push is welcome.")
    ada.run("resolve", "--theirs", "labels.csv")
    ada.run("merge", "--continue")
    ada.run("push")
    ben.run("pull")
    same = (ben.folder / "labels.csv").read_bytes() == (world.project / "labels.csv").read_bytes()
    say(f"Both have {'the same' if same else 'DIFFERENT'} labels now. The whole history:")
    ada.run("log", "--graph", "--oneline", lines=16)


def verify(world: World, ben: Person) -> Figures:
    """Verify every byte in all three places, and compare what is stored with copies."""
    chapter("8. Is everything there, and what does it take?")
    say(
        "Every piece is named by a hash of its content. Verifying reads all of it and "
        "computes the hashes again."
    )
    ada = world.ada
    ada.run("fsck", "--full")
    ben.run("fsck", "--full")
    ada.run("-C", "../shared", "fsck", "--full")
    ada.run("du", "--by", "commit", lines=16)
    commits = ada.ask("du", "--by", "commit")["rows"]
    return Figures(
        files=len(ada.ask("ls", "-r")),
        versions=len(commits),
        stored=bytes_below(world.project / ".tether"),
        copies=sum(commit["logical"] for commit in commits),
    )


def finish(world: World, figures: Figures, seconds: float) -> None:
    """Print the summary."""
    chapter("Summary")
    ratio = figures.copies / figures.stored
    print(f"""
  files in the newest version   {figures.files:>12,}
  versions                      {figures.versions:>12,}
  stored, all versions          {size(figures.stored):>12}
  as one copy for each version  {size(figures.copies):>12}   ({ratio:.1f} times as much)
  seconds                       {seconds:>12.0f}

  accuracy               in light   low light""")
    for version, bright, dark in world.scores:
        print(f"  {version:<20} {bright:>10.1%}  {dark:>10.1%}")
    say(
        "Each version still has the data, the labels and the weights that belong together, so any of these "
        "scores can be measured again."
    )
    shutil.rmtree(world.home)
    out, tether = world.output, os.path.relpath(TETHER)
    print(f"""
  {out}/project      Ada's repository; look around: {tether} -C {out}/project log --graph
  {out}/colleague    Ben's clone
  {out}/shared       what they share
  {out}/summary.png  one digit of each class, in light and in low light
""")


def doubtful(world: World) -> data.Row:
    """Return the first row of the tests where the committed weights read another digit."""
    rows = [row for row in world.rows() if row.split == "test"]
    read = model.scores(world.weights(), data.load_images(world.project, rows)).argmax(axis=1)
    return rows[int(np.flatnonzero(read != np.array([row.label for row in rows]))[0])]


def relabel(folder: Path, old: data.Row, new: data.Row) -> None:
    """Replace one row of labels.csv."""
    rows = data.read_labels((folder / "labels.csv").read_text())
    data.write_labels(folder / "labels.csv", [new if row == old else row for row in rows])


def bytes_below(folder: Path) -> int:
    """Return the sizes of all files below a folder together."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
