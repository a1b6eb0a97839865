"""A profile in a few words."""

from tether.core.phrases import count_text
from tether.releases.profiles.document import Profile


def summary(found: Profile) -> str:
    """Return a profile in a few words."""
    words = [count_text(found.files.count, "file")] if found.files is not None else []
    if found.tables:
        columns = max(len(each.columns) for each in found.tables)
        words += [count_text(found.rows, "row"), count_text(columns, "column")]
    if found.arrays:
        least = "at least " if found.at_least and found.more_arrays else ""
        words.append(least + count_text(len(found.arrays) + found.more_arrays, "array"))
    if found.images is not None:
        words.append(count_text(found.images.count, "picture"))
    if found.texts is not None:
        words.append(count_text(found.texts.count, "text"))
    labels = [
        each.distinct for table in found.tables for each in table.columns if each.label and each.distinct
    ]
    words += [count_text(each, "label") for each in labels[:1]]
    if found.damaged.count:
        words.append(f"{found.damaged.count:,} not read")
    return ", ".join(words)
