"""Texts: exact match, F1 of words, and the rates of edits in characters and in words.

Source of the distance: H. Hyyrö, Explaining and extending the bit-parallel approximate string matching
algorithm of Myers (2001).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tether.evals.metrics.base import Figures, Floats, Measures, Sums, divided, sums_of_rows


def text(labels: Sequence[str], predictions: Sequence[str]) -> Measures:
    """Return what is measured of predicted texts.

    Spaces at the ends do not count, nor how many stand between words; capitals do, but for the F1 of words.
    """
    rows = np.array([_row(*pair) for pair in zip(labels, predictions, strict=True)]).reshape(-1, 7)
    correct = rows[:, 1] == 1
    error = divided(rows[:, 3], np.maximum(rows[:, 4], 1))
    sums = Sums(sums_of_rows(rows), _figures, 7, {"exact_match": (1, 0)})
    return Measures(len(labels), "exact_match", sums, error, correct=correct)


def _row(label: str, prediction: str) -> tuple[float, ...]:
    wanted, found = label.split(), prediction.split()
    plain, given = " ".join(wanted), " ".join(found)
    if plain == given:
        return 1, 1, 1, 0, len(plain), 0, len(wanted)
    f1 = token_f1([word.casefold() for word in wanted], [word.casefold() for word in found])
    return 1, 0, f1, distance(plain, given), len(plain), distance(wanted, found), len(wanted)


def token_f1(wanted: Sequence[str], found: Sequence[str]) -> float:
    """Return twice the words that both have over the words of both; 1 where neither has any."""
    if not wanted and not found:
        return 1.0
    common = (Counter(wanted) & Counter(found)).total()
    return 2 * common / (len(wanted) + len(found))


def distance(wanted: Sequence[str], found: Sequence[str]) -> int:
    """Return how many insertions, removals and exchanges lead from one sequence to another."""
    if not wanted or not found:
        return max(len(wanted), len(found))
    if len(found) < len(wanted):  # it is the same both ways, and the bits of the shorter one are fewer
        wanted, found = found, wanted
    places: dict[str, int] = {}
    for at, each in enumerate(wanted):
        places[each] = places.get(each, 0) | 1 << at
    mask, last = (1 << len(wanted)) - 1, 1 << (len(wanted) - 1)
    plus, minus, score = mask, 0, len(wanted)
    for each in found:
        equal = places.get(each, 0)
        zero = (((equal & plus) + plus) ^ plus) | equal | minus
        up = minus | ~(zero | plus) & mask
        down = plus & zero
        score += bool(up & last) - bool(down & last)
        up = (up << 1 | 1) & mask
        plus = (down << 1 | ~(zero | up)) & mask
        minus = up & zero
    return score


def _figures(sums: Floats) -> Figures:
    count, exact, f1, character_edits, characters, word_edits, words = sums.T
    return {
        "exact_match": divided(exact, count),
        "token_f1": divided(f1, count),
        "cer": divided(character_edits, characters),
        "wer": divided(word_edits, words),
    }
