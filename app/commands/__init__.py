"""The work of the commands; `cli.py` has their names and flags."""
