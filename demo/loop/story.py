"""The story: who does what, command by command."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from demo.loop import corpus
from demo.terminal import TETHER, Person, chapter, say

PROJECT = Path(__file__).parent / "project"
DATA = ("--data", "train=main:train")
_TEST = 1 / 4
_NIGHT = 5
"""Each of so many pictures of the tests was taken at night."""


class World:
    """Two people, their homes, and a hub.

    Attributes:
        pictures: What they work with.
        ada: Made the model.
        ben: Carries it on.
        key: With which Ada signs.
        allowed: Whose signatures count.
    """

    def __init__(self, output: Path, pictures: corpus.Corpus) -> None:
        self.output, self.pictures = output.resolve(), pictures
        self.ada, self.ben = (self._person(name) for name in ("Ada", "Ben"))
        self.key, self.allowed = self.output / "home-ada/key", self.output / "allowed"

    def _person(self, name: str) -> Person:
        folder, home = self.output / name.lower(), self.output / f"home-{name.lower()}"
        folder.mkdir(parents=True)
        home.mkdir()
        python = Path(sys.executable).parent
        person = Person(name, folder, home)
        person.environ["PATH"] = f"{python}:{person.environ.get('PATH', '/usr/bin:/bin')}"
        return person


def release(world: World) -> None:
    """Ada trains, measures and releases."""
    chapter("1. A model, and all that made it")
    pictures, ada = world.pictures, world.ada
    say(
        f"""Ada has {len(pictures.labels):,} pictures of {pictures.name}, and a small network that
        learns from them."""
    )
    _lay_out(world)
    make_key(world)
    ada.run("init")
    ada.run("add", ".")
    ada.run("commit", "-m", "Pictures, a network and its training")
    say("""She trains as always, with `tether run` before the command. It keeps which data, code, parameters
        and machine made which weights.""")
    settings = ("--param", "hidden=32", "--param", "epochs=12", "--param", "seed=1")
    training = ("--artefact", "model.skops", "--", "python", "train.py")
    ada.run("run", "-q", "--name", "first", *DATA, *settings, *training)
    say("The model is measured on the tests, and on each slice of them that has a name.")
    ada.run("eval", "model.skops", "main:test.npz", "--name", "first-tests", lines=24)
    say("""A release is all of it as one unit. What is missing to carry it on would stand first.""")
    told = ("--from", "release.toml", "--run", "first", "--evaluation", "first-tests")
    ada.run("release", "create", "pictures@1", *told, lines=20)
    ada.run("release", "sign", "pictures@1", "--key", str(world.key))


def publish(world: World, hub: str) -> None:
    """Ada pushes to the hub, Ben clones and verifies."""
    chapter("2. Somebody else has it")
    ada, ben = world.ada, world.ben
    ada.run("repo", "create", f"{hub}/ada/pictures")
    ada.run("repo", "access", f"{hub}/ada/pictures", "ben", "write")
    ada.run("remote", "add", "origin", f"{hub}/ada/pictures")
    ada.run("push", "origin", "main")
    ben.run("clone", f"{hub}/ada/pictures", ".")
    ben.run("config", "signing.allowed", str(world.allowed))
    say(
        """Is it what Ada released? Ben's machine reads every file, and computes figures and predictions
        again."""
    )
    ben.run("release", "verify", "pictures@1", "--signed", lines=20)
    say("Does the training give what she says? It is done again, in a clean room.")
    ben.run("repro", "pictures@1", "--env", "current", lines=20)


def carry_on(world: World) -> None:
    """Ben changes the network on exactly the same data, adds data that it lacks, and releases a child."""
    ben = world.ben
    chapter("3. Another network on exactly the same data")
    ben.run("retrain", "-q", "pictures@1", "--param", "hidden=64", "--name", "wider")
    ben.run("eval", "-q", "model.skops", "main:test.npz", "--name", "wider-tests")
    ben.run("compare", "first", "wider", "--examples", "3", lines=40)
    chapter("4. The data that it lacks")
    say("""Neither sees much at night. Ben takes pictures with little light and adds them to the data; what
        was there is stored once.""")
    images, labels = world.pictures.images, world.pictures.labels
    tests = int(len(labels) * _TEST)
    lacking = slice(tests, tests + (len(labels) - tests) // 2)
    corpus.save(ben.folder / "train/night.npz", corpus.at_night(images[lacking], seed=11), labels[lacking])
    ben.run("add", "train")
    ben.run("commit", "-m", "Pictures at night")
    ben.run("retrain", "-q", "wider", *DATA, "--name", "night")
    ben.run("eval", "-q", "model.skops", "main:test.npz", "--name", "night-tests")
    say("Better at night must not mean worse by day: a rule for that makes the comparison a gate.")
    rules = ("--fail-on", "accuracy<0", "--fail-on", "slice:*:-0.02")
    ben.run("compare", "first", "night", *rules, "--examples", "3", lines=40)
    told = ("--from", "release.toml", "--run", "night", "--evaluation", "night-tests", "--base", "pictures@1")
    ben.run("release", "create", "pictures@2", *told, lines=20)
    ben.run("push", "origin", "main")


def look_back(world: World) -> None:
    """Ada has the child, and sees where all of it comes from."""
    chapter("5. It came back better")
    ada = world.ada
    ada.run("pull")
    ada.run("release", "verify", "pictures@2", lines=20)
    ada.run("lineage", "pictures@2", "--svg", str(world.output / "lineage.svg"), lines=60)
    say("Which models learned from Ben's pictures?")
    ada.run("lineage", "--uses", "main:train/night.npz", lines=20)
    ada.run("release", "export", "pictures@2", "--as", "model-card", "-o", str(world.output / "CARD.md"))
    ada.run("fsck", "--full")


@contextmanager
def serving(world: World) -> Iterator[str]:
    """Run a hub of its own, whose users Ada and Ben are; yield its address."""
    keeper = Person("Keeper", world.output, world.output / "home-ada")
    secrets = {}
    for person in (world.ada, world.ben):
        name = person.name.lower()
        keeper.ask("hub", "user", "add", name, "--root", "hub")
        secrets[name] = keeper.ask("hub", "token", "create", name, "--scope", "admin", "--root", "hub")[
            "token"
        ]
    command = [TETHER, "hub", "serve", "--root", "hub", "--port", "0", "--json"]
    with subprocess.Popen(
        command, cwd=world.output, env=keeper.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as hub:
        try:
            assert hub.stdout is not None
            url = json.loads(hub.stdout.readline())["url"]
            for person in (world.ada, world.ben):
                person.ask("login", url, "--token", secrets[person.name.lower()])
            yield url
        finally:
            hub.terminate()


def make_key(world: World) -> None:
    """Write a key for Ada, as `ssh-keygen` does, and the file of who is trusted."""
    key = Ed25519PrivateKey.generate()
    private, public = (serialization.PrivateFormat.OpenSSH, serialization.PublicFormat.OpenSSH)
    secret = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    world.key.touch(mode=0o600)
    world.key.write_bytes(secret)
    known = key.public_key().public_bytes(serialization.Encoding.OpenSSH, public).decode()
    world.allowed.write_text(f"ada@example.org {known}\n")


def _lay_out(world: World) -> None:
    """Write Ada's project: training by day, and tests of which some are at night."""
    images, labels = world.pictures.images, world.pictures.labels
    shutil.copytree(PROJECT, world.ada.folder, dirs_exist_ok=True)
    tests = int(len(labels) * _TEST)
    corpus.save(world.ada.folder / "train/day.npz", images[tests:], labels[tests:])
    shown = images[:tests].copy()
    shown[::_NIGHT] = corpus.at_night(shown[::_NIGHT], seed=7)
    corpus.save(world.ada.folder / "test.npz", shown, labels[:tests])
