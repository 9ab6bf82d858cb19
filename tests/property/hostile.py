"""Input of bad will: text and bytes that often almost make sense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

EXAMPLES = settings().max_examples // 8  # 37; HYPOTHESIS_PROFILE=thorough: 625
AWKWARD = (
    "\0",
    "\ufeff",
    "\u2028",
    "\U0001f600",
    '"',
    "'",
    "\\",
    "\r",
    "\n",
    "\t",
    ";",
    ",",
    ":",
    "=",
    "[",
    "{",
    "]",
    "}",
)
LONG = st.sampled_from(["[" * 2000, '{"a":' * 2000, "9" * 5000, "a" * 5000, "-1e999", "1e-999", "NaN", "0x1F", "१२"])
PIECES = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=6), LONG)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def mutated(*seeds: str) -> st.SearchStrategy[str]:
    """One of the seeds with some places cut out, doubled or filled with something else."""
    return st.builds(_mutate, st.sampled_from(seeds), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), PIECES)))


def _mutate(text: str, changes: Sequence[tuple[float, int, str]]) -> str:
    for where, cut, piece in changes[:6]:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + cut :]
    return text


def records(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these fields, some of them left out, and some holding anything."""
    anything = {name: st.one_of(st.just(value), JSON) for name, value in fields.items()}
    return st.fixed_dictionaries({}, optional=anything)
