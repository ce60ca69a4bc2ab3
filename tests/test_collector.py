"""When everything is looked through for garbage."""

import gc

import pytest

from app.collector import MANY_ROWS, NEVER, OFTEN_ROWS, held_back, look_at_the_young

ROWS = 10 * OFTEN_ROWS


def full() -> int:
    return gc.get_threshold()[2]


def test_full_collections_are_put_off_until_the_last_work_on_many_rows_has_ended() -> None:
    usual = gc.get_threshold()
    with held_back(MANY_ROWS):
        assert gc.get_threshold() == usual
    with held_back(MANY_ROWS + 1):
        with held_back(MANY_ROWS + 1):
            assert full() == NEVER
        assert gc.get_threshold() == (*usual[:2], NEVER)
    assert gc.get_threshold() == usual


@pytest.mark.threat("T47")
def test_rows_made_while_as_many_records_are_freed_are_looked_at_in_time() -> None:
    records: list[list[None]] = [[] for _ in range(ROWS)]
    gc.collect()
    rows: list[list[None]] = []
    while records:
        records.pop()
        rows.append([])
        look_at_the_young(len(rows))
    young = {id(one) for one in gc.get_objects(generation=0)}
    assert sum(id(row) in young for row in rows) < OFTEN_ROWS
