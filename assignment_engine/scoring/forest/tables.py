"""From trees to bit masks, as in QuickScorer (Lucchese et al., SIGIR 2015).

The leaves of a tree are numbered from left to right. A node whose test fails rules out the leaves of its left
subtree; the exit leaf is the lowest bit that is left when the masks of all failing nodes are ANDed. The nodes of one
feature fail in the order of their thresholds, so the value of a feature stands for one row of masks, over all trees:
the AND of the masks of those nodes that fail at this value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import FEATURE_NAMES, feature
from assignment_engine.features.extended import EXTENDED
from assignment_engine.scoring.tree_text import Tree

Words = NDArray[np.unsignedinteger[Any]]
Rows = NDArray[np.int32]

MOST_LEAVES = 64
BUCKETS = 1024
ZERO = float(np.float32(1e-35))  # LightGBM takes what is not larger than this for 0
COMPILED_PAIR_FEATURES = frozenset(
    {"skill_match", "experience_complexity_ratio", "capacity_fit", "department_match", "success_rate"}
) | {found.name for found in EXTENDED}
_MISSING_IS_ZERO, _ZERO_IS_MISSING = 0, 1
_CACHE_LINE = 64


class MaskTables(NamedTuple):
    """What compiled code needs of a forest; f features, t trees, w ≥ t words in a row, r rows for all features.

    Feature i owns the rows from `first[i]`: one for each count of thresholds below the value, then the row of a
    missing value (`missing[i]`) and the row of 0 (`zero[i]`). `thresholds` (r,) holds each threshold at the row of
    the values up to it, +inf elsewhere. `buckets` (f, 1024) is the row to start looking from, for values cut into
    equal pieces by `low` and `scale` (f,); at most `steps` (f,) thresholds are left to compare then. `leaves`
    (t, 32 or 64) holds the leaf values, with one more row of zeros where t is odd.
    """

    rows: Words
    thresholds: Floats
    buckets: Rows
    low: Floats
    scale: Floats
    steps: Ints
    missing: Rows
    zero: Rows
    leaves: Floats


@dataclass(frozen=True)
class Forest:
    """A model as mask tables; the word is 32 bits wide for trees of up to 32 leaves, otherwise 64.

    `names` are its features in their order, the 17 first.
    """

    tables: MaskTables = field(repr=False)
    first: Rows = field(repr=False)
    names: tuple[str, ...] = FEATURE_NAMES

    @property
    def bits(self) -> int:
        """Width of a word."""
        return 8 * self.tables.rows.itemsize

    def is_asked(self, feature: int) -> bool:
        """Whether any tree asks for this feature."""
        return bool(self.tables.missing[feature] - self.first[feature] > 1)

    def rows_of(self, feature: int, values: Floats) -> Rows:
        """The mask row of each value of `feature`, any shape, int32."""
        first, missing, zero = (int(row[feature]) for row in (self.first, self.tables.missing, self.tables.zero))
        thresholds = self.tables.thresholds[first : missing - 1]
        rows = first + np.searchsorted(thresholds, values, side="left")
        rows = np.where(np.abs(values) <= ZERO, zero, rows)
        return np.where(np.isnan(values), missing, rows).astype(np.int32)


def not_covered(trees: Sequence[Tree], names: Sequence[str] = FEATURE_NAMES) -> str | None:
    """Why these trees cannot be compiled; None when they can."""
    if any(tree.linear for tree in trees):
        return "it has linear trees"
    if any(tree.categorical for tree in trees):
        return "it has categorical splits"
    largest = max((tree.leaf_value.size for tree in trees), default=0)
    if largest > MOST_LEAVES:
        return f"a tree has {largest} leaves, the compiled forest reaches {MOST_LEAVES}"
    used = {feature(names[i]) for tree in trees for i in np.unique(tree.feature)}
    unknown = sorted(f.name for f in used if f.group == "pair" and f.name not in COMPILED_PAIR_FEATURES)
    return f"the compiled forest does not compute {', '.join(unknown)}" if unknown else None


def compile_forest(trees: Sequence[Tree], names: tuple[str, ...] = FEATURE_NAMES) -> Forest:
    """The mask tables of trees that `not_covered` has nothing against."""
    largest = max((tree.leaf_value.size for tree in trees), default=1)
    word: DTypeLike = np.uint32 if largest <= 32 else np.uint64
    nodes = _nodes(trees)
    parts = [_feature_rows(nodes.of_feature(i), word, len(trees)) for i in range(len(names))]
    sizes = [len(part.rows) for part in parts]
    ends = np.cumsum(sizes)
    first = (ends - sizes).astype(np.int32)
    rows = aligned((int(ends[-1]), _padded(len(trees), word)), word)
    rows[...] = np.iinfo(rows.dtype).max
    rows[:, : len(trees)] = np.concatenate([part.rows for part in parts])
    low, scale, buckets, steps = zip(*(_buckets(part.thresholds) for part in parts), strict=True)
    return Forest(
        MaskTables(
            rows=rows,
            thresholds=np.concatenate([np.append(part.thresholds, [np.inf] * 3) for part in parts]),
            buckets=(np.array(buckets) + first[:, None]).astype(np.int32),
            low=np.array(low),
            scale=np.array(scale),
            steps=np.array(steps),
            missing=(ends - 2).astype(np.int32),
            zero=(ends - 1).astype(np.int32),
            leaves=_leaves(trees, 8 * rows.itemsize),
        ),
        first,
        names,
    )


def aligned(shape: tuple[int, int], word: DTypeLike) -> Words:
    """An uninitialised array that starts at a cache line, so that a vector load never touches two of them."""
    size = shape[0] * shape[1] * np.dtype(word).itemsize
    raw = np.empty(size + _CACHE_LINE, dtype=np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + size].view(word).reshape(shape)


def _padded(trees: int, word: DTypeLike) -> int:
    """Words in a row: the trees, filled up to whole cache lines."""
    line = _CACHE_LINE // np.dtype(word).itemsize
    return max(1, -(-trees // line)) * line


class _Nodes(NamedTuple):
    """All nodes of all trees, shape (k,); `ruled_out` are the bits of the left subtree."""

    feature: Ints
    threshold: Floats
    default_left: Ints
    missing_type: Ints
    tree: Ints
    ruled_out: NDArray[np.uint64]

    def of_feature(self, feature: int) -> _Nodes:
        chosen = self.feature == feature
        return _Nodes(*(column[chosen] for column in self))


def _nodes(trees: Sequence[Tree]) -> _Nodes:
    empty = np.zeros(0, dtype=np.int64)
    return _Nodes(
        np.concatenate([empty, *(tree.feature for tree in trees)]),
        _without_zero(np.concatenate([np.zeros(0), *(tree.threshold for tree in trees)])),
        np.concatenate([empty, *(tree.default_left for tree in trees)]),
        np.concatenate([empty, *(tree.missing_type for tree in trees)]),
        np.repeat(np.arange(len(trees)), [tree.feature.size for tree in trees]),
        np.array([mask for tree in trees for mask in _left_leaves(tree)], dtype=np.uint64),
    )


def _without_zero(thresholds: Floats) -> Floats:
    """Thresholds so near to 0 that LightGBM's rounding of values to 0 matters, moved to where it does not."""
    near = np.abs(thresholds) <= ZERO
    return np.where(near, np.where(thresholds >= 0.0, ZERO, np.nextafter(-ZERO, -1.0)), thresholds)


def _spans(tree: Tree) -> tuple[list[int], list[int], list[int]]:
    """Of each node: leaves in the left subtree, position of its first leaf; and the position of each leaf."""
    nodes = tree.feature.size
    size, start, position = [0] * nodes, [0] * nodes, [0] * (nodes + 1)
    on_left = [0] * nodes
    for node in reversed(range(nodes)):  # children have larger numbers than their parent
        left, right = int(tree.left[node]), int(tree.right[node])
        on_left[node] = size[left] if left >= 0 else 1
        size[node] = on_left[node] + (size[right] if right >= 0 else 1)
    for node in range(nodes):
        for child, at in ((tree.left[node], start[node]), (tree.right[node], start[node] + on_left[node])):
            if child >= 0:
                start[child] = at
            else:
                position[~child] = at
    return on_left, start, position


def _left_leaves(tree: Tree) -> list[int]:
    on_left, start, _ = _spans(tree)
    return [((1 << count) - 1) << first for count, first in zip(on_left, start, strict=True)]


def _leaves(trees: Sequence[Tree], width: int) -> Floats:
    """Leaf values from left to right, shape (t or t + 1, width): always an even number of trees."""
    leaves = np.zeros((len(trees) + len(trees) % 2, width))
    for row, tree in zip(leaves, trees, strict=False):
        row[_spans(tree)[2]] = tree.leaf_value
    return leaves


class _FeatureRows(NamedTuple):
    """The thresholds (q,) of one feature, ascending, and its rows (q + 3, t): by rank, missing, zero."""

    thresholds: Floats
    rows: Words


def _feature_rows(nodes: _Nodes, word: DTypeLike, trees: int) -> _FeatureRows:
    thresholds, rank = np.unique(nodes.threshold, return_inverse=True)
    rows = np.zeros((thresholds.size + 3, trees), dtype=word)
    np.bitwise_or.at(rows, (rank + 1, nodes.tree), nodes.ruled_out.astype(word))
    np.bitwise_or.accumulate(rows[: thresholds.size + 1], axis=0, out=rows[: thresholds.size + 1])
    by_default = nodes.default_left == 0
    zero_fails = np.where(nodes.missing_type == _ZERO_IS_MISSING, by_default, nodes.threshold < 0.0)
    missing_fails = np.where(nodes.missing_type == _MISSING_IS_ZERO, nodes.threshold < 0.0, by_default)
    for row, fails in ((-2, missing_fails), (-1, zero_fails)):
        rows[row] = 0
        np.bitwise_or.at(rows[row], nodes.tree[fails], nodes.ruled_out[fails].astype(word))
    return _FeatureRows(thresholds, ~rows)


def _buckets(thresholds: Floats) -> tuple[float, float, Rows, int]:
    """Where to start looking: low, scale, for each piece the thresholds in the pieces before it; most in one piece.

    The piece of a value never falls as the value grows, so every threshold in an earlier piece is below it; only
    those in its own piece have to be compared.
    """
    finite = thresholds[np.isfinite(thresholds)]  # a split of missing values from all others is at +inf
    if not finite.size:
        return 0.0, 1.0, np.zeros(BUCKETS, dtype=np.int32), thresholds.size
    low, span = float(finite[0]), float(finite[-1] - finite[0])
    scale = min((BUCKETS - 1) / span, 1e300) if span > 0.0 else 1.0
    piece = np.clip((thresholds - low) * scale, 0.0, BUCKETS - 1.0).astype(np.int64)
    before = np.searchsorted(piece, np.arange(BUCKETS), side="left").astype(np.int32)
    return low, scale, before, int(np.bincount(piece).max())
