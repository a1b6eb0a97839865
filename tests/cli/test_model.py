"""`tether model`."""

import json
import pickle

import numpy as np
from safetensors.numpy import save
from tests.support import modelfiles
from tests.support.cli import Room
from tests.support.modelfiles import block, number, onnx_model, onnx_tensor
from tests.support.rooms import commit, start_repo

OLD = {"layer.0.w": np.ones((2, 3), "<f4"), "layer.1.w": np.ones(4, "<f4")}
NEW = {
    "layer.0.w": np.ones((2, 3), "<f4"),
    "layer.1.w": np.array([1, 1, 1, 2], "<f4"),
    "more": np.zeros(1, "<f2"),
}


def test_show_and_diff_as_people_read_them(room: Room) -> None:
    """Rows and tables; what a revision has and what lies in the folder, also of another format."""
    repo = start_repo(room)
    commit(repo, "first", {"m.safetensors": save(OLD, metadata={"licence": "MIT"})})
    repo.close()
    room.write(
        "m.npz", modelfiles.archive({f"{name}.npy": modelfiles.npy(each) for name, each in NEW.items()})
    )

    room.transcript(
        """
        $ tether model show HEAD:m.safetensors
        HEAD:m.safetensors
          format     safetensors
          parameters 10 in 2 tensors
          types      F32 10
          metadata   licence: MIT

        tensor     type  shape  parameters  bytes
        layer.0.w  F32   2x3    6           24 B
        layer.1.w  F32   4      4           16 B
        $ tether model diff HEAD:m.safetensors m.npz
        old  safetensors, 2 tensors, 10 parameters F32
        new  npz, 3 tensors, 11 parameters F32 F16

        + more  F16 1

        changed    type  shape  relative  largest  share  cosine
        layer.1.w  F32   4      0.5       1        25 %   0.944911

        layer    tensors  changed  added  removed  relative  largest  share  cosine
        layer.1  1        1        0      0        0.5       1        25 %   0.944911
        more     1        0        1      0        -         -        -      -

        metadata licence: MIT -> nothing

        tensors: 1 added, 1 changed, 1 unchanged
        """
    )


def test_json_and_exit_codes(room: Room) -> None:
    """The documents have what scripts need; no repository is asked for; errors are those of the contract."""
    room.write("a.safetensors", save(OLD))
    room.write("b.safetensors", save(NEW))
    room.write("c.txt", "text\n")
    room.write("d.safetensors", save(OLD)[:40])

    shown = json.loads(room.do("model", "show", "--digests", "--json", "a.safetensors"))
    found = json.loads(room.do("model", "diff", "--json", "a.safetensors", "b.safetensors"))

    assert (shown["path"], shown["format"], len(shown["tensors"])) == ("a.safetensors", "safetensors", 2)
    assert {len(shown["digest"]), *(len(each["digest"]) for each in shown["tensors"])} == {64}
    assert [each["name"] for each in found["changed"]] == ["layer.1.w"]
    assert found["changed"][0]["distance"]["changed_share"] == 0.25
    assert ([each["name"] for each in found["added"]], found["unchanged"], found["same"]) == (
        ["more"],
        1,
        False,
    )
    assert room.run("model", "diff", "--exit-code", "a.safetensors", "b.safetensors").code == 1
    assert room.json("model", "show", "c.txt", code=9)["error"]["code"] == "unsupported"
    assert room.json("model", "show", "d.safetensors", code=2)["error"]["code"] == "invalid-input"


def test_an_unsafe_pickle_and_names_that_move_the_cursor(room: Room) -> None:
    """What is dangerous is a warning, and no name of a file reaches the terminal as it is."""
    room.write(
        "m.pkl",
        b"\x80\x02}(" + modelfiles.string("x") + b"cposix\nsystem\n(" + modelfiles.string("true") + b"tRu.",
    )
    room.write("n.pkl", pickle.dumps({"\x1b[2J": np.ones(3)}))

    shown = room.do("model", "show", "m.pkl", "n.pkl")

    assert "names      posix.system (dangerous)" in shown
    assert "warning    loading it would use posix.system, which can do anything" in shown
    assert "\\x1b[2J" in shown
    assert "\x1b" not in shown


def test_weights_beside_an_onnx_model(room: Room) -> None:
    """Weights in a file of their own are found beside the model, in the folder and in a revision."""
    pairs = {"location": "w.bin", "offset": "0", "length": "16"}
    outside = [number(14, 1), *(block(13, block(1, k) + block(2, v)) for k, v in pairs.items())]
    model = onnx_model([block(5, onnx_tensor("w", 1, [4], *outside))])
    repo = start_repo(room)
    commit(repo, "first", {"m/a.onnx": model, "m/w.bin": np.ones(4, "<f4").tobytes()})
    repo.close()

    found = json.loads(room.do("model", "diff", "--json", "HEAD:m/a.onnx", "m/a.onnx"))

    assert (found["same"], found["unchanged"], found["unread"]) == (True, 1, [])


def test_info_and_diff_tell_of_tensors(room: Room) -> None:
    """`info` sums up a model file, and `diff` says which tensors of a changed one differ."""
    repo = start_repo(room)
    commit(repo, "first", {"m.safetensors": save(OLD), "text": b"x"})
    repo.close()
    room.write("m.safetensors", save(NEW))

    known = json.loads(room.do("info", "--json", "HEAD:m.safetensors"))["model"]
    [change] = json.loads(room.do("diff", "--json"))
    lines = room.do("diff").splitlines()

    assert (known["format"], known["tensors"], known["parameters"]) == ("safetensors", 2, 10)
    assert json.loads(room.do("info", "--json", "text"))["model"] is None
    assert "  model      safetensors, 3 tensors, 11 parameters, F32 F16" in room.do("info", "m.safetensors")
    assert [each["name"] for each in change["tensors"]["changed"]] == ["layer.1.w"]
    assert lines[-3:] == [
        "+ more  F16 1",
        "~ layer.1.w  F32 4, relative 0.5, largest 1, 25 % of the numbers",
        "tensors: 1 added, 1 changed, 1 unchanged",
    ]
