"""HDF5 files as models: the tensors in their groups, and what Keras says in attributes.

A file of weights has the numbers and their names alone; one of a whole model, as Keras wrote them before
version 3, has its configuration as an attribute of the root.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from tether.model.facts import DAMAGED, Caution, ModelFacts, Tensor, shortened
from tether.model.formats.hdf5.attributes import Attributes, attributes
from tether.model.formats.hdf5.datasets import OUTSIDE, is_dataset, read_dataset
from tether.model.formats.hdf5.groups import Link, is_group, links
from tether.model.formats.hdf5.headers import read_header
from tether.model.formats.hdf5.raw import Hdf5
from tether.model.formats.kerasconfig import inspect
from tether.model.source import Source

CONFIG = "model_config"
_MOST_LINKS = 100_000
_LONGEST_PATH = 1000


class Contents(NamedTuple):
    """What an HDF5 file holds."""

    version: int
    tensors: tuple[Tensor, ...]
    attributes: Attributes
    """Of the root."""
    warnings: tuple[Caution, ...]


def read(source: Source, _name: str) -> ModelFacts:
    """Return the tensors of an HDF5 file and the configuration that Keras may have put there.

    Raises:
        InvalidInput: It is not sound.
        Unsupported: It is of a version that is not known.
    """
    found = contents(source)
    values = found.attributes.values
    facts: dict[str, Any] = {key: shortened(value) for key, value in list(values.items())[:200]}
    warnings = list(found.warnings)
    config = values.get(CONFIG)
    if not found.attributes.whole and not isinstance(config, str):
        warnings.append(Caution(DAMAGED, "some of its attributes are not read, so it may have code"))
    elif config is not None:
        layers, more = _configured(config)
        facts |= layers
        warnings += more
    return ModelFacts("hdf5", str(found.version), found.tensors, facts, warnings=tuple(warnings))


def contents(source: Source) -> Contents:
    """Return all tensors of a file, in the order of its groups; errors as for `read`."""
    file = Hdf5(source)
    said = attributes(file, read_header(file, file.root))
    walk = _Walk(file)
    walk.run()
    return Contents(file.version, tuple(walk.tensors), said, tuple(walk.cautions()))


def _configured(config: Any) -> tuple[dict[str, Any], tuple[Caution, ...]]:
    """Return the layers of a configuration and what is to be said of them."""
    try:
        layers, warnings = inspect(msgspec.json.decode(config, type=dict[str, Any]))
    except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError):
        return {}, (Caution(DAMAGED, "its configuration cannot be read, so it may have code"),)
    return {"layers": layers}, warnings


@dataclass(slots=True)
class _Walk:
    """Goes through the groups of a file; each group is entered once."""

    file: Hdf5
    tensors: list[Tensor] = field(default_factory=list)
    unread: dict[str, list[str]] = field(default_factory=dict)
    """Names by the reason why their numbers are not to be had."""
    outside: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Links that are not followed."""
    links: int = 0

    def run(self) -> None:
        entered: set[int] = set()
        waiting = [Link("", self.file.root)]
        while waiting:
            path, at, _ = waiting.pop()
            header = read_header(self.file, at)
            if is_dataset(header):
                self._add(path, *read_dataset(self.file, header, path))
            elif at in entered:
                self.skipped.append(path)
            elif is_group(header):
                entered.add(at)
                waiting += reversed(
                    [each for link in links(self.file, header) for each in self._here(path, link)]
                )

    def _here(self, path: str, link: Link) -> list[Link]:
        """Return a link with its whole path, or nothing where it is not followed."""
        self.links += 1
        full = f"{path}/{link.name}" if path else link.name
        if not link.name or len(full) > _LONGEST_PATH or self.links > _MOST_LINKS:
            raise self.file.damaged("its names are more or longer than those of any model")
        if link.way == "here":
            return [link._replace(name=full)]
        (self.outside if link.way == "external" else self.skipped).append(full)
        return []

    def _add(self, path: str, tensor: Tensor, why: str) -> None:
        self.tensors.append(tensor)
        if why == OUTSIDE:
            self.outside.append(path)
        elif why:
            self.unread.setdefault(why, []).append(path)

    def cautions(self) -> list[Caution]:
        """Return what was not read, and what a loader would read elsewhere."""
        found = (
            [Caution("outside", f"{_some(self.outside)} would be read from another file")]
            if self.outside
            else []
        )
        if self.skipped:
            found.append(Caution("not-read", f"links that are not followed: {_some(self.skipped)}"))
        for why, names in self.unread.items():
            found.append(Caution("not-read", f"the values of {_some(names)} are not read: {why}"))
        return found


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"{names[0][:100]!r}{more}"
