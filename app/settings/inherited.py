"""Sockets handed over by whoever started the process, by systemd's protocol (sd_listen_fds(3))."""

import os
from collections.abc import Mapping


def inherited_sockets(environ: Mapping[str, str] | None = None, process_id: int | None = None) -> int:
    """How many there are, from descriptor 3 on; none where they were meant for another process."""
    named = os.environ if environ is None else environ
    meant_for, count = named.get("LISTEN_PID", ""), named.get("LISTEN_FDS", "")
    is_ours = meant_for.isascii() and meant_for.isdigit() and int(meant_for) == (process_id or os.getpid())
    return int(count) if is_ours and count.isascii() and count.isdigit() else 0
