"""The program, as `cxfacade` or `python -m app`."""

import gc
import sys

SERVERS = frozenset({"serve", "demo", "simulate"})


def main() -> None:
    """Run the program with the arguments of the process.

    The garbage collector is off until `freeze_startup_objects`: it would look through all that is imported again and
    again, for a fifth of the start, and find nothing.
    """
    gc.disable()
    if not SERVERS.isdisjoint(sys.argv[1:2]):
        from app.commands.signals import hold_signals

        hold_signals()
    from app.cli import main as program  # only now, as nearly all of the start is imports

    program()


if __name__ == "__main__":
    main()
