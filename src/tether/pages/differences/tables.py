"""Differences of tables: rows that were added, removed and changed, cell by cell where a key is clear."""

from tether.core.attributes import Attributes
from tether.core.phrases import count_text
from tether.errors import InvalidInput
from tether.pages.differences.pair import Difference, Pair
from tether.pages.lasting import passing
from tether.pages.tables.differing import MOST_ROWS, compare_tables
from tether.pages.viewers.table import form_of

_LIMIT_AMONG_MANY = 8 * 1024 * 1024
_SHORT = 60


def show(pair: Pair) -> Difference | None:
    """Compare two tables of one form; the text of those that have one is shown by `?plain=1`."""
    old, new = pair.old, pair.new
    said = pair.attributes
    if old is None or new is None or pair.query.get("plain") == "1" or (said.binary and said.key is None):
        return None
    form = form_of(new.type.kind, new.entry.name)
    if form is None or form != form_of(old.type.kind, old.entry.name):
        return None
    if not pair.alone and max(old.entry.size, new.entry.size) > _LIMIT_AMONG_MANY:
        return Difference("large.html")
    contents = new.shown.repository.contents
    before, after = ((side.entry.digest, side.entry.size) for side in (old, new))
    try:
        found = compare_tables(contents, before, after, form, key_of(said))
    except InvalidInput as error:
        passing()
        return Difference("other.html", (), {"failure": error})
    counts = found.counts
    words = [("good", f"+{counts['added']:,}"), ("bad", f"-{counts['removed']:,}")]
    if found.key is not None:
        words.append(("quiet", f"{count_text(counts['changed'], 'row')} changed"))
    context = {"found": found, "most": MOST_ROWS, "text": form != "parquet", "short": _shortened}
    return Difference("tables.html", tuple(words), context)


def key_of(said: Attributes) -> tuple[str, ...]:
    """Return the columns that `key=COLUMN` names, several with commas; none where nobody says so."""
    return tuple(filter(None, (said.key or "").split(",")))


def _shortened(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _SHORT else text[:_SHORT] + "..."
