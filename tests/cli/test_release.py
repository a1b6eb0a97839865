"""`tether release`: made from a run, shown, signed, verified, cloned; and changed behind its back."""

import json
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.cli import Room
from tests.support.released import opened, prepare, rebuild, safetensors

from tether.api.repo import Repo
from tether.releases.attesting import Said
from tether.releases.manifest import Manifest
from tether.releases.statements import VERDICT_PREDICATE
from tether.sync.exchange import PushOptions, push

ALL = (
    "--run", "training", "--data", "train=train", "--data", "test=main:data/test",
    "--code", "training=main:code", "--code", "inference=main:code/predict.sh",
    "--evaluation", "judging", "--document", "technical-report=REPORT.md", "--licence", "MIT",
    "--licence", "data=CC-BY-4.0", "--tolerance", "loss=0.1",
)  # fmt: skip


MODEL = ("--weights", "model.safetensors")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with releases of one model: 0.8 and 0.9, and 1.0 signed by a key that is allowed."""
    room = Room(tmp_path_factory.mktemp("released"))
    room.inside = True
    prepare(room)
    room.write("REPORT.md", "It works.\n")
    room.write("CARD.md", "# A model\n")
    key = room.home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (room.home / "allowed").write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    room.do("config", "--global", "signing.allowed", str(room.home / "allowed"))
    room.do("config", "--global", "signing.key", str(key))
    room.do("release", "create", "pet@0.8", "--weights", "model.safetensors", "-q")
    room.do("release", "create", "pet@0.9", "--run", "training", "-q")
    bases = ("--base", "pet@0.9", "--base", "pet@0.8")
    room.do("release", "create", "pet@1.0", *ALL, *bases, "--card", "CARD.md", "-q")
    room.do("release", "sign", "pet@1.0", "-q")
    return room


@pytest.fixture
def room(origin: Room, tmp_path: Path) -> Room:
    """Return a copy of it."""
    copy = Room(tmp_path)
    copy.inside = True
    shutil.copytree(origin.work, copy.work, dirs_exist_ok=True)
    shutil.copytree(origin.home, copy.home, dirs_exist_ok=True)
    return copy


def shown(room: Room, release: str) -> Any:
    """Return what `show` says."""
    return json.loads(room.do("release", "show", release, "--json"))


def verified(room: Room, release: str, *options: str, code: int = 0) -> Any:
    """Return what `verify` says."""
    return room.json("release", "verify", release, *options, code=code)


def test_all_of_it_comes_from_the_run(origin: Room) -> None:
    """Data, parameters, code, environment and weights need not be named."""
    found = shown(origin, "pet@0.9")

    run = json.loads(origin.do("runs", "show", "training", "--json"))
    assert (found["name"], found["version"], found["run"]["id"]) == ("pet", "0.9", run["id"])
    assert found["parameters"] | found["seeds"] == {"lr": 0.1, "seed": 17}
    assert found["command"] == ["sh", "code/train.sh"]
    [weights] = found["weights"]
    assert (weights["path"], weights["format"], weights["parameters"]) == (
        "weights/model.safetensors", "safetensors", 3,
    )  # fmt: skip
    assert {each["name"]: (each["role"], each["digest"]) for each in found["data"]} == {
        each["name"]: (each["name"], each["digest"]) for each in run["data"]
    }
    assert found["data"][0]["source"]["commit"] == run["data"][0]["commit"]
    assert [each["role"] for each in found["code"]] == ["training"]
    assert [each["path"] for each in found["environment"]] == ["environment/environment.json"]
    assert found["completeness"]["class"] is None
    assert verified(origin, "pet@0.9")["level"] == "R1"


def test_data_that_is_left_out_is_told(room: Room) -> None:
    """Who names some data means no other; that the run read more is said, with the option that adds it."""
    create = ("release", "create", "-q", "--run", "training", "--data")

    some = room.run(*create, "test=test", "pet@5")
    every = room.run(*create, "train=train", "--data", "test=test", "pet@6")

    assert some.err.splitlines() == [
        "warning: the run read train, which is not in the release; --data train=train adds it"
    ]
    assert (every.code, every.err) == (0, "")


def test_weights_that_run_code_are_told(room: Room) -> None:
    """Whoever makes, verifies or reads of a release learns that loading it is not safe; it is no damage."""

    class Innocent:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("echo gotcha",)

    (room.work / "bad.pkl").write_bytes(pickle.dumps({"weights": [1.0], "more": Innocent()}))
    danger = "weights/bad.pkl: loading it would use posix.system, which can do anything"

    made = room.run("release", "create", "-q", "pet@7", "--weights", "bad.pkl")
    found = verified(room, "pet@7")

    assert (made.code, made.err) == (0, f"warning: {danger}\n")
    assert (found["ok"], found["dangers"]) == (True, [danger])
    assert f"  unsafe: {danger}\n" in room.do("release", "verify", "pet@7")
    card = room.do("release", "export", "pet@7", "--as", "model-card")
    assert "can do anything" in card.partition("## Weights")[2].partition("## ")[0]
    assert verified(room, "pet@1.0")["dangers"] == []


def test_what_it_was_judged_on_comes_along(room: Room) -> None:
    """The data of an evaluation is in the release with it, also where it is private."""
    room.do(
        "release",
        "create",
        "pet@4",
        *MODEL,
        "--data",
        "train=main:data/train",
        "--evaluation",
        "judging",
        "-q",
    )
    done = room.run(
        "release", "create", "pet@5", *MODEL, "--evaluation", "judging", "--private", "test", "-q"
    )

    found = {each["role"]: (each["path"], each["included"]) for each in shown(room, "pet@4")["data"]}
    assert found == {"train": ("data/train/train", True), "test": ("data/test/test", True)}
    assert done.err.endswith("has test, which is private: 'push --no-runs' keeps it here\n")
    assert [each["path"] for each in verified(room, "pet@5")["private"]] == ["data/test/test"]


def test_completeness_comes_first(origin: Room) -> None:
    """The class, and what is missing for the next one with the option that adds it, are the first lines."""
    text = origin.do("release", "show", "pet")

    first, *rest = text.splitlines()
    assert first == "Model Openness Framework: no class; for class III it lacks"
    assert rest[0].split("  ")[1:] == ["model architecture", "not there", "--code architecture=PATH"]
    found = shown(origin, "pet@1.0")["completeness"]
    assert [each["component"] for each in found["missing"]] == ["model architecture", "data card"]


def test_the_parts_lie_in_it_and_nothing_twice(origin: Room) -> None:
    """The tree has them below the names of the format; data and code are the very nodes of the commits."""
    listed = {each["path"] for each in json.loads(origin.do("ls", "-r", "releases/pet/1.0", "--json"))}
    run = shown(origin, "pet@1.0")["run"]["id"]
    node = {each["path"]: each["digest"] for each in json.loads(origin.do("ls", "main:data", "--json"))}

    assert {
        "release.json", "weights/model.safetensors", "data/train/train/a", "data/test/test/labels.csv",
        "code/training/code/train.sh", "code/inference/predict.sh", "environment/pylock.toml",
        "documents/model-card/CARD.md", "documents/technical-report/REPORT.md", f"runs/{run}/run.json",
    } <= listed  # fmt: skip
    assert not {each for each in listed if each.startswith((f"runs/{run}/data", f"runs/{run}/work"))}
    assert shown(origin, "pet@1.0")["data"][0]["digest"] == node["data/train"]
    assert json.loads(origin.do("fsck", "--full", "--json"))["problems"] == []


def test_who_reproduced_it_has_not_signed_it(room: Room) -> None:
    """An attested verdict is R4, whose ever it is, and no signature; a failed one says so."""
    with opened(room) as repo:
        for verdict in ("bitwise", "different"):
            repo.release("pet@0.9").attest(Said(VERDICT_PREDICATE, {"verdict": verdict}))

    listed = {each["version"]: each for each in room.json("release", "list")}
    told = room.do("release", "verify", "pet@0.9").splitlines()

    assert (listed["0.9"]["signers"], listed["1.0"]["signers"]) == ([], ["ada@example.org"])
    said = [(each["verdict"], each["signer"]) for each in listed["0.9"]["reproductions"]]
    assert said == [("bitwise", "ada@example.org"), ("different", "ada@example.org")]
    assert told[-3:] == [
        "  R4  reproduced: bitwise, says ada@example.org",
        "  R4  not reproduced: different, says ada@example.org",
        "  not signed",
    ]
    assert [each["verdict"] for each in verified(room, "pet@0.9")["reproductions"]] == [
        "bitwise",
        "different",
    ]
    table = room.do("release", "list").splitlines()
    assert table[0].split("  ")[-1] == "reproduced"
    assert "-  " in table[2]
    assert table[2].endswith("bitwise by ada@example.org, different by ada@example.org")
    room.do("config", "--global", "signing.allowed", os.devnull)
    listed = {line.split()[0]: line for line in room.do("release", "list").splitlines()}
    assert listed["pet@0.9"].endswith(
        "  -              bitwise by an unknown key, different by an unknown key"
    )
    assert "  1 unknown key  -" in listed["pet@1.0"]
    told = room.do("release", "verify", "pet@0.9").splitlines()
    assert told[-1] == "  not signed"
    assert "  R4  reproduced: bitwise, says a key that no allowed signer has, SHA256:" in "\n".join(told)


def test_only_the_seal_is_tried_and_places_are_told_apart(room: Room) -> None:
    """`--to R0` reads files alone; a place of the disk that is none is called that."""
    found = verified(room, "pet@1.0", "--to", "R0")
    assert (found["level"], found["untried"], found["ok"]) == ("R0", [], True)
    assert "R4" not in room.do("release", "verify", "pet@1.0", "--to", "R0")
    last = room.do("release", "verify", "pet@0.9").splitlines()[-2]
    assert last == "  R4  nobody says that it was reproduced: 'tether repro pet@0.9' tries"
    for place, said in (
        ("../nosuch", "no such file or folder: ../nosuch"),
        ("pet.tar.gz", "no such file or folder: pet.tar.gz"),
        (".", "no release in .: it has no release.json"),
        ("nosuch", "no release nosuch"),
    ):
        done = room.run("release", "verify", place)
        assert (done.code, done.err.splitlines()[0]) == (3, f"error: {said}")


def test_it_is_sealed_signed_and_complete(origin: Room) -> None:
    """The signature is by an allowed signer, and levels above say why they were not tried."""
    found = verified(origin, "pet@1.0", "--level", "R1", "--signed")

    assert (found["ok"], found["signers"], found["problems"]) == (True, ["ada@example.org"], [])
    assert found["level"] == "R1"
    assert [each["level"] for each in found["untried"]] == ["R2"]
    assert found["id"] == shown(origin, "pet@1.0")["id"]
    assert verified(origin, "pet@0.9", "--signed", code=10)["ok"]
    assert verified(origin, "pet@0.8", "--level", "R1", code=10)["level"] == "R0"


@pytest.mark.parametrize("fitting", [False, True], ids=["the old manifest", "a manifest that fits"])
@pytest.mark.parametrize(
    ("component", "path", "content"),
    [
        ("weights", "weights/model.safetensors", safetensors(w=[1.0, 2.5], b=[0.5])),
        ("data", "data/train/train/labels.csv", b"file,label\na,dog\nb,dog\n"),
        ("environment", "environment/environment.json", b'{"version":1}\n'),
        ("evaluations", "runs/{judging}/artefacts/eval.json", b'{"accuracy": 0.9}\n'),
        ("code", "code/training/code/train.sh", b"true\n"),
        ("documents", "documents/model-card/CARD.md", b"# Another model\n"),
    ],
)
def test_a_changed_component_is_named(
    room: Room, component: str, path: str, content: bytes, fitting: bool
) -> None:
    """One byte of weights, one label, the environment, a metric: whoever changes it is found out."""
    path = path.format(judging=shown(room, "pet@1.0")["evaluations"][0]["id"])
    with opened(room) as repo:
        rebuild(repo, "pet@1.0", {path: content}, fitting=fitting)

    found = verified(room, "pet@1.0", code=7)

    assert (found["ok"], found["level"]) == (False, None)
    named = {
        (each["component"], each["path"]) for each in found["problems"] if each["component"] != "signature"
    }
    expected = (
        path if not fitting else next(each for each in _parts(room) if f"{path}/".startswith(f"{each}/"))
    )
    assert named == {(component, expected)}


def _parts(room: Room) -> list[str]:
    names = ("weights", "data", "environment", "evaluations", "code", "documents")
    return [each["path"] for name in names for each in shown(room, "pet@1.0")[name]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda old: {"bases": old.bases[::-1]}, ("bases", "they are in another order, as it was signed")),
        (lambda old: {"bases": old.bases[:1]}, ("bases", "they are others, as it was signed")),
        (lambda old: {"parameters": {"lr": 0.2}}, ("parameters", "lr is 0.2 and was 0.1, as it was signed")),
        (lambda old: {"data": old.data[::-1]}, ("data", "they are in another order, as it was signed")),
        (lambda old: {"licences": {}}, ("licences", "data is None and was 'CC-BY-4.0', as it was signed")),
        (lambda old: {"command": ("true",)}, ("command", "is another one, as it was signed")),
    ],
    ids=["order of bases", "bases", "parameter", "order of data", "licence", "command"],
)
def test_a_changed_manifest_is_named(
    room: Room, change: Callable[[Manifest], dict[str, Any]], expected: tuple[str, str]
) -> None:
    """The signature has the manifest that was signed, so what differs from it can be said."""
    with opened(room) as repo:
        rebuild(repo, "pet@1.0", change=lambda old: msgspec.structs.replace(old, **change(old)))

    found = verified(room, "pet@1.0", code=7)

    assert expected in {(each["component"], each["message"]) for each in found["problems"]}
    assert "signed another release of this name" in found["problems"][0]["message"]


def test_other_ways_to_change_one(room: Room) -> None:
    """Files too many, parts that are gone, a manifest that is none, a base that is another release."""
    with opened(room) as repo:
        rebuild(repo, "pet@1.0", {"weights/more.bin": b"1", "readme": b"2"})
        extra = verified(room, "pet@1.0", code=7)["problems"]
        rebuild(repo, "pet@0.8", change=lambda old: msgspec.structs.replace(old, description="changed"))

    assert {each["path"] for each in extra} == {"weights/more.bin", "readme"}
    assert {each["component"] for each in extra} == {"tree"}
    messages = [each["message"] for each in verified(room, "pet@1.0", code=7)["problems"]]
    assert "pet@0.8 is another release here" in messages


def test_the_wrong_numbers_are_found(room: Room) -> None:
    """A manifest that says of the weights what they are not is no seal."""
    with opened(room) as repo:
        rebuild(
            repo,
            "pet@0.9",
            change=lambda old: msgspec.structs.replace(
                old, weights=(msgspec.structs.replace(old.weights[0], tensor_digest="0" * 64),)
            ),
        )

    [problem] = verified(room, "pet@0.9", code=7)["problems"]

    assert (problem["component"], problem["message"]) == (
        "weights",
        "its tensors are not what the manifest says",
    )


def test_a_folder_has_no_tensors(room: Room) -> None:
    """A manifest that says so has a problem, which is named as others are."""
    more = {"path": "weights/folder", "kind": "directory", "sha256": None, "tensor_digest": "0" * 64}

    def change(old: Manifest) -> Manifest:
        return msgspec.structs.replace(
            old, weights=(*old.weights, msgspec.structs.replace(old.weights[0], **more))
        )

    with opened(room) as repo:
        rebuild(repo, "pet@0.9", {"weights/folder/a": b"x"}, change, fitting=True)

    [problem] = verified(room, "pet@0.9", code=7)["problems"]

    assert (problem["component"], problem["path"]) == ("weights", "weights/folder")
    assert "it is no file" in problem["message"]


def test_one_of_another_key_is_told(room: Room, tmp_path: Path) -> None:
    """A signature that nobody vouches for is no problem and no proof; a broken one is a problem."""
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    room.do("release", "sign", "pet@0.9", "--key", str(key), "-q")
    room.do("release", "sign", "pet@0.9", "--key", str(key), "-q")

    unknown = verified(room, "pet@0.9", "--signed", code=10)
    text = room.do("release", "verify", "pet@0.9")
    [ref] = [
        each for each in opened(room).repository.root().refs if each.startswith("refs/attestations/pet/0.9/")
    ]
    with opened(room) as repo, repo.repository.transaction("tamper") as transaction:
        signed = [each for each in transaction.root.refs if each.startswith("refs/attestations/pet/1.0/")]
        transaction.set_ref(ref, transaction.root.refs[signed[0]])
    bad = verified(room, "pet@0.9", code=7)

    assert unknown["attestations"][0]["verdict"] == "unknown"
    assert "that no allowed signer has" in text
    assert bad["problems"][0]["component"] == "signature"


def test_private_data_is_named_and_not_included(tmp_path: Path) -> None:
    """Whoever has the release alone is told that it is private; nothing of it lies elsewhere in it."""
    room, copy, bare = Room(tmp_path / "here"), Room(tmp_path / "there"), tmp_path / "bare"
    room.inside = copy.inside = True
    prepare(room)
    hidden = ("pet@2.0", "--run", "training", "--private", "train")
    clash = room.run("release", "create", *hidden)
    made = room.run("release", "create", *hidden, "--code", "training=main:code", "-q")
    room.do("init", "-q", "--bare", str(bare))
    with opened(room) as repo, Repo.open(bare) as other:
        push(repo.repository, other.repository, "bare", PushOptions((), runs=False))
    copy.do("init", "-q")
    copy.do("remote", "add", "origin", str(bare))
    copy.do("fetch", "-q")

    assert (clash.code, clash.err.splitlines()[0]) == (
        2, "error: code/training has a file of train, which is private",
    )  # fmt: skip
    assert made.err.endswith("has train, which is private: 'push --no-runs' keeps it here\n")
    [mine] = verified(room, "pet@2.0", "--level", "R1")["private"]
    [theirs] = verified(copy, "pet@2.0", "--level", "R1")["private"]
    assert (mine["path"], mine["files"], mine["here"], theirs["here"]) == ("data/train/train", 2, True, False)
    text = copy.do("release", "verify", "pet@2.0")
    assert "private, not here: data/train/train, 2 files" in text
    assert "missing" not in text
    lacks = {
        each["component"]: each["reason"] for each in shown(copy, "pet@2.0")["completeness"]["components"]
    }
    assert lacks["datasets"] == "private"


def test_it_travels_with_its_signature(room: Room) -> None:
    """A clone has it, and verifies it; another one of the same name is neither made nor pushed."""
    bare = room.work.parent / "bare"
    room.do("init", "-q", "--bare", str(bare))
    room.do("remote", "add", "origin", str(bare))
    pushed = room.do("push", "origin", "main")
    again = room.run("release", "create", "pet@1.0", "--weights", "model.safetensors")
    room.do("clone", "-q", str(bare), str(room.work.parent / "clone"))
    clone = Room(room.work.parent / "elsewhere")
    clone.inside, clone.work, clone.home = True, room.work.parent / "clone", room.home
    clone.environ = room.environ

    assert "1 attestation  new" in pushed
    assert "refs/releases/pet/1.0  new" in pushed
    assert (again.code, again.err.splitlines()[0]) == (4, "error: there is a release pet@1.0")
    assert verified(clone, "pet@1.0", "--level", "R1", "--signed")["signers"] == ["ada@example.org"]
    assert [each["version"] for each in json.loads(clone.do("release", "list", "--json"))] == [
        "0.8",
        "0.9",
        "1.0",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("pet",), 2, "not a release: 'pet'"),
        (("pet@2",), 2, "no weights: there is no run to take them from"),
        (("pet@2", "--run", "judging"), 2, "no weights: the run has made no model files"),
        (("pet@2", "--run", "nobody"), 3, "no run nobody"),
        (("pet@2", "--weights", "none.bin"), 3, "no such file: none.bin"),
        (("pet@2", "--weights", "main:none.bin"), 3, "no such file: main:none.bin"),
        (("pet@2", *MODEL, "--data", "train"), 2, "not a data of a release: train"),
        (("pet@2", *MODEL, "--data", "all=main:data"), 2, "not a data of a release: all=main:data"),
        (("pet@2", *MODEL, "--data", "train=none:x"), 3, "no such revision: none"),
        (("pet@2", *MODEL, "--private", "x"), 3, "no data x in this release"),
        (("pet@2", *MODEL, "--licence", "x=MIT"), 3, "nothing in the release for the licence of x"),
        (("pet@2", *MODEL, "--base", "pet@9"), 3, "no release pet@9"),
        (("pet@2", *MODEL, "--tolerance", "loss=x"), 2, "not a number: x"),
        (("pet@2", *MODEL, "--profile", "train=CARD.md"), 3, "no data for train in this release"),
        (("pet@2", "--from", "none.toml"), 3, "no such file: "),
        (("pet@2", *MODEL, *MODEL), 2, "two parts at one place: weights/"),
    ],
)  # fmt: skip
def test_what_cannot_be_found_is_named(
    origin: Room, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """Nothing is made then."""
    done = origin.run("release", "create", *arguments)

    assert done.code == code, done
    assert done.err.startswith(f"error: {message}"), done.err
    assert len(json.loads(origin.do("release", "list", "--json"))) == 3


def test_a_file_says_what_is_released(room: Room) -> None:
    """What is given with the command wins over it, and a field that there is not is refused."""
    room.write(
        "release.toml",
        'run = "training"\ncard = "CARD.md"\nweights = "model.safetensors"\n[licences]\nrelease = "MIT"\n'
        '[data]\ntrain = "train"\ntest = ["main:data/test"]\n[tolerance]\nloss = 1\n'
        "[parameters]\ndeep = true\n",
    )
    room.do("release", "create", "pet@3", "--from", "release.toml", "--licence", "data=CC0-1.0", "-q")
    found = shown(room, "pet@3")
    room.write("bad.toml", "colour = 1\n")

    assert found["licences"] == {"release": "MIT", "data": "CC0-1.0"}
    assert [each["role"] for each in found["data"]] == ["train", "test"]
    assert found["tolerance"] == {"loss": 1.0}
    assert found["parameters"] == {"lr": 0.1, "deep": True}
    assert [each["path"] for each in found["documents"]] == ["documents/model-card/CARD.md"]
    for text in ("colour = 1\n", "weights = 1\n", "[data]\ntrain = 1\n", "[tolerance]\nloss = 'x'\n", "x"):
        room.write("bad.toml", text)
        assert room.run("release", "create", "pet@4", "--from", "bad.toml").code == 2


def test_code_of_git_comes_in(room: Room, tmp_path: Path) -> None:
    """The files of the commit, and what was changed since as a patch of the run."""
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=a@b.c"]
    code = room.work / "src"
    code.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=code, check=True)
    (code / "train.sh").write_text("echo 1\n")
    (code / "uv.lock").write_text("version = 1\n")
    subprocess.run([*git, "add", "."], cwd=code, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "One"], cwd=code, check=True)
    (code / "train.sh").write_text("echo 2\n")
    (code / "w.npy").write_bytes((room.work / "model.safetensors").read_bytes())
    room.inside = False
    options = ("--data", "train=main:data/train", "--artefact", "w.npy", "--name", "git")
    room.run("run", "-q", *options, "--", "sh", "train.sh", cwd=code)
    warned = room.run("release", "create", "pet@5", "--run", "git", "--weights", "w.npy", "-q")
    done = room.run("release", "create", "pet@6", "--run", "git", "--weights", "w.npy", "-q", cwd=code)
    found = shown(room, "pet@6")
    [training] = found["code"]

    assert done.code == warned.code == 0
    assert warned.err.startswith("warning: the code of the training is not here: commit ")
    assert shown(room, "pet@5")["code"] == []
    assert room.do("cat", "releases/pet/6:code/training/train.sh") == "echo 1\n"
    assert "+echo 2" in room.do("cat", f"releases/pet/6:{training['patch']}")
    assert (training["source"]["system"], training["folder"]) == ("git", "")
    assert found["environment"][1]["path"] == "environment/uv.lock"
