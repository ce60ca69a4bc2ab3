"""When everything is looked through for garbage."""

import gc

from app.collector import MANY_ROWS, NEVER, held_back


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
