"""Columns of rows behave as sorted dictionaries of stat records would."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tether.worktree.files import RECORD
from tether.worktree.rows import RowDiff, Rows, diff_rows, find_records, from_items, on_device_of, splice

names = st.binary(min_size=1, max_size=3).filter(lambda name: b"\0" not in name and b"/" not in name)
records = st.integers(0, 3).map(lambda number: RECORD.pack(0o100644, 0, number, number, 7, 1, 1))
folders = st.dictionaries(names, records, max_size=20)


def rows_of(model: dict[bytes, bytes]) -> Rows:
    """Return the rows of a model."""
    return from_items(sorted(model.items()))


def model_diff(old: dict[bytes, bytes], new: dict[bytes, bytes]) -> RowDiff:
    """Compare two models name by name."""
    return RowDiff(
        [(name, old[name], new[name]) for name in sorted(old) if name in new and old[name] != new[name]],
        [(name, new[name]) for name in sorted(new) if name not in old],
        [name for name in sorted(old) if name not in new],
    )


@settings(max_examples=150)
@given(folders, folders)
def test_diff_is_that_of_dictionaries(old: dict[bytes, bytes], new: dict[bytes, bytes]) -> None:
    """Changed, added and removed rows are all found, nothing else."""
    assert diff_rows(rows_of(old), rows_of(new)) == model_diff(old, new)


@settings(max_examples=150)
@given(folders, st.dictionaries(names, st.none() | records, max_size=8))
def test_splice_is_an_update(model: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> None:
    """Replacing, adding and removing give the rows of the updated dictionary."""
    expected = {**model, **{name: record for name, record in changes.items() if record is not None}}
    for name, record in changes.items():
        if record is None:
            expected.pop(name, None)
    assert splice(rows_of(model), changes) == rows_of(expected)


@given(folders, st.sets(names, max_size=30))
def test_find_records(model: dict[bytes, bytes], wanted: set[bytes]) -> None:
    """Few names and many are found alike."""
    expected = {name: model[name] for name in wanted if name in model}
    assert find_records(rows_of(model), wanted) == expected
    assert {name: rows_of(model).find(name) for name in wanted if rows_of(model).find(name)} == expected


def test_diff_of_many_rows_with_few_changes() -> None:
    """In a long column, changes at both ends and in the middle are found across the parts it is cut into."""
    model = {b"name-%06d" % number: RECORD.pack(0, 0, number, 1, 1, 1, 1) for number in range(20_000)}
    other = dict(model)
    for number in (0, 4_999, 10_000, 19_999):
        del other[b"name-%06d" % number]
    for number in (3, 10_001, 19_000):
        other[b"name-%06d" % number] = RECORD.pack(0, 0, 0, 2, 2, 2, 2)
    other |= {b"name-%06dx" % number: bytes(48) for number in (1, 10_000, 19_999)}

    assert diff_rows(rows_of(model), rows_of(other)) == model_diff(model, other)
    assert diff_rows(rows_of(other), rows_of(model)) == model_diff(other, model)
    assert diff_rows(rows_of(model), from_items([])) == model_diff(model, {})
    assert diff_rows(from_items([]), rows_of(model)) == model_diff({}, model)


def test_newest_is_the_latest_of_both_times() -> None:
    """Modification and change times count, of every row."""
    rows = from_items([(b"a", RECORD.pack(0, 0, 0, 5, 9, 0, 0)), (b"b", RECORD.pack(0, 0, 0, 11, 3, 0, 0))])
    assert rows.newest() == 11
    assert from_items([]).newest() == 0


def test_rows_on_another_device() -> None:
    """Only the device number is taken over, for every row."""
    before = from_items(
        [(b"a", RECORD.pack(1, 0, 2, 3, 4, 5, 6)), (b"b", RECORD.pack(7, 0, 8, 9, 10, 11, 6))]
    )
    other = from_items([(b"c", RECORD.pack(0, 0, 0, 0, 0, 0, 2**40 + 77))])

    moved = on_device_of(before, other)

    assert [RECORD.unpack(record) for _, record in moved.items()] == [
        (1, 0, 2, 3, 4, 5, 2**40 + 77),
        (7, 0, 8, 9, 10, 11, 2**40 + 77),
    ]
    assert on_device_of(before, before) is before
    assert on_device_of(before, from_items([])) is before
