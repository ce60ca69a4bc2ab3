"""Signals to a server before its handlers are set, and once its loop has ended."""

import os
import signal

STOPS = (signal.SIGINT, signal.SIGTERM)
ORDERS = (signal.SIGHUP, signal.SIGUSR2)


def hold_signals() -> None:
    """Have SIGHUP and SIGUSR2 wait for `release_signals`; SIGINT and SIGTERM end the process at once, with code 0."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ORDERS)
    _end_at_once()


def release_signals() -> None:
    """Take SIGHUP and SIGUSR2 again, also those that came meanwhile."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ORDERS)


def pass_over_signals() -> None:
    """Have SIGHUP and SIGUSR2 do nothing any more, in any thread; SIGINT and SIGTERM end the process at once."""
    for number in ORDERS:
        signal.signal(number, signal.SIG_IGN)
    _end_at_once()


def _end_at_once() -> None:
    for number in STOPS:
        signal.signal(number, lambda *_: os._exit(0))
