"""Where things come from, on pages: history, lines of texts, parts of texts, sound, keys of tables."""

import io
import re
import wave
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom

from tether.pages import routes
from tether.pages.remembered import Remembered
from tether.pages.views import blame, history
from tether.repo.blame import BlameBounds

HTML = {"accept": "text/html"}
LONG = b"".join(b"line %d <b>\n" % number for number in range(1, 30_001))


def sound() -> bytes:
    """Return two seconds of a WAV file: silence, then as loud as can be."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 8000 + b"\xff\x7f" * 8000)
    return out.getvalue()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub with ada/birds: some commits, and a branch at the first."""
    room = HubRoom(tmp_path / "hub")
    room.repository(room.user("ada"), "ada/birds")
    with closing(open_hosted(room, "ada/birds")) as repository:
        first = commit_paths(repository, {b"code.py": b"a = 1\nb = '<i>'\n", b"long.txt": LONG})
        for number in range(4):
            commit_paths(repository, {b"code.py": b"a = %d\nb = '<i>'\n" % (number + 2)})
        commit_paths(repository, {b"a.wav": sound(), b"bad.wav": sound()[:30]})
        with repository.transaction("branch") as transaction:
            transaction.set_ref("refs/heads/dev/<calm>", first)
    yield room
    room.close()


def page(hub: HubRoom, path: str, status: int = 200) -> str:
    """Return a page of ada/birds."""
    reply = hub.call("GET", f"/ada/birds/{path}", headers=HTML)
    assert reply.status == status, reply
    return reply.body.decode()


def test_the_pages_of_a_history_are_the_whole_of_it(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commit is on one page, with its point and the branches that are there."""
    monkeypatch.setattr(history, "PAGE", 2)
    address, ids, pages = "history/main", list[str](), 0
    while address:
        shown = page(hub, address)
        pages += 1
        ids += re.findall(r'<a class="id" href="[^"]*/commit/([0-9a-f]+)"', shown)
        assert shown.count('<circle class="lane') == 2
        older = re.search(r'rel="next" href="([^"]+)"', shown)
        address = f"history/main{older[1].replace('&amp;', '&')}" if older else ""

    assert pages == 3
    assert len(ids) == len(set(ids)) == 6
    assert "dev/&lt;calm&gt;" in shown
    assert "<calm>" not in shown
    for bad in ("x", "1.A", "1.AAAA", "-1", "1." + "A" * 4000, "%C3%A9"):
        page(hub, f"history/main?after={bad}", 400)
    page(hub, f"history/main?after=1.{'A' * 43}", 404)


def test_a_history_is_sifted_by_words_that_are_no_expressions(hub: HubRoom) -> None:
    """Words and authors are looked for as they are; without a hit the page says how far it looked."""
    hit, miss = page(hub, "history/main?author=ada"), page(hub, "history/main?words=.*%3Cb%3E")

    assert hit.count('<a class="id"') == 6
    assert '<circle class="lane' not in hit
    assert "No commit fits" in miss
    assert "6 commits were looked at" in miss
    assert 'value=".*&lt;b&gt;"' in miss
    page(hub, "history/main?author=(a%2B)%2B%24(")


def test_each_line_leads_to_its_commit(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines in groups; beyond the bound the page says that they may be older; what is no text is refused."""
    whole = page(hub, "blame/main/code.py")
    monkeypatch.setattr(blame, "BOUNDS", BlameBounds(commits=1))
    monkeypatch.setattr(routes, "PAGES", Remembered())
    cut = page(hub, "blame/main/code.py")

    assert whole.count('<td class="from"') == 2
    assert "&lt;i&gt;" in whole
    assert "<i>" not in whole
    assert "≤" not in whole
    assert "≤" in cut
    assert "/blame/main/code.py" in page(hub, "file/main/code.py")
    assert "/blame/" not in page(hub, "file/main/a.wav")
    page(hub, "blame/main/a.wav", 400)
    page(hub, "blame/main/absent", 404)


def test_a_long_text_is_read_in_parts(hub: HubRoom) -> None:
    """Each part begins with the line behind the last one; the number is kept, and lines can be wrapped."""
    first = page(hub, "file/main/long.txt")
    following = re.search(r'rel="next" href="\?from=(\d+)"', first)
    assert following is not None
    number = int(following[1])
    second = page(hub, f"file/main/long.txt?from={number}&wrap=1")

    assert f'id="L{number - 1}"' in first
    assert f'id="L{number}"' not in first
    assert f'<tr id="L{number}">' in second
    assert f">line {number} &lt;b&gt;<" in second
    assert f'id="L{number - 1}"' not in second
    assert 'class="code wrap"' in second
    assert 'class="code wrap"' not in first
    assert "no more lines" in page(hub, "file/main/long.txt?from=30001")
    assert "line 30000 &lt;b&gt;" in page(hub, "file/main/long.txt?from=30000")


def test_a_sound_is_drawn(hub: HubRoom) -> None:
    """Silence is a short line and the loudest a long one; what cannot be read here is left to the browser."""
    shown, damaged = page(hub, "file/main/a.wav"), page(hub, "file/main/bad.wav")

    assert all(fact in shown for fact in ("2.0 s", "8,000 Hz", "mono", "16 bits"))
    assert "M0.5 49.5V50.5" in shown
    assert "M239.5 0.0V100.0" in shown
    assert '<svg class="wave" viewBox' in shown
    assert '<svg class="wave" hidden' in damaged
    assert '<svg class="wave" viewBox' not in damaged


def test_attributes_are_respected_in_differences(hub: HubRoom) -> None:
    """A key of two columns, one that is none, and texts that are never, or always, compared by line."""
    rules = b"*.csv key=a,b\nbad.csv key=none\n*.dat binary\n*.raw -binary\n"
    before = {
        b".tetherattributes": rules,
        b"x.csv": b"a,b,c\n1,1,old\n1,2,same\n",
        b"bad.csv": b"id,c\n1,old\n",
        b"x.dat": b"one\n",
        b"x.raw": b"one\0\n",
    }
    after: dict[bytes, bytes | None] = {
        b"x.csv": b"a,b,c\n1,1,new\n1,2,same\n",
        b"bad.csv": b"id,c\n1,new\n",
        b"x.dat": b"two\n",
        b"x.raw": b"two\0\n",
    }
    with closing(open_hosted(hub, "ada/birds")) as repository:
        commit_paths(repository, before)
        commit_paths(repository, after)

    table = page(hub, "diff/main~1..main/x.csv")
    assert "<del>old</del> <ins>new</ins>" in table
    assert table.count('<span class="type">key</span>') == 2
    assert "does not name each row once" not in table
    assert "does not name each row once" in page(hub, "diff/main~1..main/bad.csv")
    assert 'class="code diff' not in page(hub, "diff/main~1..main/x.dat")
    assert 'class="code diff' in page(hub, "diff/main~1..main/x.raw")
