"""Evaluations and benches that Ctrl-C or a signal stops: they are kept as runs that were stopped."""

import io
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.cli import TETHER, Room
from tests.support.repos import ADA

import tether
from tether.api import stopping
from tether.api.evalrequest import EvalRequest
from tether.api.evaluating import evaluate_model
from tether.api.repo import Repo
from tether.api.runinputs import RunRequest
from tether.api.running import note_altered
from tether.api.stopping import recorded, stoppable
from tether.errors import Stopped
from tether.runs.journal import OUTPUTS
from tether.runs.rundoc import Exit, Status
from tether.runs.sealing import Ending, seal

PATIENT = 'echo $$ > "$HOME/new"; mv "$HOME/new" "$HOME/started"; exec sleep 100'


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room with a repository that has ten examples, and a model that answers nothing."""
    room = Room(tmp_path)
    room.inside = True
    data = io.BytesIO()
    np.savez(data, x=np.zeros((10, 2), np.float32), y=np.arange(10) % 2)
    room.write("test.npz", data.getvalue())
    room.write("patient.sh", PATIENT)
    room.do("init", "-q")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Data")
    return room


@pytest.mark.parametrize(
    ("words", "number", "status"),
    [
        (
            ("eval", "HEAD:patient.sh", "HEAD:test.npz", "--predictor", "sh {model} {in} {out}"),
            signal.SIGTERM,
            "killed",
        ),
        (("bench", "patient.sh", "--data", "HEAD:test.npz", "--", "sh", "{root}/patient.sh"), signal.SIGINT,
         "interrupted"),
    ],
)  # fmt: skip
def test_what_is_stopped_is_kept_as_that(
    room: Room, words: tuple[str, ...], number: signal.Signals, status: str
) -> None:
    """The run says by which signal it ended, the exit code is that of shells, and no process goes on."""
    command = [str(TETHER), *(word.replace("{root}", str(room.work)) for word in words)]
    started = room.home / "started"
    with subprocess.Popen(
        command, cwd=room.work, env=room.environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert _soon(lambda: started.exists() or process.poll() is not None)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    [found] = json.loads(room.do("runs", "list", "--json"))
    assert (process.returncode, found["status"], found["exit"]["signal"]) == (128 + number, status, number)
    assert found["resources"]["wall_s"] > 0
    assert f"hint: 'tether runs show {found['id']}'" in said
    assert room.do("runs", "show", "last").splitlines()[1] == f"status   {status}, signal {number:d}"
    assert [*(room.work / ".tether/runs").iterdir()] == []
    program = Path("/proc", started.read_text().strip(), "cmdline")
    assert _soon(lambda: not program.exists() or not program.read_bytes())


def test_ctrl_c_at_a_terminal_comes_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends that to a predictor too, which may take its time to end."""
    monkeypatch.setattr(os, "isatty", {0: True, 1: False, 2: False}.__getitem__)
    predictor = "sh -c 'echo ready; sleep 0.2; touch \"$HOME/whole\"' {model} {in} {out}"
    asked = EvalRequest(
        "HEAD:test.npz", room.work, room.environ, model="HEAD:patient.sh", predictor=predictor
    )

    def strike(_: bytes) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with repository(room) as repo, pytest.raises(Stopped):
        evaluate_model(repo, asked, dict.fromkeys(OUTPUTS, strike))

    assert (room.home / "whole").exists()


def _soon(condition: Callable[[], object]) -> bool:
    """Say whether something comes true within a minute."""
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return bool(condition())


def repository(room: Room) -> Repo:
    """Return the repository, where Ada works."""
    repo = Repo.open(room.work)
    repo.author = ADA
    return repo


def request(room: Room) -> RunRequest:
    """Return what the run of a test is begun with."""
    return RunRequest(("x",), room.work, room.environ, data=("HEAD:test.npz",))


def test_a_signal_while_it_is_stored(room: Room) -> None:
    """What was measured is stored by the next run as it ended, and nothing is stored twice."""
    with repository(room) as repo, pytest.raises(Stopped), recorded(repo, request(room)) as run:
        run.journal.kept = True
        run.journal.write("end.json", b'{"status":"finished","exit":{"code":0}}')
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(10)

    room.do("runs", "seal")

    assert [each["status"] for each in json.loads(room.do("runs", "list", "--json"))] == ["finished"]


def test_a_signal_when_it_is_stored(room: Room) -> None:
    """Its journal is gone by then, and nothing is stored again."""
    with repository(room) as repo, pytest.raises(Stopped), recorded(repo, request(room)) as run:
        seal(repo.repository, run.journal, Ending(Status.FINISHED, Exit(code=0)), ADA)
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(10)

    assert [each["status"] for each in json.loads(room.do("runs", "list", "--json"))] == ["finished"]
    assert [*(room.work / ".tether/runs").iterdir()] == []


def test_a_second_signal(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while the data is looked at again, which may take long: the next run stores the first one.

    Nobody knows then whether the data is as it was pinned, and that is stored too.
    """

    def struck(*given: Any) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return note_altered(*given)

    monkeypatch.setattr(stopping, "note_altered", struck)
    with repository(room) as repo, pytest.raises(Stopped), recorded(repo, request(room)):
        raise KeyboardInterrupt

    room.do("runs", "seal")

    [found] = json.loads(room.do("runs", "list", "--json"))
    assert (found["status"], found["exit"]["signal"]) == ("interrupted", signal.SIGINT)
    assert found["resources"]["wall_s"] >= 0
    assert json.loads(room.do("runs", "show", "last", "--json"))["altered"]["unchecked"] == ["test.npz"]


@pytest.mark.parametrize("place", ["running", "tracking"])
def test_ctrl_c_while_data_is_looked_at_at_the_end(
    place: str, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command had ended by then, and the next run stores how, and that nobody knows of the data."""

    def struck(*_: Any) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"tether.api.{place}.note_altered", struck)
    with repository(room) as repo, pytest.raises(KeyboardInterrupt):
        if place == "running":
            repo.run_command(["true"], folder=room.work, data=["HEAD:test.npz"])
        else:
            with tether.run(repo, data=["HEAD:test.npz"]):
                pass

    room.do("runs", "seal")

    assert [each["status"] for each in json.loads(room.do("runs", "list", "--json"))] == ["finished"]
    altered = json.loads(room.do("runs", "show", "last", "--json"))["altered"]
    assert (altered["inputs"], altered["unchecked"]) == ({}, ["test.npz"])


def test_of_what_fails_nothing_is_left(room: Room) -> None:
    """As before: an error is no end of a run."""
    with repository(room) as repo, pytest.raises(ZeroDivisionError), recorded(repo, request(room)):
        raise ZeroDivisionError

    assert json.loads(room.do("runs", "list", "--json")) == []


def test_who_ignores_a_signal_goes_on_doing_so() -> None:
    """Under `nohup` SIGHUP ends nothing; handlers are as before afterwards; other threads change none."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
    seen: list[object] = []

    def elsewhere() -> None:
        with stoppable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
