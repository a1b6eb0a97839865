"""The attributes that a tree gives to its files, by the `.tetherattributes` in its folders."""

from collections.abc import Callable, Sequence

from tether.core.attributes import (
    ATTRIBUTES_FILE,
    MAX_TEXT,
    MERGE_RULES,
    NOTHING,
    AttributeRule,
    Attributes,
    attributes_of,
    parse_attributes,
)
from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.core.treeread import find_many
from tether.errors import InvalidInput


class TreeAttributes:
    """Looks up the attributes of files; each attributes file is read once.

    Args:
        objects: Gives the nodes of the tree.
        read: Gives the content of a file.
        tree: Whose rules hold.
    """

    def __init__(self, objects: ObjectReader, read: Callable[[Digest], bytes], tree: Digest) -> None:
        self._objects, self._read, self._tree = objects, read, tree
        self._rules: dict[bytes, Sequence[AttributeRule]] = {}

    def of(self, path: bytes) -> Attributes:
        """Return the attributes of a file.

        Raises:
            InvalidInput: An attributes file is longer than `MAX_TEXT`.
        """
        folders = [b""]
        folders += (path[:at] for at, byte in enumerate(path) if byte == ord("/"))
        files = [(folder, rules) for folder in folders if (rules := self._rules_in(folder))]
        return attributes_of(path, files) if files else NOTHING

    def merge_rule(self, path: bytes) -> str | None:
        """Return how to merge a file that both sides changed; None for what its content suggests.

        Raises:
            InvalidInput: The rule is none that there is.
        """
        found = self.of(path)
        if found.merge is not None and found.merge not in MERGE_RULES:
            raise InvalidInput(
                f"{display(path)} has an unknown merge rule: {found.merge}",
                hint=f"give it one of {', '.join(MERGE_RULES)} in {display(ATTRIBUTES_FILE)}",
            )
        if found.merge is None and found.binary is not None:
            return "binary" if found.binary else "text"
        return found.merge

    def _rules_in(self, folder: bytes) -> Sequence[AttributeRule]:
        if folder not in self._rules:
            place = folder + b"/" + ATTRIBUTES_FILE if folder else ATTRIBUTES_FILE
            entry = find_many(self._objects, self._tree, [place]).get(place)
            if entry is None or entry.kind not in (EntryKind.FILE, EntryKind.EXECUTABLE):
                self._rules[folder] = ()
            elif entry.size > MAX_TEXT:
                raise InvalidInput(f"{display(place)} is longer than {MAX_TEXT} bytes")
            else:
                self._rules[folder] = parse_attributes(self._read(entry.digest))
        return self._rules[folder]
