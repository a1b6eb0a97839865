"""`tether release export`: other people's programs read each form, and refuse what was changed."""

import errno
import hashlib
import importlib
import json
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import yaml  # type: ignore[import-untyped]
from tests.support.cli import Room
from tests.support.exportable import COMMIT, LABEL, NASTY, make_release
from tests.support.released import rebuild
from tests.support.repos import ADA
from tests.support.validators import Validators, validators

from tether.api.repo import Repo
from tether.core.identity import Time
from tether.errors import TetherError
from tether.releases.exports import opening

FORMS = {
    "model-card": "README.md",
    "data-card": "DATA.md",
    "croissant": "croissant.json",
    "cyclonedx": "bom.cdx.json",
    "slsa": "provenance.json",
    "mof": "mof.yml",
}

_KEYS = (
    ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", "id"),
    ("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "curve.pem"),
    ("openssl", "ec", "-in", "curve.pem", "-pubout", "-out", "curve.pub"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with a release, and keys beside it; nobody changes it."""
    room = make_release(tmp_path_factory.mktemp("released"))
    keys = room.work.parent
    for command in _KEYS:
        subprocess.run(command, check=True, capture_output=True, cwd=keys)
    room.do("release", "sign", "-q", LABEL, "--key", str(keys / "id"))
    room.do(
        "release", "export", "-q", LABEL, "--as", "folder", "-o", "../out", "--key", str(keys / "curve.pem")
    )
    return room


@pytest.fixture(scope="module")
def out(made: Room) -> Path:
    """Return the release as a folder; nobody changes it."""
    return made.work.parent / "out"


@pytest.fixture
def copy(out: Path, tmp_path: Path) -> Path:
    """Return a folder of the release to change."""
    return Path(shutil.copytree(out, tmp_path / "copy", symlinks=True))


@pytest.fixture(scope="module")
def readers() -> Validators:
    """Return other people's readers; skips where there are none."""
    return validators()


def document(path: Path) -> Any:
    """Return a file of JSON."""
    return json.loads(path.read_text())


def change(path: Path, edit: Callable[[Any], None]) -> None:
    """Change a file of JSON."""
    found = document(path)
    edit(found)
    path.write_text(json.dumps(found))


# -- each form alone ------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_form_alone_is_the_one_of_the_folder(made: Room, out: Path, form: str) -> None:
    """Text to the output, text to a file and the file in the folder are the same bytes."""
    text = made.do("release", "export", LABEL, "--as", form)
    made.do("release", "export", "-q", LABEL, "--as", form, "-o", "../alone")

    assert text.encode() == (made.work.parent / "alone").read_bytes() == (out / FORMS[form]).read_bytes()


def test_what_nobody_said_is_listed(made: Room) -> None:
    """JSON has it, and the cards too."""
    found = made.json("release", "export", LABEL, "--as", "model-card")

    assert found["missing"] == ["intended use", "limitations", "ethical considerations"]
    assert "- intended use" in found["text"]
    assert "signature" in made.json("release", "export", LABEL, "--as", "slsa")["missing"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--as", "zip"), 2, "name a file or folder with -o"),
        (("--as", "model-signing"), 2, "--key"),
        (("--as", "model-signing", "--key", "../id"), 2, "no key on P-256"),
        (("--as", "model-signing", "--key", "../none"), 3, "no signing key"),
        (("--as", "folder", "-o", "../out"), 4, "there already"),
    ],
)
def test_what_cannot_be_is_said(made: Room, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Each mistake has its code and its words."""
    result = made.run("release", "export", LABEL, *arguments)

    assert result.code == code
    assert said in result.err


@pytest.mark.parametrize("path", ["attestations/x", "README.md", "weights/model.safetensors"])
def test_a_release_that_was_changed_is_not_exported(made: Room, tmp_path: Path, path: str) -> None:
    """Another part, or something that would lie where a view does, is refused before anything is written."""
    work = Path(shutil.copytree(made.work, tmp_path / "work"))
    with Repo.open(work) as repo:
        repo.author = ADA
        rebuild(repo, LABEL, {path: b"x"})

    result = made.run("release", "export", LABEL, "--as", "folder", "-o", str(tmp_path / "out"), cwd=work)

    assert (result.code, path.partition("/")[0] in result.err) == (7, True), result
    assert not (tmp_path / "out").exists()


# -- other people's readers -----------------------------------------------------------------


def test_mlcroissant_gives_the_records(out: Path, readers: Validators) -> None:
    """It validates, and rows and pictures come as they were written, with their classes."""
    found = readers.ask("croissant", path=out / "croissant.json")

    assert found["ok"], found["error"]
    records = found["records"]
    start = "data/train/train"
    assert records[f"{start}/labels.csv#records"] == [
        {"file": "0.png", "label": "cat", "score": 0.5, "whole": 1},
        {"file": "2.png", "label": "dog", "score": 1.0, "whole": 2},
    ]
    assert records[f"{start}/table.parquet#records"] == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert records[f"{start}/lines.jsonl#records"] == [{"text": "ü", "n": 1}, {"text": "b", "n": 2}]
    pictures = sorted(records[f"{start}/images#png-records"], key=lambda row: row["file"])
    assert [(row["label"], row["image"]) for row in pictures] == [
        ("cat", ["image", 4, 3]),
        ("cat", ["image", 4, 3]),
        ("dog", ["image", 4, 3]),
    ]


@pytest.mark.parametrize("what", ["bytes", "picture", "digest", "field"])
def test_mlcroissant_refuses_what_was_changed(copy: Path, readers: Validators, what: str) -> None:
    """One byte of a table or of a picture, another digest, a field that must be there."""
    table = copy / "data/train/train/labels.csv"

    def edit(found: Any) -> None:
        [own] = [each for each in found["distribution"] if each["name"].endswith("train/labels.csv")]
        if what == "digest":
            own["sha256"] = "0" * 64
        else:
            del own["contentUrl"]

    if what == "bytes":
        table.write_bytes(table.read_bytes().replace(b"dog", b"cow"))
    elif what == "picture":
        shutil.copy(copy / "data/train/train/images/cat/1.png", copy / "data/train/train/images/dog/2.png")
    else:
        change(copy / "croissant.json", edit)

    assert not readers.ask("croissant", path=copy / "croissant.json")["ok"]


def test_the_cyclonedx_library_holds_the_bill_against_its_schema(
    out: Path, copy: Path, readers: Validators
) -> None:
    """It is valid, and one without a name or with an unknown type is not."""
    assert readers.ask("cyclonedx", path=out / "bom.cdx.json")["error"] == ""
    found = document(out / "bom.cdx.json")
    model = found["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "digits", "1.0")
    assert model["hashes"][0]["content"] == sha256(out / "weights/model.safetensors")
    interval = {"lowerBound": "0.5", "upperBound": "0.875"}
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "accuracy", "value": "0.75", "confidenceInterval": interval},
        {"type": "accuracy", "value": "0.25", "slice": "at | night"},
    ]

    def nameless(bill: Any) -> None:
        del bill["metadata"]["component"]["name"]

    def unknown(bill: Any) -> None:
        bill["metadata"]["component"]["type"] = "brain"

    for edit in (nameless, unknown):
        shutil.copy(out / "bom.cdx.json", copy / "bom.cdx.json")
        change(copy / "bom.cdx.json", edit)
        assert not readers.ask("cyclonedx", path=copy / "bom.cdx.json")["ok"]


def test_in_toto_reads_the_provenance(made: Room, out: Path, readers: Validators, tmp_path: Path) -> None:
    """The statement alone, and in an envelope that the key of releases signed; a changed one is refused."""
    keys = made.work.parent
    found = readers.ask("statement", path=out / "provenance.json")
    assert (found["error"], found["predicate"], found["subjects"]) == (
        "",
        "https://slsa.dev/provenance/v1",
        1,
    )
    statement = document(out / "provenance.json")
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["parameters"] == {"lr": 0.1}
    names = [each["name"] for each in definition["resolvedDependencies"]]
    assert {"data/train/train", "data/test/test", "code/training/code"} <= set(names)

    signed = tmp_path / "signed.json"
    made.do("release", "export", "-q", LABEL, "--as", "slsa", "--key", str(keys / "id"), "-o", str(signed))
    assert readers.ask("statement", path=signed, key=keys / "id.pub")["error"] == ""
    change(signed, lambda envelope: envelope.update(payload=envelope["payload"].replace("e", "f", 1)))
    assert not readers.ask("statement", path=signed, key=keys / "id.pub")["ok"]

    def subjectless(found: Any) -> None:
        del found["subject"]

    (tmp_path / "none.json").write_text(json.dumps(statement))
    change(tmp_path / "none.json", subjectless)
    assert not readers.ask("statement", path=tmp_path / "none.json")["ok"]


def test_model_signing_verifies_the_folder(made: Room, out: Path, copy: Path, readers: Validators) -> None:
    """Offline with the public key; a changed file, one more and one less are refused."""
    key = made.work.parent / "curve.pub"

    def verified(folder: Path) -> bool:
        return bool(
            readers.ask("model-signing", folder=folder, signature=folder / "model.sig", key=key)["ok"]
        )

    assert verified(out)
    weights = copy / "weights/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert not verified(copy)
    weights.write_bytes(whole)
    assert verified(copy)
    (copy / "more").write_text("more")
    assert not verified(copy)
    (copy / "more").unlink()
    (copy / "DATA.md").unlink()
    assert not verified(copy)


def test_the_library_of_a_model_hub_reads_the_card(out: Path, readers: Validators) -> None:
    """Licence, tags and results are in its head: those of all, and of each slice."""
    found = readers.ask("model-card", path=out / "README.md")

    assert found["error"] == ""
    assert found["data"]["license"] == "apache-2.0"
    assert found["data"]["tags"] == ["safetensors"]
    assert "# digits 1.0" in found["text"]
    assert "| `at \\| night` | `accuracy` | 0.25 |" in found["text"]
    assert found["results"] == [
        {"task": "classification", "dataset": name, "metric": "accuracy", "value": value, "revision": COMMIT}
        for name, value in (("test", 0.75), ("test (at | night)", 0.25))
    ]


def test_mof_has_all_components_with_places_and_licences(out: Path) -> None:
    """What is not there has no place."""
    found = yaml.safe_load((out / "mof.yml").read_text())
    rows = {row["name"]: row for row in found["release"]["components"]}

    assert len(rows) == 17
    assert found["release"]["date"] == "2026-01-31"
    assert rows["Datasets"]["location"] == "data/train/train"
    assert rows["Datasets"]["license_name"] == "CC-BY-4.0"
    assert rows["Evaluation data"]["location"] == ""  # it is private
    assert rows["Research paper"]["license_name"] == ""


# -- names ----------------------------------------------------------------------------------


def test_names_stay_names(out: Path) -> None:
    """Marks in a description and in the name of a file are escaped where they would mean something."""
    card, data = (out / "README.md").read_text(), (out / "DATA.md").read_text()
    listed = [each.get("contentUrl") for each in document(out / "croissant.json")["distribution"]]

    assert "Digits \\| of \\*people\\*" in card
    assert f"`` data/train/train/{NASTY.replace('|', chr(92) + '|')} ``: 1 row\n" in data
    assert f"data/train/train/{NASTY}" in listed


# -- folders and archives -------------------------------------------------------------------


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_folder_has_all_of_it(out: Path) -> None:
    """`sha256sum` checks every file, and private data is not there."""
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=out, check=True)

    assert sorted(path.name for path in out.iterdir()) == sorted(
        [
            *(*FORMS.values(), "model.sig", "SHA256SUMS", "release.json", "attestations"),
            *("code", "data", "documents", "environment", "runs", "weights"),
        ]
    )
    assert not (out / "data/test").exists()
    assert (out / "data/train/train" / NASTY).read_text() == "x,y\n1,a\n"


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_an_archive_has_the_same_bytes_each_time(made: Room, out: Path, form: str) -> None:
    """It is verified as it is, and holds what the folder holds."""
    names = [f"../first.{form}", f"../second.{form}"]
    for name in names:
        made.do("release", "export", "-q", LABEL, "--as", form, "-o", name)
    first, second = (made.work / name for name in names)

    assert first.read_bytes() == second.read_bytes()
    assert unpacked(first) == {
        f"digits-1.0/{path.relative_to(out)}"
        for path in out.rglob("*")
        if path.is_file() and path.name != "model.sig"
    }
    done = made.json("release", "verify", names[0])
    assert (done["ok"], done["level"], done["problems"]) == (True, "R1", [])


def unpacked(path: Path) -> set[str]:
    """Return the names of the files in an archive."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    with tarfile.open(path) as tar:
        return set(tar.getnames())


def test_a_folder_is_verified_where_there_is_no_repository(made: Room, copy: Path, tmp_path: Path) -> None:
    """The real command in an empty folder: it reaches what the release reaches, and knows who signed."""
    room = Room(tmp_path / "elsewhere")
    key = (made.work.parent / "id.pub").read_text()
    (room.home / "allowed").write_text(f"ada@example.org {key}")
    room.do("config", "--global", "signing.allowed", str(room.home / "allowed"))

    done = room.json("release", "verify", str(copy))

    assert (done["ok"], done["level"], done["signers"]) == (True, "R1", ["ada@example.org"])
    assert done["id"] == made.json("release", "show", LABEL)["id"]
    assert [each["path"] for each in done["private"]] == ["data/test/test"]


CHANGES = {
    "weights/model.safetensors": ("weights", "weights/model.safetensors"),
    "data/train/train/labels.csv": ("files", "data/train/train/labels.csv"),
    "environment/environment.json": ("environment", "environment/environment.json"),
    "code/training/code/train.sh": ("files", "code/training/code/train.sh"),
    "README.md": ("files", "README.md"),
}


@pytest.mark.parametrize("path", CHANGES)
def test_what_was_changed_in_a_folder_is_named(made: Room, copy: Path, path: str) -> None:
    """One byte more in any part, and in a view."""
    (copy / path).write_bytes((copy / path).read_bytes() + b"\n")

    done = made.json("release", "verify", str(copy), code=7)

    assert CHANGES[path] in [(each["component"], each["path"]) for each in done["problems"]]
    assert done["level"] is None


def test_sums_that_were_changed_too_hide_nothing(made: Room, copy: Path) -> None:
    """The manifest knows the part all the same, and an attestation the manifest."""
    path = copy / "data/train/train/labels.csv"
    old = sha256(path)
    path.write_bytes(path.read_bytes() + b"\n")
    sums = copy / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(old, sha256(path)))

    done = made.json("release", "verify", str(copy), code=7)
    assert {(each["component"], each["path"]) for each in done["problems"]} == {("data", "data/train/train")}

    manifest = copy / "release.json"
    change(manifest, lambda found: found["parameters"].update(lr=0.2))
    manifest.write_text(json.dumps(document(manifest), sort_keys=True, separators=(",", ":")) + "\n")
    done = made.json("release", "verify", str(copy), code=7)
    assert "signature" in [each["component"] for each in done["problems"]]


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_a_damaged_archive_is_told(made: Room, tmp_path: Path, form: str) -> None:
    """Cut off, and with another byte in a file: it ends with 2 or 7, never as a bug."""
    path = tmp_path / f"release.{form}"
    made.do("release", "export", "-q", LABEL, "--as", form, "-o", str(path))
    whole = path.read_bytes()
    at = len(whole) // 2 if form == "tar.gz" else _within_a_file(path)
    for damaged in (whole[: len(whole) // 2], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
        path.write_bytes(damaged)

        assert made.run("release", "verify", str(path)).code in (2, 3, 7)


def test_a_file_that_cannot_be_read_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the folder that it is in."""

    def failing(place: Path) -> BinaryIO:
        raise OSError(errno.EIO, "the disk does not give it", str(place))

    monkeypatch.setattr(opening, "_opened", failing)
    with (
        pytest.raises(TetherError, match=f"{out}/"),
        opening.opened_folder(out, lambda: Time(0, 0)),
    ):
        pass


def _within_a_file(path: Path) -> int:
    """Return the middle of the last file of an archive: what is between files is nobody's."""
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            last = [each for each in archive if each.isreg()][-1]
        return last.offset_data + last.size // 2
    with zipfile.ZipFile(path) as packed:
        info = packed.infolist()[-1]
    name, extra = struct.unpack("<HH", path.read_bytes()[info.header_offset + 26 : info.header_offset + 30])
    return info.header_offset + 30 + int(name) + int(extra) + info.compress_size // 2


@pytest.mark.parametrize("form", ["gzip", "bz2", "lzma"])
def test_padding_of_a_compressed_archive_is_read_too(made: Room, tmp_path: Path, form: str) -> None:
    """What follows the last file decides whether the sum over everything holds."""
    plain, path = tmp_path / "release.tar", tmp_path / f"release.tar.{form}"
    made.do("release", "export", "-q", LABEL, "--as", "tar", "-o", str(plain))
    whole = importlib.import_module(form).compress(plain.read_bytes())
    path.write_bytes(whole)
    made.do("release", "verify", str(path))
    for cut in (4, 8):
        path.write_bytes(whole[:-cut] + bytes([whole[-cut] ^ 1]) + whole[len(whole) - cut + 1 :])

        told = made.run("release", "verify", str(path))
        assert told.code == 7, told
        assert "is damaged" in told.err


@pytest.fixture
def hostile(tmp_path: Path) -> Callable[[str], Path]:
    """Return what makes an archive with one member of a name."""

    def make(name: str) -> Path:
        path = tmp_path / "hostile.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("r/release.json", "{}")
            archive.writestr(name, "x")
        return path

    return make


@pytest.mark.parametrize("name", ["r/weights/../../evil", "r//evil", "r/data/.tether/x"])
def test_paths_out_of_an_archive_are_refused(made: Room, hostile: Callable[[str], Path], name: str) -> None:
    """Nothing is written, and the path is named."""
    result = made.run("release", "verify", str(hostile(name)))

    assert result.code == 2, result
    assert not (made.work.parent / "evil").exists()
