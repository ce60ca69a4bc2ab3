"""Sockets handed over by systemd's protocol."""

import pytest

from app.settings.inherited import inherited_sockets


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({}, 0),
        ({"LISTEN_FDS": "1"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, 1),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}, 2),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 0),
        ({"LISTEN_PID": "7"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "-1"}, 0),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, 0),
        ({"LISTEN_PID": "²", "LISTEN_FDS": "1"}, 0),
    ],
)
def test_sockets_are_taken_only_where_they_were_meant_for_this_process(environ: dict[str, str], count: int) -> None:
    assert inherited_sockets(environ, process_id=7) == count
