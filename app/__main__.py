"""The program, as `cxfacade` or `python -m app`."""

import gc


def main() -> None:
    """Run the program with the arguments of the process.

    The garbage collector is off until `freeze_startup_objects`: it would look through all that is imported again and
    again, for a fifth of the start, and find nothing.
    """
    gc.disable()
    from app.cli import main as program  # only now, as nearly all of the start is imports

    program()


if __name__ == "__main__":
    main()
