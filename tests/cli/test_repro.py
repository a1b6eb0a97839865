"""`tether repro` and `tether retrain`: real commands in clean rooms, with code in Tether and in Git."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import TETHER, Room

PYTHON = f"{sys.base_prefix}/bin/python3"
"""With few packages: those of a run are listed."""
TRAIN = r"""
count=$(ls "$TETHER_DATA_TRAIN" | wc -l)
header='{"__metadata__":{"made":"'%(noise)s'"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
printf "\\$(printf %%o ${#header})\0\0\0\0\0\0\0%%s" "$header" > weights.safetensors
printf "%%d%%7s" $count "$TETHER_PARAM_LR" >> weights.safetensors
echo "{\"loss\": 0.$count%(drift)s, \"step\": 0}" >> "$TETHER_METRICS"
"""
NOW = "$(date +%s%N)"


def script(noise: str = "-", drift: str = "") -> str:
    """Return a training: its file has `noise` in the header, its metric drifts."""
    return TRAIN % {"noise": noise, "drift": drift}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room with data and a training in one repository."""
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q")
    room.write("train/cat.txt", "a cat\n")
    room.write("train/dog.txt", "a dog\n")
    return room


def train(room: Room, text: str, *more: str, folder: str = ".") -> dict[str, Any]:
    """Commit everything, train, and return the run."""
    room.write(f"{folder}/train.sh", text)
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "All", "--allow-empty")
    arguments = ["--data", "train=HEAD:train", "--artefact", "weights.safetensors", *more]
    done = room.run("run", "-q", *arguments, "--", "sh", "train.sh", cwd=room.work / folder)
    assert (done.code, done.err) == (0, "")
    return show(room, "last")


def show(room: Room, run: str) -> dict[str, Any]:
    """Return all that is known of a run."""
    found: dict[str, Any] = json.loads(room.do("runs", "show", run, "--json"))
    return found


def repro(room: Room, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Repeat a run in the Python that is there."""
    found: dict[str, Any] = room.json("repro", "--env", "current", *arguments, code=code)
    return found


def test_a_run_is_reproduced_to_the_byte(room: Room) -> None:
    """From its record alone: the working copy has changed, and so has the branch."""
    first = train(room, script(), "--param", "lr=0.5", "--seed", "7", "--name", "base", folder="code")
    room.write("code/train.sh", "exit 9")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "--amend", "-m", "Other")
    (room.work / "train/dog.txt").unlink()

    found = repro(room, "base")

    assert (found["verdict"], found["reproduces"]["run"]) == ("bitwise", first["id"])
    assert [(each["path"], each["level"]) for each in found["artefacts"]] == [
        ("weights.safetensors", "bitwise")
    ]
    assert found["metrics"][0]["level"] == "equal"
    assert found["packages"] == {}
    again = show(room, found["id"])
    assert again["parent"] == {"relation": "reproduces", "run": first["id"], "release": None}
    assert (again["verdict"], again["seeds"], again["parameters"]) == ("bitwise", {"seed": 7}, {"lr": 0.5})
    assert (again["work"], again["code"]) == (first["work"], first["code"])
    assert again["artefacts"] == first["artefacts"]
    assert json.loads(room.do("cat", f"runs/{found['id']}:verdict.json"))["verdict"] == "bitwise"
    assert not list(room.work.parent.glob("tether-room-*"))
    assert repro(room, found["id"])["verdict"] == "bitwise"


def test_rooms_of_the_dead_go(room: Room, tmp_path: Path) -> None:
    """One stays for as long as the command in it runs, although the process that made it was killed."""
    held = tmp_path / "held"
    train(room, f"{script()}\necho $$; while [ -e {held} ]; do sleep 0.05; done", "--name", "base")
    held.touch()
    command: list[str | Path] = [TETHER, "repro", "--env", "current", "base"]
    with subprocess.Popen(command, cwd=room.work, env=room.environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    (left,) = tmp_path.glob("tether-room-*")
    os.kill(child, signal.SIGSTOP)
    held.unlink()
    try:
        repro(room, "base")
        assert list(tmp_path.glob("tether-room-*")) == [left]
    finally:
        os.kill(child, signal.SIGKILL)
    until = time.monotonic() + 30
    while "running" in room.do("runs", "list") and time.monotonic() < until:
        time.sleep(0.02)
    repro(room, "base")
    assert not list(tmp_path.glob("tether-room-*"))


def test_other_bytes_with_the_same_tensors(room: Room) -> None:
    """The time in a header is no difference."""
    train(room, script(noise=NOW))

    found = repro(room, "last")

    assert (found["verdict"], found["artefacts"][0]["level"]) == ("tensors", "tensors")


def test_a_metric_within_its_tolerance(room: Room) -> None:
    """Without one it is different, and the command says so by its code, for people too."""
    train(room, script(drift=NOW))

    assert repro(room, "last", code=1)["verdict"] == "different"
    assert repro(room, "last", "--ignore", "loss")["verdict"] == "bitwise"
    done = room.run("repro", "last", "--env", "current", "--tolerance", "loss=0.1")
    assert done.code == 0
    assert "verdict  tolerance: metrics within their tolerance" in done.out
    assert ", 0.1 allowed" in done.out
    assert room.run("repro", "last", "--tolerance", "loss").code == 2


def test_a_command_that_fails_in_the_room(room: Room) -> None:
    """What it needs was never recorded: the verdict says that it failed, and the note why it may."""
    room.write("../outside.sh", "echo 1 > out.txt")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "All")
    room.do("run", "-q", "--data", "train=HEAD:train", "--artefact", "out.txt", "--", "sh", "../outside.sh")

    found = repro(room, "last", code=1)

    assert (found["verdict"], found["status"], found["artefacts"][0]["level"]) == (
        "failed",
        "failed",
        "missing",
    )


def test_code_in_git_with_changes(room: Room) -> None:
    """Commit and patch are put together in a clone; the repository of Git does not change."""

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        return subprocess.run(
            ["git", *who, *arguments],
            cwd=room.work,
            check=True,
            capture_output=True,
            text=True,
            env=room.environ,
        ).stdout

    git("init", "-q")
    room.write(".gitignore", "train/\n*.safetensors\n")
    room.write("src/train.sh", "exit 9")
    git("add", "src", ".gitignore")
    git("commit", "-q", "-m", "Code")
    room.do("add", "-q", "train")
    room.do("commit", "-q", "-m", "Data")
    room.write("src/train.sh", script())
    done = room.run(
        "run", "-q", "--data", "train=HEAD:train", "--artefact", "weights.safetensors",
        "--", "sh", "train.sh",
        cwd=room.work / "src",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    git("commit", "-q", "-a", "-m", "As it was")
    room.write("src/train.sh", "exit 8")
    before = git("worktree", "list"), git("for-each-ref")

    found = repro(room, "last")

    assert found["verdict"] == "bitwise"
    assert (git("worktree", "list"), git("for-each-ref")) == before
    first, again = show(room, found["reproduces"]["run"]), show(room, found["id"])
    assert again["code"]["commit"] == first["code"]["commit"]
    assert (again["code"]["folder"], again["code"]["dirty"], again["work"]) == ("src", True, None)
    plan = json.loads(room.do("repro", "last", "--dry-run", "--json"))
    assert (plan["folder"], plan["code"]["patch"]) == ("src", True)
    elsewhere = room.work.parent / "elsewhere"
    room.do("clone", "-q", str(room.work), str(elsewhere))
    assert room.run("repro", "last", cwd=elsewhere).code == 3
    assert room.run("repro", "last", "--env", "current", "--code", str(room.work), cwd=elsewhere).code == 0


def test_code_in_git_beside_a_working_copy_without_declared_data(room: Room) -> None:
    """Both are put where they were to each other."""
    code = room.work / "train" / "code"
    code.mkdir()
    (code / "go.sh").write_text("ls .. > list.txt")
    environ = room.environ | {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a"}
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Code"]):
        subprocess.run(["git", *command], cwd=code, check=True, env=environ | {"GIT_COMMITTER_EMAIL": "a"})
    room.write(".tetherignore", "code/\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Data")
    room.do("run", "-q", "--artefact", "list.txt", "--", "sh", "go.sh", cwd=code)

    found = repro(room, "last")

    assert found["verdict"] == "bitwise", found


def test_a_new_environment_by_the_recorded_packages(room: Room, tmp_path: Path) -> None:
    """Packages come from where pip finds them; those that are nowhere are told."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tiny-1.5-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "value = 5\n")
        wheel.writestr("tiny-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.5\n")
        wheel.writestr(
            "tiny-1.5.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny-1.5.dist-info/RECORD", "tiny.py,,\n")
    room.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    first = tmp_path / "first"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", first], check=True)
    lib = next(first.glob("lib/python3*/site-packages"))
    with zipfile.ZipFile(wheels / "tiny-1.5-py3-none-any.whl") as wheel:
        wheel.extractall(lib)
    (lib / "gone-2.0.dist-info").mkdir()
    (lib / "gone-2.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: gone\nVersion: 2.0\n")
    room.write("train.py", "import sys, tiny; open('out.txt', 'w').write(f'{tiny.value}')")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "All")
    room.do("run", "-q", "--artefact", "out.txt", "--", f"{first}/bin/python", "train.py")

    found = room.json("repro", "last")

    assert found["verdict"] == "bitwise"
    assert found["packages"] == {"gone": ["2.0", None]}
    assert found["notes"] == ["not installed: gone==2.0"]
    assert show(room, found["id"])["environment"]["python"]["packages"] == {"tiny": "1.5"}


def test_what_cannot_be_repeated(room: Room) -> None:
    """Unknown runs, runs under way, places that are not empty."""
    train(room, script())
    room.write("full/x", "x")

    assert room.run("repro", "nothing").code == 3
    assert room.run("repro", "nothing@1").code == 3
    assert room.run("repro", "last", "--room", "full").code == 4
    found = repro(room, "last", "--room", "kept")
    assert found["verdict"] == "bitwise"
    assert (room.work / "kept/code/train.sh").exists()


def test_recorded_variables_are_as_they_were(room: Room) -> None:
    """Those of the list that were not set are not set; PYTHONHASHSEED counts."""
    text = "import os; open('out.txt', 'w').write(str((hash('x'), os.environ.get('OMP_NUM_THREADS'))))"
    room.environ["PYTHONHASHSEED"] = "5"
    room.write("train.py", text)
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "All")
    room.do("run", "-q", "--artefact", "out.txt", "--", PYTHON, "train.py")
    del room.environ["PYTHONHASHSEED"]
    room.environ["OMP_NUM_THREADS"] = "3"

    assert repro(room, "last")["verdict"] == "bitwise"


def test_retrain_takes_other_data(room: Room) -> None:
    """Everything else stays, the code is that of now, and the new run names its parent."""
    first = train(room, script(), "--param", "lr=0.5", "--param", "kind=a", "--seed", "7")
    room.write("train/cow.txt", "a cow\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "A cow")

    done = room.run(
        "retrain", first["id"], "--data", "train=main:train", "--param", "lr=0.25", "--name", "more"
    )

    assert done.code == 0
    found = show(room, "more")
    assert found["parent"] == {"relation": "retrains", "run": first["id"], "release": None}
    assert (found["parameters"], found["seeds"]) == ({"lr": 0.25, "kind": "a"}, {"seed": 7})
    assert found["data"][0]["files"] == 3
    assert [each["path"] for each in found["artefacts"]] == ["weights.safetensors"]
    assert found["metrics"]["loss"]["last"] == 0.3
    same = room.json("retrain", "more")
    assert show(room, same["id"])["data"][0]["digest"] == found["data"][0]["digest"]
    assert room.run("retrain", "more", "--data", "tests=main:train").code == 3
    assert room.run("retrain", "more", "--data", "main:train").code == 2


def test_code_that_was_named_by_its_path_lies_there_again(room: Room, tmp_path: Path) -> None:
    """A release with a folder and a file of the working copy as code is reproduced by its command."""
    room.write("code/train.sh", f". conf/size.sh\n{script()}")
    room.write("conf/size.sh", "true\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "All")
    data = ("--data", "train=HEAD:train", "--artefact", "weights.safetensors", "--param", "lr=0.5")
    room.do("run", "-q", *data, "--", "sh", "code/train.sh")
    code = ("--code", "training=main:code", "--code", "libraries=main:conf/size.sh")
    room.do("release", "create", "-q", "pets@1", "--run", "last", *code)
    room.do("remote", "add", "origin", "../shared.tether")
    room.run("push", "-q", "origin", "--no-runs")
    room.do("clone", "-q", "../shared.tether", "../copy")

    found = room.json("repro", "pets@1", "--env", "current", cwd=tmp_path / "copy")

    assert found["verdict"] == "bitwise"


def test_a_release_is_reproduced_where_only_the_release_is(room: Room, tmp_path: Path) -> None:
    """Its run, data and code are parts of it; the verdict is an attestation that travels."""
    first = train(room, script(), "--param", "lr=0.5", folder="code")
    room.do("release", "create", "-q", "pets@1", "--run", first["id"], "--licence", "MIT")
    room.do("remote", "add", "origin", "../shared.tether")
    room.run("push", "-q", "origin", "--no-runs")
    room.do("clone", "-q", "../shared.tether", "../copy")
    copy = tmp_path / "copy"
    assert json.loads(room.do("runs", "list", "--json", cwd=copy)) == []
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)

    found = room.json("repro", "pets@1", "--env", "current", "--key", str(key), cwd=copy)

    assert (found["verdict"], found["reproduces"]["release"]) == ("bitwise", "pets@1")
    said = json.loads(room.do("release", "show", "pets@1", "--json", cwd=copy))["attestations"]
    assert [each["id"] for each in said] == [found["attestation"]]
    lineage = json.loads(room.do("lineage", "pets@1", "--down", "--json", cwd=copy))
    assert "bitwise" in {node.get("verdict") for node in lineage["nodes"]}
    room.do("push", "-q", "origin", cwd=copy)
    room.do("fetch", "-q")
    said = json.loads(room.do("release", "show", "pets@1", "--json"))["attestations"]
    assert [(each["id"], each["reproduced"]) for each in said] == [(found["attestation"], "bitwise")]
    assert "reproduced: bitwise" in room.do("release", "show", "pets@1").splitlines()[-1]
    assert room.run("repro", "pets@1", "--env", "current").code == 0


@pytest.mark.parametrize(("stopped_by", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_repetition_that_was_stopped_attests_nothing(
    room: Room, tmp_path: Path, stopped_by: signal.Signals, code: int
) -> None:
    """Whoever presses Ctrl-C has not found that a release cannot be reproduced; the new run says so."""
    stop = f'test -z "$STOP" || {{ echo begun >&2; kill -{int(stopped_by)} $PPID; exec sleep 60; }}\n'
    first = train(room, stop + script(), "--param", "lr=0.5", folder="code")
    room.do("release", "create", "-q", "pets@1", "--run", first["id"], "--licence", "MIT")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)

    asked: list[str | Path] = [TETHER, "repro", "pets@1", "--env", "current", "--key", key]
    environ = {**room.environ, "STOP": "1"}
    done = subprocess.run(
        asked, cwd=room.work, env=environ, capture_output=True, text=True, timeout=120, check=False
    )

    last = done.stdout.splitlines()[-1]
    assert (done.returncode, last) == (code, "  not attested: it was stopped before its end")
    assert json.loads(room.do("release", "show", "pets@1", "--json"))["attestations"] == []
    assert show(room, "last")["status"] in ("killed", "interrupted")


def test_what_a_training_makes_of_a_signal_is_no_verdict(room: Room, tmp_path: Path) -> None:
    """One that catches it and ends with 1 or 0 was stopped; one that was killed by itself has failed."""
    train(room, f'eval "$STOP"\n{script()}', "--param", "lr=0.5", folder="code")
    room.do("release", "create", "-q", "pets@1", "--run", "last", "--licence", "MIT")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    found = []

    for stop, code in (
        ("trap 'exit 1' TERM; kill -TERM $PPID; while :; do sleep 0.02; done", 143),
        ("trap 'exit 0' INT; kill -INT $PPID; while :; do sleep 0.02; done", 130),
        ("kill -KILL $$", 1),
    ):
        room.environ["STOP"] = stop
        done = repro(room, "pets@1", "--key", str(key), code=code)
        found.append((done["status"], done["verdict"], done["attestation"] is not None))

    assert found == [
        ("failed", "failed", False),
        ("finished", "different", False),
        ("killed", "failed", True),
    ]
