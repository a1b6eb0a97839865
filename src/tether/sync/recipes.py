"""What recipes list, and what of it a receiver has that has their pages."""

from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from itertools import chain

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.recipe import Recipe, decode_page, decode_recipe
from tether.core.tree import split_digests
from tether.errors import Corrupt, NotFound

Lacking = Callable[[Sequence[Digest]], Iterable[Digest]]
"""Returns those of some digests that the receiver lacks."""


def read_recipe(source: ObjectReader, file: Digest) -> Recipe:
    """Return the recipe of a content of several chunks."""
    return decode_recipe(file, source.get(ObjectKind.RECIPE, file))


def chunks_of(source: ObjectReader, recipe: Recipe) -> list[Digest]:
    """Return the chunks of a content, in order."""
    if recipe.chunks is not None:
        return split_digests(recipe.chunks.digests)
    return _listed(source, recipe.pages)


def known_by_pages(
    source: ObjectReader, lacking: Lacking, pages: Iterable[Digest], earlier: Iterable[Digest]
) -> Set[Digest]:
    """Return which pages of recipes a receiver has, and the chunks that these list, which it has as well.

    That holds for a page as for every object: it has what it refers to. Of a recipe it would not follow: its
    digest is that of the file, which the receiver may have by a recipe that lists other chunks.

    Args:
        source: Has the recipes and pages.
        lacking: Is asked about all pages at once.
        pages: Of the recipes of new contents.
        earlier: Contents whose recipes may have pages with many of the same chunks.
    """
    found = dict.fromkeys(pages)
    for file in earlier if found else ():
        with suppress(Corrupt, NotFound):  # it is a single chunk, or not here
            found.update(dict.fromkeys(read_recipe(source, file).pages))
    left = frozenset(lacking(list(found)))
    known: set[Digest] = set()
    for page in found:
        if page not in left:
            known.add(page)
            with suppress(Corrupt, NotFound):
                known.update(_listed(source, [page]))
    return known


def _listed(source: ObjectReader, pages: Sequence[Digest]) -> list[Digest]:
    payloads = source.get_many(ObjectKind.RECIPE_PAGE, pages)
    return list(chain.from_iterable(split_digests(decode_page(page).digests) for page in payloads))
