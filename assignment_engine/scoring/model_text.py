"""Reads LightGBM's text format strictly.

LightGBM itself ends the whole process when it is given a text that does not fit together, so nothing reaches it
unchecked: sections, sizes, array lengths, indices, the shape of every tree, its category sets and linear leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from assignment_engine.scoring.tree_text import Tree, check_patterns, expect, read_fields, read_tree, refused

_INFO = r"(none|\[[^\s:\[\]]+:[^\s:\[\]]+\]|-?\d+(:-?\d+)*)"  # constant, range of numbers, or categories
_HEADER = {
    "version": r"v4",
    "num_class": r"[1-9]\d{0,3}",
    "num_tree_per_iteration": r"[1-9]\d{0,3}",
    "label_index": r"0",
    "max_feature_idx": r"\d+",
    "objective": r"[\w :.+-]+",
    "feature_names": r"\w+( \w+)*",
    "feature_infos": rf"{_INFO}( {_INFO})*",
    "tree_sizes": r"\d+( \d+)*",
}
_OPTIONAL_HEADER = {"monotone_constraints": r"(-1|0|1)( (-1|0|1))*"}
_PARAMETER = re.compile(r"\[\w+: [^\]\n]*\]")
_PANDAS = "pandas_categorical:"


def read_trees(text: str, features: Sequence[str], objective: str, classes: int = 1) -> tuple[Tree, ...]:
    """The trees of a LightGBM model over `features`; with several `classes` each round has a tree for each.

    Raises
    ------
    BundleError
        If the text is not a whole, consistent model of so many classes over exactly these features.
    """
    if not text.isascii():
        raise refused("it holds other than ASCII characters")
    head, gap, _ = text.partition("\n\n")
    header = _header(head, gap)
    expect(header["feature_names"].split() == list(features), "its features are not those of the manifest")
    expect(header["objective"] == objective, f"its objective {header['objective']!r} is not that of the manifest")
    expect(int(header["max_feature_idx"]) == len(features) - 1, "max_feature_idx does not fit the features")
    for name in ("num_class", "num_tree_per_iteration"):
        expect(int(header[name]) == classes, f"{name} is not {classes}")
    expect(len(header["tree_sizes"].split()) % classes == 0, "a round lacks trees")
    for name in ("feature_infos", "monotone_constraints"):
        expect(name not in header or len(header[name].split()) == len(features), f"{name} does not fit the features")
    blocks, rest = _blocks(text, len(head) + len(gap), [int(size) for size in header["tree_sizes"].split()])
    _check_rest(rest)
    return tuple(read_tree(number, block, len(features)) for number, block in enumerate(blocks))


def _header(head: str, gap: str) -> dict[str, str]:
    lines = head.split("\n")
    expect(bool(gap) and lines[0] == "tree", "it does not begin as one")
    values = read_fields(lines[1:])
    check_patterns(values, _HEADER, "the header")
    check_patterns(values, {name: p for name, p in _OPTIONAL_HEADER.items() if name in values}, "the header")
    unknown = values.keys() - _HEADER.keys() - _OPTIONAL_HEADER.keys()
    expect(not unknown, f"unknown header lines {sorted(unknown)}")
    return values


def _blocks(text: str, start: int, sizes: Sequence[int]) -> tuple[list[str], str]:
    """The text of each tree, by the sizes that the header states, and what follows the trees."""
    blocks = []
    for size in sizes:
        blocks.append(text[start : start + size])
        start += size
    rest = text[start:]
    expect(rest.startswith("end of trees\n"), "the trees do not end where the header says")
    return blocks, rest


def _check_rest(rest: str) -> None:
    """What follows the trees has importances, which nobody reads, and parameters, which LightGBM does read."""
    _, start, tail = rest.partition("\nparameters:\n")
    parameters, end, tail = tail.partition("\nend of parameters\n")
    expect(bool(start and end), "the parameters are missing or not complete")
    expect(all(_PARAMETER.fullmatch(line) for line in parameters.split("\n") if line), "a parameter is not readable")
    line = tail.strip("\n")
    expect(not line or line.startswith(_PANDAS), "the parameters are followed by something unknown")
    expect(not line or _is_list(line.removeprefix(_PANDAS)), f"{_PANDAS} is not readable")


def _is_list(text: str) -> bool:
    """Whether the text is the JSON of a list or of null."""
    try:
        return isinstance(json.loads(text), list | None)
    except (ValueError, RecursionError):
        return False
