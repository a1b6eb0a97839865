"""Settings: two files, typed values, atomic writes."""

import stat
import threading
import tomllib
from pathlib import Path

import pytest

from tether.errors import Conflict, InvalidInput, NotFound
from tether.repo.config import Config
from tether.repo.settings import SETTINGS, find_setting, split_key


def write(path: Path, text: str) -> Path:
    """Put `text` into the file and return its path."""
    path.write_text(text)
    return path


def test_without_files_there_are_defaults_and_nothing_is_set(tmp_path: Path) -> None:
    """Missing files hold nothing: defaults are given, what has none is None."""
    config = Config.load(tmp_path / "none.toml", None)

    assert config.get("storage.compression") == "default"
    assert config.get("user.name") is None
    assert config.integer("gc.retention") == 90
    assert config.list() == {}
    assert config.origin("user.name") is None


def test_the_repository_overrides_the_user(tmp_path: Path) -> None:
    """A value in the repository's file wins; the rest comes from the user's file."""
    user = write(tmp_path / "user.toml", '[user]\nname = "Ada"\nemail = "ada@example.org"\n')
    repo = write(tmp_path / "repo.toml", '[user]\nname = "Grace"\n')

    config = Config.load(repo, user)

    assert config.get("user.name") == "Grace"
    assert config.get("user.email") == "ada@example.org"
    assert config.origin("user.name") == repo
    assert config.origin("user.email") == user
    assert config.list() == {"user.email": "ada@example.org", "user.name": "Grace"}


def test_what_was_set_is_read_again_and_is_toml(tmp_path: Path) -> None:
    """A set value is there for this object and a new one; whole numbers are TOML integers."""
    path = tmp_path / "new" / "folder" / "config.toml"
    config = Config.load(path, None)

    config.set(path, "user.name", 'Ada "A." Lovelace é')
    config.set(path, "gc.retention", "7")

    assert config.get("user.name") == 'Ada "A." Lovelace é'
    assert Config.load(None, path).integer("gc.retention") == 7
    assert tomllib.loads(path.read_text()) == {
        "user": {"name": 'Ada "A." Lovelace é'},
        "gc": {"retention": 7},
    }


def test_names_may_hold_dots_and_slashes(tmp_path: Path) -> None:
    """The name between section and variable is the user's."""
    path = tmp_path / "config.toml"
    config = Config.load(path, None)

    config.update(path, {"branch.user/v1.2.remote": "origin", "branch.user/v1.2.merge": "main"})
    config.set(path, "remote.origin.url", "https://hub.example/o/r")
    config.set(path, "remote.backup.url", "/mnt/backup")

    assert config.get("branch.user/v1.2.merge") == "main"
    assert config.names("remote") == ("backup", "origin")
    assert config.names("branch") == ("user/v1.2",)
    assert tomllib.loads(path.read_text())["branch"] == {"user/v1.2": {"remote": "origin", "merge": "main"}}


def test_unset_removes_the_value_and_empty_tables(tmp_path: Path) -> None:
    """After unset the file says nothing of the key; unsetting again is NotFound."""
    path = write(tmp_path / "config.toml", '[user]\nname = "Ada"\n[remote.origin]\nurl = "/x"\n')
    config = Config.load(path, None)

    config.unset(path, "remote.origin.url")

    assert tomllib.loads(path.read_text()) == {"user": {"name": "Ada"}}
    with pytest.raises(NotFound, match=r"remote\.origin\.url is not set"):
        config.unset(path, "remote.origin.url")


def test_unset_leaves_the_neighbours(tmp_path: Path) -> None:
    """Only the named value goes; its table stays while it holds another."""
    path = write(tmp_path / "config.toml", '[user]\nname = "Ada"\nemail = "a@b"\n')
    Config.load(path, None).unset(path, "user.name")

    assert tomllib.loads(path.read_text()) == {"user": {"email": "a@b"}}


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("user.nmae", "user.name"),
        ("User.Name", "user.name"),
        ("storage.compresion", "storage.compression"),
        ("remote.origin.urll", "remote.NAME.url"),
    ],
)
def test_an_unknown_setting_names_the_nearest(tmp_path: Path, key: str, near: str) -> None:
    """A misspelt key is refused on reading and on writing, with what was perhaps meant."""
    path = tmp_path / "config.toml"
    config = Config.load(path, None)

    with pytest.raises(InvalidInput, match="unknown setting") as reading:
        config.get(key)
    with pytest.raises(InvalidInput, match="unknown setting"):
        config.set(path, key, "x")

    assert reading.value.hint == f"did you mean {near}?"
    assert not path.exists()


def test_an_unknown_setting_far_from_all_points_to_the_list() -> None:
    """Where nothing is near the hint says where to look."""
    with pytest.raises(InvalidInput) as failure:
        find_setting("qqqq.zzzz")
    assert failure.value.hint == "`tether config` lists what is set"


@pytest.mark.parametrize("key", ["", "user", ".name", "user.", "remote..url", "user.na\nme"])
def test_what_is_no_key_is_refused(key: str) -> None:
    """A key has a section and a variable, and prints."""
    with pytest.raises(InvalidInput, match="not a setting"):
        split_key(key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("storage.compression", "best"),
        ("ui.color", ""),
        ("gc.retention", "-1"),
        ("gc.retention", "ten"),
        ("gc.retention", "1.5"),
        ("user.name", "Ada\nEve"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, key: str, value: str) -> None:
    """Setting checks the value, and so does reading a file that another program wrote."""
    path = tmp_path / "config.toml"
    with pytest.raises(InvalidInput, match=f"{key} cannot"):
        Config.load(path, None).set(path, key, value)
    assert not path.exists()

    section, _, variable = key.partition(".")
    write(path, f"[{section}]\n{variable} = {value!r}\n".replace("'", '"'))
    with pytest.raises(InvalidInput, match=str(path)):
        Config.load(path, None).get(key)


def test_only_numbers_are_read_as_numbers(tmp_path: Path) -> None:
    """Asking for the number of a text is refused."""
    path = write(tmp_path / "config.toml", '[user]\nname = "7"\n')
    with pytest.raises(InvalidInput, match=r"user\.name is not a number"):
        Config.load(path, None).integer("user.name")


def test_settings_of_a_newer_version_are_kept_and_listed(tmp_path: Path) -> None:
    """What this version does not know survives a write of something else."""
    path = write(
        tmp_path / "config.toml",
        'loose = 1\n[future]\nshine = true\nlevel = 3\nwords = ["a"]\n[user]\nname = "Ada"\n',
    )
    config = Config.load(path, None)

    config.set(path, "user.email", "a@b")

    kept = tomllib.loads(path.read_text())
    assert kept["future"] == {"shine": True, "level": 3, "words": ["a"]}
    assert kept["loose"] == 1
    assert config.list() == {
        "future.level": "3",
        "future.shine": "true",
        "user.email": "a@b",
        "user.name": "Ada",
    }


@pytest.mark.parametrize("content", [b"[user\nname=", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_named_and_not_overwritten(tmp_path: Path, content: bytes) -> None:
    """A damaged file is an error with its path, and nothing replaces it."""
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    config = Config.load(path, None)

    with pytest.raises(InvalidInput, match="not a TOML file"):
        config.get("user.name")
    with pytest.raises(InvalidInput, match="not a TOML file"):
        config.set(path, "user.name", "Ada")
    assert path.read_bytes() == content


def test_a_value_where_a_table_is_needed_is_an_error(tmp_path: Path) -> None:
    """`user = 1` is not silently replaced by a table."""
    path = write(tmp_path / "config.toml", "user = 1\n")
    with pytest.raises(InvalidInput, match="user is a value in the file"):
        Config.load(path, None).set(path, "user.name", "Ada")
    assert path.read_text() == "user = 1\n"


def test_a_linked_file_is_changed_where_it_lies_and_keeps_its_mode(tmp_path: Path) -> None:
    """People keep their settings elsewhere and link to them; a private file stays private."""
    target = write(tmp_path / "dotfile.toml", '[user]\nname = "Ada"\n')
    target.chmod(0o600)
    link = tmp_path / "config.toml"
    link.symlink_to(target)

    Config.load(link, None).set(link, "user.email", "a@b")

    assert link.is_symlink()
    assert tomllib.loads(target.read_text())["user"]["email"] == "a@b"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each of several writers finds its value in the file at the end."""
    path = tmp_path / "config.toml"

    def add(number: int) -> None:
        Config.load(path, None).set(path, f"remote.r{number}.url", f"/r{number}")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Config.load(path, None).names("remote") == tuple(f"r{number}" for number in range(8))


def test_a_file_that_keeps_changing_is_a_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last attempt the writer is told, and the file is as the others left it."""
    path = write(tmp_path / "config.toml", '[user]\nname = "Ada"\n')
    monkeypatch.setattr("tether.repo.config.ATTEMPTS", 0)
    with pytest.raises(Conflict, match="other writers keep changing"):
        Config.load(path, None).set(path, "user.name", "Eve")
    assert Config.load(path, None).get("user.name") == "Ada"


def test_a_folder_in_place_of_the_file_is_an_error_of_ours(tmp_path: Path) -> None:
    """What the operating system refuses is told in our words."""
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(Conflict, match="folder is in the way"):
        Config.load(tmp_path / "config.toml", None).get("user.name")


def test_every_setting_tells_what_it_is() -> None:
    """Keys are unique, have a help text, and their default is a value they may have."""
    assert len({setting.key for setting in SETTINGS}) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.help
        assert setting.default is None or setting.check(setting.key, setting.default) == setting.default
