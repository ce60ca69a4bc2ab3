"""A façade in a process of its own, on a clock that stands still: prints the tags and digests of its answers."""

import asyncio
import json
import sys
from hashlib import sha256
from itertools import count
from unittest.mock import patch

from tests.support.clock import HandClock
from tests.support.facade import running_facade
from tests.support.simulator import ANCHOR

PATHS = (
    "/interactions?limit=50&include=attributes,agents",
    "/interactions.ndjson?attr=SIM-TRANSFER",
    "/interactions.csv?attr=SIM-ABANDON&channel_type=voice&channel_type=messaging",
    "/interactions?attr=valueTwo&attr=1234567&attr=valueOne",
    "/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17?include=attributes,segments",
    "/interactions?attr=SIM-2500&limit=200",
)
CODINGS = ("identity", "gzip", "zstd")


async def answers(upstream: str) -> dict[str, tuple[str, str]]:
    """Tag and digest of each path in each coding; host and epochs are named alike, as links and tokens repeat them."""
    found, names = {}, count()
    with patch("app.holdings.changes.token_bytes", lambda size: next(names).to_bytes(size)):
        async with running_facade(upstream, clock=HandClock(wall=ANCHOR).clock) as facade:
            for path in PATHS:
                for coding in CODINGS:
                    answer = await facade.get(path, headers={"accept-encoding": coding, "host": "localhost:8080"})
                    found[f"{path} in {coding}"] = answer.headers["etag"], sha256(answer.content).hexdigest()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(answers(sys.argv[1]))))
