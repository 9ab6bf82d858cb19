"""Texts with slips of the pen, and texts that are two."""

from __future__ import annotations

import pytest

from assignment_engine.quality.slips import only_slips, other_numbers

TEXTS = ["replace the network switch", "replace the network cable", "replace the hall lamp", "paint the hall wall"] * 2
TEXTS += ["clean the wall", "clean the hall", "clean the lamp cable switch", "order a cable switch lamp wall hall"]


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("replace the network switch", "replace the netwrok switch", True),
        ("replace the network switch", "switch the network replace", True),
        ("replace the network switch", "replace thenetwork switch", True),
        ("replace the network switch", "replace the network cable", False),
        ("clean the wall", "clean the hall", False),
        ("replace the network switch", "replace the switch", False),
        ("replace the network switch", "replace the network switch urgently", False),
        ("ana", "anna", True),
        ("", "", True),
    ],
)
def test_slips_make_words_that_nobody_else_writes(text, other, expected):
    assert only_slips([(text, other)], [*TEXTS, text, other]).tolist() == [expected]


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [("hall 3", "hall 4", True), ("hall 3", "hall", False), ("hall 3", "3 halls", False), ("a 1 2", "b 2 1", False)],
)
def test_numbers_within_texts_tell_things_apart(text, other, expected):
    assert other_numbers(text, other) is expected
