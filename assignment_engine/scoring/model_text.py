"""Reads LightGBM's text format strictly.

LightGBM itself ends the whole process when it is given a text that does not fit together, so nothing reaches it
unchecked: sections, sizes, array lengths, indices and the shape of every tree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from assignment_engine.domain.errors import BundleError
from assignment_engine.features.arrays import Floats, Ints

_HEADER = {
    "version": r"v4",
    "num_class": r"1",
    "num_tree_per_iteration": r"1",
    "label_index": r"0",
    "max_feature_idx": r"\d+",
    "objective": r"[\w :.+-]+",
    "feature_names": r"\w+( \w+)*",
    "feature_infos": r"(none|\[[^\s:\[\]]+:[^\s:\[\]]+\])( (none|\[[^\s:\[\]]+:[^\s:\[\]]+\]))*",
    "tree_sizes": r"\d+( \d+)*",
}
_OPTIONAL_HEADER = {"monotone_constraints": r"(-1|0|1)( (-1|0|1))*"}
_NODE_FIELDS = (
    "split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
    "internal_value", "internal_weight", "internal_count",
)  # fmt: skip
_LEAF_FIELDS = ("leaf_value", "leaf_weight", "leaf_count")
_SINGLE_FIELDS = {"num_leaves": r"[1-9]\d{0,4}", "num_cat": r"0", "is_linear": r"0", "shrinkage": r"[\d.e+-]+"}
_TREE_FIELDS = frozenset((*_NODE_FIELDS, *_LEAF_FIELDS, *_SINGLE_FIELDS))
_PARAMETER = re.compile(r"\[\w+: [^\]\n]*\]")
_MISSING_TYPES = 3


@dataclass(frozen=True)
class Tree:
    """One tree of n leaves; node 0 is the root. A child ≥ 0 is a node, a child c < 0 is the leaf ~c.

    `feature`, `threshold`, `default_left`, `missing_type`, `left` and `right` have shape (n − 1,), `leaf_value` (n,).
    A row goes left where its value ≤ threshold. `missing_type` 0: NaN counts as 0; 1: 0 and NaN take the default
    side; 2: NaN takes the default side. A threshold is infinite where a node asks only whether the value is missing.
    """

    feature: Ints
    threshold: Floats
    default_left: Ints
    missing_type: Ints
    left: Ints
    right: Ints
    leaf_value: Floats = field(repr=False)


def read_trees(text: str, features: Sequence[str], objective: str) -> tuple[Tree, ...]:
    """The trees of a LightGBM model over `features`.

    Raises
    ------
    BundleError
        If the text is not a whole, consistent model of one class over exactly these features.
    """
    if not text.isascii():
        raise _refused("it holds other than ASCII characters")
    head, gap, _ = text.partition("\n\n")
    header = _header(head, gap)
    _expect(header["feature_names"].split() == list(features), "its features are not those of the manifest")
    _expect(header["objective"] == objective, f"its objective {header['objective']!r} is not that of the manifest")
    _expect(int(header["max_feature_idx"]) == len(features) - 1, "max_feature_idx does not fit the features")
    _expect(len(header["feature_infos"].split()) == len(features), "feature_infos does not fit the features")
    blocks, rest = _blocks(text, len(head) + len(gap), [int(size) for size in header["tree_sizes"].split()])
    _check_rest(rest)
    return tuple(_tree(number, block, len(features)) for number, block in enumerate(blocks))


def _refused(what: str) -> BundleError:
    return BundleError(f"the model text is damaged: {what}")


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise _refused(otherwise)


def _fields(lines: Sequence[str]) -> dict[str, str]:
    pairs = [line.partition("=") for line in lines]
    values = {key: value for key, equals, value in pairs if equals}
    _expect(len(values) == len(lines), "a line is no 'name=value' or a name comes twice")
    return values


def _check_patterns(values: Mapping[str, str], patterns: Mapping[str, str], where: str) -> None:
    for name, pattern in patterns.items():
        _expect(name in values, f"{where} has no {name}")
        _expect(re.fullmatch(pattern, values[name]) is not None, f"{where}: unexpected {name}={values[name][:40]}")


def _header(head: str, gap: str) -> dict[str, str]:
    lines = head.split("\n")
    _expect(bool(gap) and lines[0] == "tree", "it does not begin as one")
    values = _fields(lines[1:])
    _check_patterns(values, _HEADER, "the header")
    _check_patterns(values, {name: p for name, p in _OPTIONAL_HEADER.items() if name in values}, "the header")
    unknown = values.keys() - _HEADER.keys() - _OPTIONAL_HEADER.keys()
    _expect(not unknown, f"unknown header lines {sorted(unknown)}")
    return values


def _blocks(text: str, start: int, sizes: Sequence[int]) -> tuple[list[str], str]:
    """The text of each tree, by the sizes that the header states, and what follows the trees."""
    blocks = []
    for size in sizes:
        blocks.append(text[start : start + size])
        start += size
    rest = text[start:]
    _expect(rest.startswith("end of trees\n"), "the trees do not end where the header says")
    return blocks, rest


def _check_rest(rest: str) -> None:
    """What follows the trees has importances, which nobody reads, and parameters, which LightGBM does read."""
    _, start, tail = rest.partition("\nparameters:\n")
    parameters, end, _ = tail.partition("\nend of parameters\n")
    _expect(bool(start and end), "the parameters are missing or not complete")
    _expect(all(_PARAMETER.fullmatch(line) for line in parameters.split("\n") if line), "a parameter is not readable")


def _tree(number: int, block: str, features: int) -> Tree:
    name = f"tree {number}"
    lines = block.rstrip("\n").split("\n")
    _expect(block.endswith("\n\n") and lines[0] == f"Tree={number}", f"{name} does not begin or end where it should")
    values = _fields(lines[1:])
    _check_patterns(values, _SINGLE_FIELDS, name)
    leaves = int(values["num_leaves"])
    optional = _NODE_FIELDS + _LEAF_FIELDS[1:] if leaves == 1 else ()
    _expect(values.keys() <= _TREE_FIELDS, f"{name} has unknown lines")
    _expect(values.keys() | set(optional) >= _TREE_FIELDS, f"{name} has missing lines")
    arrays = {
        field_name: _numbers(values.get(field_name, ""), leaves - (field_name in _NODE_FIELDS), f"{name} {field_name}")
        for field_name in _NODE_FIELDS + _LEAF_FIELDS
        if values.get(field_name) or leaves > 1 or field_name not in _LEAF_FIELDS[1:]
    }
    return _checked(arrays, leaves, features, name)


def _numbers(text: str, count: int, where: str) -> Floats:
    try:
        values = [float(word) for word in text.split(" ")] if text else []
    except ValueError as exc:
        raise _refused(f"{where} holds something else than numbers") from exc
    _expect(len(values) == count, f"{where} has {len(values)} values, expected {count}")
    _expect(not any(map(math.isnan, values)), f"{where} holds NaN")
    return np.array(values, dtype=np.float64)


def _checked(arrays: Mapping[str, Floats], leaves: int, features: int, name: str) -> Tree:
    integers = {key: _integers(arrays[key], f"{name} {key}") for key in _NODE_FIELDS[:1] + _NODE_FIELDS[3:6]}
    feature, decision = integers["split_feature"], integers["decision_type"]
    left, right = integers["left_child"], integers["right_child"]
    missing_type = decision >> 2
    _expect(bool(np.all((feature >= 0) & (feature < features))), f"{name} splits on a feature that does not exist")
    _expect(bool(np.all((decision & 1 == 0) & (decision >= 0) & (missing_type < _MISSING_TYPES))), f"{name} split type")
    _expect(bool(np.isfinite(arrays["leaf_value"]).all()), f"{name} has a leaf that is not finite")
    _check_shape(left, right, leaves, name)
    return Tree(feature, arrays["threshold"], (decision >> 1) & 1, missing_type, left, right, arrays["leaf_value"])


def _integers(values: Floats, where: str) -> Ints:
    _expect(bool(np.all((values == np.rint(values)) & (np.abs(values) < 2**31))), f"{where} are not whole numbers")
    return values.astype(np.int64)


def _check_shape(left: Ints, right: Ints, leaves: int, name: str) -> None:
    """Every node but the root and every leaf is the child of exactly one node, which has a smaller number."""
    children = np.sort(np.concatenate([left, right]))
    expected = np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)]) if leaves > 1 else children
    _expect(np.array_equal(children, expected), f"{name} is not a tree")
    nodes = np.arange(leaves - 1)
    forward = ((left < 0) | (left > nodes)) & ((right < 0) | (right > nodes))
    _expect(bool(np.all(forward)), f"{name} leads back to an earlier node")
