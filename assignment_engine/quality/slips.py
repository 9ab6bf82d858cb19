"""Whether two texts are one text with slips of the pen, or two that look alike.

A slip makes a word that hardly anybody else writes: *netwrok* beside *network*. Two words that are both common in the
column are two words, however alike: *hall* and *wall*, *north* and *south*.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from assignment_engine.features.arrays import Bools

ALIKE = 60.0
JOINED_ALIKE = 90.0
RARE_TEXTS = 2
_NUMBERS = re.compile(r"\d+")


def other_numbers(text: str, other: str) -> bool:
    """Whether both texts have numbers and not the same ones: `part 7` is not `part 8`."""
    here, there = _NUMBERS.findall(text), _NUMBERS.findall(other)
    return bool(here) and bool(there) and sorted(here) != sorted(there)


def only_slips(pairs: Sequence[tuple[str, str]], texts: Sequence[str]) -> Bools:
    """For each pair of texts in normal form: whether all words that differ are slips, shape (pairs,).

    Parameters
    ----------
    texts : all distinct texts of the column; a word in at most two of them is rare.
    """
    differences = [_difference(*pair) for pair in pairs]
    rare = _rare({word for pair in differences for words in pair for word in words}, texts)
    return np.fromiter((_are_slips(left, right, rare) for left, right in differences), np.bool_, len(pairs))


def _difference(text: str, other: str) -> tuple[list[str], list[str]]:
    """The words that only one of the two has, in their order."""
    here, there = Counter(text.split()), Counter(other.split())
    return list((here - there).elements()), list((there - here).elements())


def _rare(words: set[str], texts: Sequence[str]) -> frozenset[str]:
    if not words:
        return frozenset()
    times: Counter[str] = Counter()
    for text in texts:
        times.update(words.intersection(text.split()))
    return frozenset(word for word in words if times[word] <= RARE_TEXTS)


def _are_slips(left: list[str], right: list[str], rare: frozenset[str]) -> bool:
    from rapidfuzz.fuzz import ratio  # noqa: PLC0415  (only files with texts that differ need it)

    open_right = list(right)
    open_left = []
    for word in left:
        likely = [w for w in open_right if (word in rare or w in rare) and ratio(word, w) >= ALIKE]
        if likely:
            open_right.remove(max(likely, key=lambda w: ratio(word, w)))
        else:
            open_left.append(word)
    if not open_left and not open_right:
        return True
    torn = any(word in rare for word in (*left, *right))  # words joined or torn apart
    return torn and ratio("".join(left), "".join(right)) >= JOINED_ALIKE
