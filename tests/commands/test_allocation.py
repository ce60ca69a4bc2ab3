"""A large block that is freed is the system's again."""

import platform
import subprocess
import sys

import pytest

GLIBC = platform.libc_ver()[0] == "glibc"
SCRIPT = """
import sys
from pathlib import Path
from app.commands.allocation import return_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

assert return_large_blocks() or "--without" in sys.argv
blocks = [bytes(8_000_000)]
blocks.clear()  # from now on glibc would take as much from its own heap
before = resident()
kept = []
for _ in range(100):
    blocks.append(b"x" * 1_000_000)
    kept.append(bytes(2_000))
blocks.clear()
print(resident() - before)
"""


@pytest.mark.skipif(not GLIBC, reason="a setting of glibc alone")
def test_what_large_blocks_took_is_given_back_whatever_small_ones_lie_between() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=50)
    assert int(run.stdout) < 10_000_000
