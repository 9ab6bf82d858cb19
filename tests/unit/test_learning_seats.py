"""The record of the champions of one kind."""

from __future__ import annotations

import pytest

from assignment_engine.domain.errors import BundleError
from assignment_engine.learning.seats import Seat


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"{}\n", b"[]\n", b"no JSON\n"])
def test_a_damaged_record_is_named(tmp_path, line):
    seat = Seat(tmp_path, "eta")
    seat.record.write_bytes(line)
    with pytest.raises(BundleError, match=r"promotions-eta\.jsonl is damaged"):
        seat.changes()


def test_half_a_line_does_not_count(tmp_path):
    seat = Seat(tmp_path, "eta")
    seat.record.write_bytes(b'{"at": ')
    assert seat.changes() == ()
