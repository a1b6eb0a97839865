"""Search: what is found by which word, by whom, and how little is looked at."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import SECOND, HubRoom
from tests.support.statements import statements

from tether.hub import tokens
from tether.hub.access import ANONYMOUS
from tether.hub.database.models import RepositoryRow
from tether.hub.database.searching import SearchState, SearchWord
from tether.hub.jobs.scheduler import Scheduler
from tether.hub.jobs.turns import Outcome
from tether.hub.search import finding, indexing
from tether.hub.search.words import Part, path_words, words_of, words_of_names

FILES: dict[bytes, bytes | None] = {
    b"README.md": b"# Nocturnal\n\nPictures of owls, taken in Jena.\n",
    b"pictures/barn_owl-0001.png": b"1",
    b"pictures/barn_owl-0002.png": b"2",
    b"odd/\xff-kestrel.csv": b"3",
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub on the database that is at hand."""
    made = HubRoom(tmp_path / "hub")
    yield made
    made.close()


def index(room: HubRoom) -> None:
    """Do what is due, a second later."""
    room.now += SECOND
    ran = [*Scheduler(room.hub, "me", time.monotonic, threading.Event()).run_due()]
    assert {each.outcome for each in ran if each.kind == "facts"} == {Outcome.DONE}


def find(room: HubRoom, query: str, token: str | None = None, first: int = 0) -> list[str]:
    """Return the addresses of what fits, best first."""
    with room.hub.database.session(reads_only=True) as session:
        principal = tokens.find_principal(session, room.now, token)
        return [hit.row.full_name for hit in finding.find(session, principal, query, first).hits]


def put(room: HubRoom, address: str, files: dict[bytes, bytes | None]) -> None:
    """Commit files."""
    with closing(open_hosted(room, address)) as repository:
        commit_paths(repository, files)


def test_words_of_all_parts_are_found(hub: HubRoom) -> None:
    """By beginnings, in any order, names before paths; what is gone is not found any more."""
    ada = hub.user("ada")
    hub.repository(ada, "ada/night-birds")
    hub.repository(ada, "ada/kestrel")
    hub.ok("PATCH", "/repos/ada/night-birds", ada, {"about": "Recordings of dusk", "topics": ["ornithology"]})
    put(hub, "ada/night-birds", FILES)
    opened = closing(open_hosted(hub, "ada/night-birds"))
    with opened as repository, repository.transaction("tag") as transaction:
        tip = transaction.ref("refs/heads/main")
        assert tip is not None
        transaction.set_ref("refs/tags/harvest-2024", tip)
    index(hub)

    for query in (
        "night",
        "BIRDS",
        "dusk",
        "orni",
        "jena",
        "barn owl",
        "owl jena night",
        "harvest",
        "pictures",
    ):
        assert find(hub, query) == ["ada/night-birds"], query
    assert find(hub, "kestrel") == ["ada/kestrel", "ada/night-birds"]
    assert find(hub, "n") == []
    assert find(hub, "owl zebra") == []
    assert find(hub, "0001") == []
    assert find(hub, " . ") == []
    put(hub, "ada/night-birds", {path: None for path in FILES if b"owl" in path})
    index(hub)
    assert find(hub, "barn") == []
    assert find(hub, "jena") == ["ada/night-birds"]


def test_a_hit_says_where(room: HubRoom) -> None:
    """The line of the README and one path with their number are shown, bytes of the path as they are."""
    room.repository(room.user("ada"), "ada/birds")
    put(room, "ada/birds", FILES)
    index(room)

    with room.hub.database.session(reads_only=True) as session:
        owl = finding.find(session, ANONYMOUS, "owl").hits[0]
        odd = finding.find(session, ANONYMOUS, "kestr").hits[0]

    assert owl.branch == "main"
    assert [(each.text, each.number) for each in owl.samples] == [
        (b"Pictures of owls, taken in Jena.", 1),
        (b"pictures/barn_owl-0001.png", 2),
    ]
    assert odd.samples[0].text == b"odd/\xff-kestrel.csv"


def test_what_is_private_is_found_by_its_readers_alone(room: HubRoom) -> None:
    """Neither names nor contents of a private repository are found by others, whatever their token."""
    ada, eve = room.user("ada"), room.user("eve")
    room.repository(ada, "ada/secret-owls", private=True)
    put(room, "ada/secret-owls", FILES)
    index(room)

    for query in ("secret", "jena", "barn", "ada"):
        assert find(room, query, ada) == ["ada/secret-owls"]
        assert find(room, query, eve) == find(room, query) == []
    room.ok("PUT", "/repos/ada/secret-owls/collaborators/eve", ada, {"role": "read"})
    assert find(room, "barn", eve) == ["ada/secret-owls"]
    room.ok("DELETE", "/repos/ada/secret-owls", ada)
    assert find(room, "barn", ada) == []


def test_before_a_gate_only_what_lists_show_is_found(room: HubRoom) -> None:
    """Who has not passed the gate finds the name and not the contents; who was let in finds both."""
    ada, eve = room.user("ada"), room.user("eve")
    room.repository(ada, "ada/gated")
    put(room, "ada/gated", FILES)
    gate = room.ok("PUT", "/repos/ada/gated/gate", ada, {"agreement": "Be kind", "automatic": True})
    index(room)

    assert find(room, "gated", eve) == ["ada/gated"]
    assert find(room, "jena", eve) == find(room, "jena") == []
    with room.hub.database.session(reads_only=True) as session:
        principal = tokens.find_principal(session, room.now, eve)
        assert finding.find(session, principal, "gated").hits[0].samples == []
    room.ok("POST", "/repos/ada/gated/access", eve, {"agreed": gate["digest"]})
    assert find(room, "jena", eve) == ["ada/gated"]


def test_results_are_paged_and_bounded(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """No result is shown twice or left out; nobody pages on for ever."""
    ada = room.user("ada")
    for number in range(5):
        room.repository(ada, f"ada/owl-{number}")
    monkeypatch.setattr(finding, "PAGE", 2)

    assert [find(room, "owl", first=first) for first in (0, 2, 4)] == [
        ["ada/owl-0", "ada/owl-1"],
        ["ada/owl-2", "ada/owl-3"],
        ["ada/owl-4"],
    ]
    monkeypatch.setattr(finding, "MOST", 2)
    with room.hub.database.session(reads_only=True) as session:
        assert finding.find(session, ANONYMOUS, "owl").next is None


def test_large_repositories_cost_no_more(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the limit of names nothing is looked at, and of words nothing is kept."""
    room.repository(room.user("ada"), "ada/large")
    monkeypatch.setattr(indexing, "NAMES", 30)
    monkeypatch.setattr(indexing, "WORDS", 20)
    files: dict[bytes, bytes | None] = {f"a{number:02}.txt".encode(): b"" for number in range(60)}
    put(room, "ada/large", files | {b"zz/last": b""})

    index(room)

    paths = select(func.count()).where(SearchWord.part == 1)
    with room.hub.database.session(reads_only=True) as session:
        assert session.scalar(paths) == 20
        assert session.scalar(select(SearchState.partial))
    assert find(room, "a03")
    assert find(room, "last") == []


def test_a_folder_in_itself_often_ends(room: HubRoom) -> None:
    """The same folder under fifty names is looked at once."""
    room.repository(room.user("ada"), "ada/nested")
    same: dict[bytes, bytes | None] = {f"d{number}/owl".encode(): b"" for number in range(50)}
    put(room, "ada/nested", same)
    index(room)

    with room.hub.database.session(reads_only=True) as session:
        assert session.scalar(select(SearchWord.count).where(SearchWord.word == b"owl")) == 1


def table(room: HubRoom, address: str) -> dict[bytes, tuple[int, bytes | None]]:
    """Return what is kept of the paths of a repository."""
    columns = SearchWord.word, SearchWord.count, SearchWord.sample
    query = select(*columns).join(RepositoryRow, RepositoryRow.id == SearchWord.repository_id)
    query = query.where(RepositoryRow.name == address.partition("/")[2], SearchWord.part == Part.PATH)
    with room.hub.database.session(reads_only=True) as session:
        return {word: (count, sample) for word, count, sample in session.execute(query)}


def counted(files: Iterable[bytes], most: int) -> dict[bytes, tuple[int, bytes | None]]:
    """Return what is to be kept of paths, looked at one after the other, those nearer to the top first."""
    above = {
        b"/".join(path.split(b"/")[:depth]) for path in files for depth in range(1, path.count(b"/") + 1)
    }
    ordered = sorted({*files, *above}, key=lambda path: (path.count(b"/"), path.split(b"/")))[:most]
    found: dict[bytes, tuple[int, bytes | None]] = {}
    for path in ordered:
        for word in {*path_words(path.rpartition(b"/")[2])}:
            number, sample = found.get(word, (0, path if len(path) <= 1000 else None))
            found[word] = (number + 1, sample)
    return found


def test_a_second_version_is_as_if_it_were_the_first(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and samples are those of all names looked at one by one, and only what differs is written."""
    ada, chance = room.user("ada"), random.Random(3)
    room.repository(ada, "ada/grown")
    names = (b"%d.jpg", b"cat_%d.jpg", b"cat%d.png", b"Cat-cat %d.JPG", b"\xc3\xa9tude%d", b"x%d" + b"y" * 60)
    paths = [
        b"/".join((b"shelf%d" % chance.randrange(8), b"n" * chance.choice((1, 240)), chance.choice(names)))
        % number
        for number in range(300)
    ]
    paths += [b"/".join([b"deep%d" % number] + [b"d" * 250] * 4 + [b"far%d" % number]) for number in range(2)]
    put(room, "ada/grown", dict.fromkeys(paths, b""))
    index(room)
    assert table(room, "ada/grown") == counted(paths, indexing.NAMES)

    put(room, "ada/grown", {paths[0]: None, paths[1]: None, b"new/cat_1.jpg": b""})
    with statements(room) as asked:
        index(room)
    assert table(room, "ada/grown") == counted([*paths[2:], b"new/cat_1.jpg"], indexing.NAMES)
    assert sum("INTO search_words" in each for each in asked) == 1

    monkeypatch.setattr(indexing, "NAMES", 100)
    room.repository(ada, "ada/large")
    put(room, "ada/large", dict.fromkeys(paths, b""))
    index(room)
    assert table(room, "ada/large") == counted(paths, 100)


def test_names_have_their_words_together_or_apart() -> None:
    """Taken apart all at once they have those of each alone, and those that have the same come once."""
    chance = random.Random(5)
    signs = [bytes([code]) for code in range(1, 128) if code != 0x2F] + [b"1", b"2", b"a", b"_", b"."] * 20
    for more in ([], [b"\xc3\x84", b"\xff"], [b"l" * 60], [b"7" * 50]):
        given = {b"".join(chance.choices(signs + more * 9, k=chance.randrange(1, 12))) for _ in range(300)}
        names = sorted(given)
        numbers: Counter[frozenset[bytes]] = Counter()
        for words, number, first in words_of_names(names):
            assert words == [*path_words(names[first])]
            numbers[frozenset(words)] += number
        assert numbers == Counter(frozenset(path_words(name)) for name in names)
    assert [*words_of_names([b"1.jpg", b"2.JPG", b"7"])] == [([b"jpg"], 2, 0), ([], 1, 2)]
    assert [*words_of_names([])] == []


def test_words_are_cut_and_numbers_of_files_left_out() -> None:
    """Words are small letters and digits, at most 48 bytes, and never half a character."""
    assert list(
        words_of("Stra\N{LATIN SMALL LETTER SHARP S}e_no-1, \N{FULLWIDTH LATIN CAPITAL LETTER A}b")
    ) == [
        b"strasse",
        b"no",
        b"1",
        b"ab",
    ]
    assert list(path_words(b"0001.png")) == [b"png"]
    long = next(words_of("\N{CYRILLIC SMALL LETTER A}" * 40))
    assert long.decode() == "\N{CYRILLIC SMALL LETTER A}" * 24
