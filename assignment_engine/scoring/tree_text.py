"""One tree of LightGBM's text format, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from assignment_engine.domain.errors import BundleError
from assignment_engine.features.arrays import Bools, Floats, Ints

_NODE_NUMBERS = ("split_gain", "threshold", "internal_value", "internal_weight")
_NODE_INTEGERS = ("split_feature", "decision_type", "left_child", "right_child", "internal_count")
_SINGLE_FIELDS = {
    "num_leaves": r"[1-9]\d{0,4}",
    "num_cat": r"0|[1-9]\d{0,4}",
    "is_linear": r"0|1",
    "shrinkage": r"[\d.e+-]+",
}
_OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_OF_NODES = (*_NODE_NUMBERS, *_NODE_INTEGERS)
_OF_CATEGORIES = ("cat_boundaries", "cat_threshold")
_OF_LINEAR_LEAVES = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?(e[-+]?\d+)?|inf)")
_INTEGER = re.compile(r"-?\d{1,10}")
_MOST = 2**31 - 1
_MOST_WORD = 2**32 - 1
_DECISIONS = (0, 2, 4, 6, 8, 10)  # 2: by default to the left; 4, 8: the missing type
_BY_CATEGORY = (1, 5, 9)


@dataclass(frozen=True)
class Tree:
    """One tree of n leaves; node 0 is the root. A child ≥ 0 is a node, a child c < 0 is the leaf ~c.

    `feature`, `threshold`, `default_left`, `missing_type`, `left` and `right` have shape (n − 1,), `leaf_value` (n,).
    A row goes left where its value ≤ threshold. `missing_type` 0: NaN counts as 0; 1: 0 and NaN take the default
    side; 2: NaN takes the default side. A threshold is infinite where a node asks only whether the value is missing.

    Two kinds of trees are read, but only LightGBM itself predicts with them: `categorical` ones, where a node may ask
    for a set of values, and `linear` ones, whose leaves hold linear functions.
    """

    feature: Ints
    threshold: Floats
    default_left: Ints
    missing_type: Ints
    left: Ints
    right: Ints
    leaf_value: Floats = field(repr=False)
    categorical: bool = False
    linear: bool = False


def refused(what: str) -> BundleError:
    return BundleError(f"the model text is damaged: {what}")


def expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise refused(otherwise)


def read_fields(lines: Sequence[str]) -> dict[str, str]:
    """Lines `name=value` as a mapping."""
    pairs = [line.partition("=") for line in lines]
    values = {key: value for key, equals, value in pairs if equals}
    expect(len(values) == len(lines), "a line is no 'name=value' or a name comes twice")
    return values


def check_patterns(values: Mapping[str, str], patterns: Mapping[str, str], where: str) -> None:
    for name, pattern in patterns.items():
        expect(name in values, f"{where} has no {name}")
        expect(re.fullmatch(pattern, values[name]) is not None, f"{where}: unexpected {name}={values[name][:40]}")


def read_tree(number: int, block: str, features: int) -> Tree:
    """The tree in `block`, over so many features.

    Raises
    ------
    BundleError
        If the block is not exactly one whole, consistent tree.
    """
    name = f"tree {number}"
    lines = block.rstrip("\n").split("\n")
    expect(block.endswith("\n\n") and lines[0] == f"Tree={number}", f"{name} does not begin or end where it should")
    values = read_fields(lines[1:])
    check_patterns(values, _SINGLE_FIELDS, name)
    leaves, categories, linear = int(values["num_leaves"]), int(values["num_cat"]), values["is_linear"] == "1"
    _check_names(values, leaves, name, categorical=categories > 0, linear=linear)
    text = _Text(name, values)
    tree = _plain_tree(text, leaves, features)
    _check_shape(tree, leaves, name)
    _check_categories(text, tree.threshold[_by_category(text, leaves)], categories)
    if linear:
        _check_linear(text, leaves, features)
    return replace(tree, categorical=categories > 0, linear=linear)


def _check_names(values: Mapping[str, str], leaves: int, name: str, *, categorical: bool, linear: bool) -> None:
    """Just the lines that such a tree has; one of a single leaf may lack what it has no values for."""
    kinds = (_OF_CATEGORIES if categorical else ()) + (_OF_LINEAR_LEAVES if linear else ())
    names = {*_OF_NODES, *_OF_LEAVES, *_SINGLE_FIELDS, *kinds}
    optional = {*_OF_NODES, *_OF_LEAVES[1:]} if leaves == 1 else set()
    expect(values.keys() <= names, f"{name} has unknown lines")
    expect(values.keys() | optional >= names, f"{name} has missing lines")


@dataclass(frozen=True)
class _Text:
    """The lines of one tree, by name; a line that is not there is empty."""

    tree: str
    values: Mapping[str, str]

    def words(self, key: str, count: int) -> list[str]:
        text = self.values.get(key, "")
        words = text.split(" ") if text else []
        expect(len(words) == count, f"{self.tree} {key} has {len(words)} values, expected {count}")
        return words

    def numbers(self, key: str, count: int) -> Floats:
        words = self.words(key, count)
        expect(all(map(_NUMBER.fullmatch, words)), f"{self.tree} {key} holds something else than numbers")
        values = np.array([float(word) for word in words])
        written = np.array([word.endswith("inf") for word in words], dtype=bool)
        expect(np.array_equal(np.isinf(values), written), f"{self.tree} {key} holds a number that is too large")
        return values

    def finite(self, key: str, count: int) -> Floats:
        values = self.numbers(key, count)
        expect(bool(np.isfinite(values).all()), f"{self.tree} {key} holds a value that is not finite")
        return values

    def integers(self, key: str, count: int, least: int = -_MOST, most: int = _MOST) -> Ints:
        """LightGBM takes other ways to write a number, such as 1e3, for other numbers here."""
        words = self.words(key, count)
        expect(all(map(_INTEGER.fullmatch, words)), f"{self.tree} {key} are not whole numbers")
        values = np.array([int(word) for word in words], dtype=np.int64)
        expect(bool(np.all((values >= least) & (values <= most))), f"{self.tree} {key} out of range")
        return values


def _plain_tree(text: _Text, leaves: int, features: int) -> Tree:
    numbers = {key: text.numbers(key, leaves - 1) for key in _NODE_NUMBERS}
    integers = {key: text.integers(key, leaves - 1) for key in _NODE_INTEGERS}
    if leaves > 1 or text.values.get("leaf_weight"):
        text.numbers("leaf_weight", leaves)
    if leaves > 1 or text.values.get("leaf_count"):
        text.integers("leaf_count", leaves)
    decision = integers["decision_type"]
    expect(bool(np.isin(decision, _DECISIONS + _BY_CATEGORY).all()), f"{text.tree} split type")
    return Tree(
        feature=text.integers("split_feature", leaves - 1, 0, features - 1),
        threshold=numbers["threshold"],
        default_left=(decision >> 1) & 1,
        missing_type=decision >> 2,
        left=integers["left_child"],
        right=integers["right_child"],
        leaf_value=text.finite("leaf_value", leaves),
    )


def _by_category(text: _Text, leaves: int) -> Bools:
    """Whether a node asks for a set of categories, shape (n − 1,)."""
    return (text.integers("decision_type", leaves - 1) & 1).astype(bool)


def _check_shape(tree: Tree, leaves: int, name: str) -> None:
    """Every node but the root and every leaf is the child of exactly one node, which has a smaller number."""
    left, right = tree.left, tree.right
    children = np.sort(np.concatenate([left, right]))
    expected = np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)]) if leaves > 1 else children
    expect(np.array_equal(children, expected), f"{name} is not a tree")
    nodes = np.arange(leaves - 1)
    forward = ((left < 0) | (left > nodes)) & ((right < 0) | (right > nodes))
    expect(bool(np.all(forward)), f"{name} leads back to an earlier node")


def _check_categories(text: _Text, asked: Floats, categories: int) -> None:
    """The threshold of a node that asks for categories is the number of their set; a set is some words of bits."""
    expect(np.array_equal(np.sort(asked), np.arange(categories)), f"{text.tree} does not use each category set once")
    if categories:
        bounds = text.integers("cat_boundaries", categories + 1, 0)
        expect(bounds[0] == 0 and bool(np.all(np.diff(bounds) > 0)), f"{text.tree} cat_boundaries do not ascend")
        text.integers("cat_threshold", int(bounds[-1]), 0, _MOST_WORD)


def _check_linear(text: _Text, leaves: int, features: int) -> None:
    """A constant for each leaf, and the features and coefficients of its linear function."""
    text.finite("leaf_const", leaves)
    sizes = text.integers("num_features", leaves, 0, features)
    of_leaves = {key: _by_leaf(text, key, sizes) for key in ("leaf_features", "leaf_coeff")}
    terms = _Text(text.tree, of_leaves)
    terms.integers("leaf_features", int(sizes.sum()), 0, features - 1)
    terms.finite("leaf_coeff", int(sizes.sum()))


def _by_leaf(text: _Text, key: str, sizes: Ints) -> str:
    """The words of all leaves with single spaces between; as written, a space follows each word and each leaf."""
    words = text.values[key].split()
    ends = np.cumsum(sizes)
    leaves = ["".join(f"{word} " for word in words[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    expect("".join(f"{leaf} " for leaf in leaves) == text.values[key], f"{text.tree} {key} does not fit num_features")
    return " ".join(words)
