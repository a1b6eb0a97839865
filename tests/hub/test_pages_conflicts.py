"""The page on which conflicts of a pull request are decided: what it costs, and what it makes of texts."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.hub import HubRoom, Reply
from tests.support.pulls import Review

from tether.core import sequence
from tether.core.sequence import Change
from tether.core.textmerge import merge_text
from tether.hub.pages import cookies
from tether.hub.pages.conversations import conflicts, sides

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **HTML}
PLACE = "/ada/x/pulls/1/conflicts"


class Conflict:
    """A pull request whose branch `side` and whose target changed the same files.

    Attributes:
        room: With the repository.
    """

    def __init__(self, hub: HubRoom, folder: Path, files: dict[str, tuple[bytes | None, ...]]) -> None:
        """`files` has what is at each path before, in the branch, and in the target; None is nothing."""
        self.room = Review(hub, folder)
        befores, ours, theirs = ({path: versions[at] for path, versions in files.items()} for at in range(3))
        self.room.desk.commit({path: data for path, data in befores.items() if data is not None})
        self.room.desk.push(self.room.ada)
        self.room.branch("side", ours)
        self.room.open("side")
        self.room.desk.commit(theirs)
        self.room.desk.push(self.room.ada)

    def look(self) -> str:
        """Return the page."""
        reply = self.room.hub.call("GET", PLACE, headers={**HTML, **self._cookie()})
        assert reply.status == 200, reply.body
        return reply.body.decode()

    def send(self, texts: dict[str, str]) -> Reply:
        """Decide for own texts, in the order of paths."""
        fields = {"head": self.room.show(1)["head"], "target": self.room.tip()}
        for at, (path, text) in enumerate(texts.items()):
            fields |= {f"path-{at}": path, f"take-{at}": "content", f"text-{at}": text}
        headers = {**FORM, **self._cookie()}
        return self.room.hub.call("POST", PLACE, headers=headers, parts=[urlencode(fields).encode()])

    def _cookie(self) -> dict[str, str]:
        return {"cookie": f"{cookies.name_of(self.room.hub.hub.settings)}={self.room.tokens['bob']}"}


@pytest.fixture
def conflict(tmp_path: Path) -> Iterator[Callable[..., Conflict]]:
    """Return what makes a pull request in conflict; the hub is on the database that every hub has at hand."""
    hub = HubRoom(tmp_path / "hub")
    yield lambda files: Conflict(hub, tmp_path / "desk", files)
    hub.close()


def letters(lines: int, seed: int) -> bytes:
    """Return a text as labels of classes are: many lines, few that differ."""
    draw = random.Random(seed)
    return b"".join(b"%c\n" % draw.randrange(97, 117) for _ in range(lines))


def own_text(page: str) -> str | None:
    """Return the text with which an own one begins; None where none can be written."""
    field = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)
    return None if field is None else unescape(field[1])


def test_difficult_texts_take_the_steps_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each side is compared once, in about the steps given; what comes out is still a merge of both."""
    taken, slide = [0], sequence._Path._slide

    def counted(self: sequence._Path, x: int, diagonal: int) -> int:
        taken[0] += 1
        return slide(self, x, diagonal)

    monkeypatch.setattr(sequence._Path, "_slide", counted)
    ours, base, theirs = (letters(1500, seed).decode() for seed in range(3))

    found = sides.compare(ours, base, theirs, 50_000)

    assert 10_000 < taken[0] < 100_000
    assert found.merged is not None
    kept = set(found.merged.splitlines())
    assert {line for side in (ours, theirs) for line in side.splitlines()} <= kept
    assert "".join(line.text for line in found.ours if not line.skipped) == ours


def test_a_merge_of_known_changes_is_that_of_the_texts() -> None:
    """The page and the merge of a clone give the same text where steps are enough."""
    ours, base, theirs = b"1\n2\nx\n4\n5", b"1\n2\n3\n4\n5", b"0\n1\n2\ny\n4\n5"
    found = sides.compare(ours.decode(), base.decode(), theirs.decode(), sequence.STEPS)
    assert found.merged == merge_text(base, ours, theirs, (sides.OURS, sides.THEIRS)).data.decode()


def test_a_page_begins_no_more_texts_than_a_form_can_send(
    conflict: Callable[..., Conflict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond that a side is chosen; else the hub would refuse whatever was decided for its length."""
    monkeypatch.setattr(conflicts, "_SENT", 600)
    texts = (b"{}\n" * 20, b'{"a": 1}\n' * 20, b'{"a": 2}\n' * 20)

    page = conflict({"a.json": texts, "b.json": (b"1\n", b"2\n", b"3\n")}).look()

    assert page.count('name="take-0" value="head"') == page.count('name="take-1" value="head"') == 1
    assert 'name="text-0"' not in page
    assert 'name="text-1"' in page


def test_a_page_compares_a_bounded_number_of_lines(
    conflict: Callable[..., Conflict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths share the lines and steps of a page; beyond them texts are shown whole, and none is chosen."""
    compared = list[tuple[int, int]]()

    def counted(old: Sequence[bytes], new: Sequence[bytes], steps: int) -> list[Change]:
        compared.append((len(old) + len(new), steps))
        return sequence.changes(old, new, steps)

    monkeypatch.setattr(sides, "changes", counted)
    monkeypatch.setattr(conflicts, "LINES", 700)
    texts = tuple(letters(100, at) for at in range(3))
    long = tuple(letters(300, at) for at in range(3))
    made = conflict({"0.txt": long} | {f"{at}.txt": texts for at in range(1, 4)})

    page = made.look()

    assert (
        len(compared) == 4
    )  # two of the four paths, each once for a side: a long one takes nothing from others
    assert sum(lines for lines, _ in compared) == 4 * 200
    assert sum(steps for _, steps in compared) <= sides.STEPS
    assert page.count("<pre ") == 12
    assert page.count("<mark>") > 20
    assert re.findall(r"<textarea[^>]*>\n</textarea>", page) != []


def test_an_own_text_never_begins_with_one_of_two_sides(
    conflict: Callable[..., Conflict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a side is too long or no text, none is offered; without what was before, it begins empty."""
    monkeypatch.setattr(conflicts, "_TEXT", 100)
    long = b"long\n" * 21
    page = conflict(
        {
            "a-ours-long": (b"1\n", long, b"2\n"),
            "b-theirs-binary": (b"1\n", b"2\n", b"\xff\n"),
            "c-base-long": (long, b"ours\n", b"theirs\n"),
            "d-theirs-gone": (b"1\n", b"only\n", None),
            "f-ours-empty": (b"1\n", b"", None),
            "e-both": (b"1\n2\n3\n", b"1\nx\n3\n", b"1\ny\n3\n"),
        }
    ).look()
    found = {
        name: (own_text(part), ", with what both sides changed" in part)
        for name, part in re.findall(r'<section[^>]* aria-label="([a-f]-[^"]*)">(.*?)</section>', page, re.S)
    }

    decide = "1\n<<<<<<< This branch\nx\n=======\ny\n>>>>>>> Target\n3\n"
    assert found == {
        "a-ours-long": (None, False),
        "b-theirs-binary": (None, False),
        "c-base-long": ("", False),
        "d-theirs-gone": ("only\n", False),
        "e-both": (decide, True),
        "f-ours-empty": ("", False),
    }


def test_an_own_text_keeps_the_ends_of_lines(conflict: Callable[..., Conflict]) -> None:
    """A browser sends both characters for each end; where the sides do not agree, no text is offered."""
    base, ours, theirs = b"id,n\r\n1,2\r\n", b"id,n\r\n1,3\r\n", b"id,n\r\n1,4\r\n"
    made = conflict({"a.csv": (base, ours, theirs)})
    own = own_text(made.look())
    assert own is not None
    assert own.count("\r\n") == own.count("\n") == 6

    assert made.send({"a.csv": "id,n\r\n1,7\r\n"}).status == 303
    assert made.room.read("a.csv", "side") == b"id,n\r\n1,7\r\n"


@pytest.mark.parametrize("theirs", [b"1\n4\n", b"1\r\n4\n"])
def test_no_own_text_where_lines_end_in_several_ways(
    conflict: Callable[..., Conflict], theirs: bytes
) -> None:
    """Neither is one offered nor is one taken, whether one side has several ends or each another."""
    made = conflict({"a.csv": (b"1\r\n2\r\n", b"1\r\n3\r\n", theirs)})

    assert own_text(made.look()) is None
    assert b"no text can be written here" in made.send({"a.csv": "1\r\n7\r\n"}).body


@pytest.mark.parametrize(
    ("text", "undecided"),
    [
        ("both\n", False),
        ("one\n=======\ntwo\n", True),
        ("one\n ======= \t\r\ntwo\n", True),
        ("<<<<<<< This branch \none\n", True),
        ("one\n  >>>>>>> Target\n", True),
        ("======\n========\n= =======\n", False),
    ],
)
def test_each_mark_is_still_to_be_decided(text: str, undecided: bool) -> None:
    """Blanks around a mark hide none, and longer or shorter lines are none."""
    assert sides.is_undecided(text, "one\n", "", "two\n") is undecided


def test_lines_of_the_sides_are_no_marks() -> None:
    """What a side has may stay, and what each side added; one more is a mark."""
    heading = "Title\n=======\n"
    assert not sides.is_undecided(heading + "both\n", heading + "1\n", heading + "0\n", heading + "2\n")
    assert not sides.is_undecided(heading * 2, heading, "", heading)
    assert not sides.is_undecided(heading + "both\n", heading, heading, "")
    assert not sides.is_undecided("<<<<<<< This branch\n", "<<<<<<< This branch\n")
    assert sides.is_undecided(heading + "1\n=======\n2\n", heading + "1\n", heading + "0\n", heading + "2\n")
