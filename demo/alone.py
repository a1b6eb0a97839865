"""The first half of the story: one person, branches, merges, and ways back."""

import datetime
import shutil
import time

from demo import data, model, picture
from demo.terminal import chapter, say, size
from demo.world import World


def begin(world: World) -> None:
    """Make the data and the first version."""
    chapter("1. Real data, and its first version")
    rows = data.write_digits(world.project)
    photographs = data.write_photographs(world.project / "photographs")
    data.write_labels(world.project / "labels.csv", data.mislabel(rows))
    weights = model.train(*world.training_set())
    model.save(weights, world.project / model.FILE)
    say(f"""Ada has a folder with {len(rows):,} handwritten digits as PNG files in one folder for each class,
        {photographs} photographs, labels.csv, and the weights of a classifier that was trained just now on
        these files. As happens with labels made by hand, some are wrong: the demonstration
        exchanged {data.WRONG} of them on purpose.""")
    world.measure("first", weights)
    say("The folder becomes a repository, and all that is in it the first version.")
    ada = world.ada
    ada.run("init")
    ada.run("add", ".")
    ada.run("commit", "-m", "Digits, photographs and a first classifier")
    ada.run("tag", "first")
    ada.run("info", model.FILE)
    world.moments["first"] = datetime.datetime.now(datetime.UTC).isoformat()
    time.sleep(0.01)  # the next commit is later than this moment


def fix_labels(world: World) -> None:
    """Fix the labels on a branch."""
    chapter("2. A branch to fix labels")
    wrong = data.audit(world.rows())
    say(f"""{len(wrong)} rows of labels.csv name another digit than the folder of the image. Ada fixes them on
        a branch: a line of work of its own. What others see on main does not change until she is done.""")
    ada = world.ada
    ada.run("switch", "-c", "fix-labels")
    fixed = [row._replace(label=data.folder_of(row)) for row in world.rows()]
    data.write_labels(world.project / "labels.csv", fixed)
    ada.run("status")
    ada.run("diff", lines=14)
    ada.run("commit", "-a", "-m", f"Fix {len(wrong)} labels")


def low_light(world: World) -> None:
    """Add low-light images, darken photographs and retrain the head on another branch."""
    chapter("3. Another branch, from the same start: digits in low light")
    say("""The classifier is weak in low light. From main, where the labels are still the old ones, Ada begins
        a second branch. She adds dark versions of digits with their labels, darkens two photographs,
        and fits only the last layer of the network to the new images.""")
    ada = world.ada
    ada.run("switch", "main")
    ada.run("switch", "-c", "low-light")
    before = world.weights()
    rows = world.rows()
    data.write_labels(world.project / "labels.csv", rows + data.add_low_light(world.project, rows))
    for name in ("coffee.png", "chelsea.png"):
        data.darken_photograph(world.project / "photographs" / name)
    after = model.retrain_head(before, *world.training_set())
    model.save(after, world.project / model.FILE)
    picture.contact_sheet(world.project, world.output / "summary.png")
    ada.run("add", ".")
    ada.run("diff", "--staged", "--stat", "--", "photographs", model.FILE)
    ada.run("diff", "--staged", "--", "photographs/coffee.png", model.FILE)
    ada.run("commit", "-m", "Low-light digits; last layer fitted to them")
    ada.run("show", "--stat", "low-light")
    world.measure("low-light", after)
    added = next(row for row in ada.ask("du", "--by", "commit")["rows"] if row["stored"])
    names = model.changed(before, after)
    say(f"""{len(names)} of {len(after)} tensors changed: {", ".join(names)}. A copy of the folder would take
        {size(added["logical"])}; keeping this version beside the first took {size(added["stored"])}. Tether
        cuts files into pieces and stores equal pieces once, whichever file or version they are in.""")


def merge(world: World) -> None:
    """Merge both branches and train on the result."""
    chapter("4. Both branches come together")
    ada = world.ada
    say("She returns to main first.")
    ada.run("switch", "main")
    say(f"""Back on main, the working folder is what it was: low-light/ is
        {"there" if (world.project / "low-light").exists() else "gone"}, the wrong labels are back
        ({len(data.audit(world.rows()))} of them). Nothing is lost; both branches are stored.""")
    ada.run("merge", "fix-labels")
    ada.run("merge", "low-light", "-m", "Merge low-light")
    rows = world.rows()
    dark = sum(row.file.startswith("low-light/") for row in rows)
    say(f"""The first merge only moved main forward. The second joined two lines of work that both changed
        labels.csv: one fixed rows in the middle, one added rows at the end. The result has both, checked
        just now: {len(data.audit(rows))} wrong labels and {dark} rows for low-light images. Ada trains the
        whole network on the joined data and commits the weights with it.""")
    weights = model.train(*world.training_set())
    model.save(weights, world.project / model.FILE)
    world.measure("merged", weights)
    ada.run("commit", "-a", "-m", "Train on fixed labels and low light")
    ada.run("log", "--graph", "--oneline", lines=12)


def go_back(world: World) -> None:
    """Look at old versions, and take a mistake back."""
    chapter("5. Back in time, and mistakes taken back")
    ada = world.ada
    place = f"@{{{world.moments['first']}}}"
    say("Any moment has a name. This is how labels.csv has changed since the first version:")
    ada.run("diff", "--stat", place, "HEAD", "--", "labels.csv")
    old = model.parse(ada.read(f"{place}:{model.FILE}"))
    say("The weights of that moment can be read without touching a file of the working folder.")
    again, noted = world.measure("first, read back", old)[0], world.scores[0][1]
    say(f"The score is {'the same as' if again == noted else 'NOT the one measured'} in chapter 1.")
    say("A single file comes back with restore, and everything else stays:")
    ada.run("restore", "--source", "first", "photographs/coffee.png")
    ada.run("status", "--short")
    ada.run("commit", "-a", "-m", "Coffee by daylight again")
    say("Now a mistake: a whole class is removed, and the removal is even committed.")
    ada.run("rm", "-r", "digits/7")
    ada.run("commit", "-m", "Clean up")
    left = (world.project / "digits/7").exists()
    say(f"The folder digits/7 is {'still there' if left else 'gone'}. Two steps back:")
    ada.run("undo")
    ada.run("undo")
    back = len(list((world.project / "digits/7").glob("*.png")))
    say(f"digits/7 has {back} images again, and history does not mention the accident:")
    ada.run("log", "--oneline", "-n", "2")
    say("A folder that was deleted by other means, not by Tether, comes back too:")
    shutil.rmtree(world.project / "digits/3")
    ada.run("restore", "digits/3")
