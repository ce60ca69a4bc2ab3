"""What the commands do; `cli.py` says what they are called and which flags they take."""
