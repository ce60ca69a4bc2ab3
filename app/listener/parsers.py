"""Which parsers there are: httptools where it is installed, four times as quick as h11, else that."""

import asyncio

from app.listener.on_h11 import GuardedH11

PARSERS: dict[str, type[asyncio.Protocol]] = {"h11": GuardedH11}
try:
    from app.listener.on_httptools import GuardedHttpTools
except ImportError:  # no wheel for this platform
    pass
else:
    PARSERS = {"httptools": GuardedHttpTools, **PARSERS}

DEFAULT = next(iter(PARSERS.values()))
