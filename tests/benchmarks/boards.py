"""The boards of a day of dashboards: a table of who asks what, and how often."""

from typing import NamedTuple
from urllib.parse import quote

from app.simulator.people import AGENTS, QUEUES, contacts

SEED = 7
MOST = 10_000
POLL_SECONDS, WEEK_SECONDS, LOAD_SECONDS = 15, 60, 3600
VALUES = ("VIP", "complaint", contacts(SEED)[0].account)


class Board(NamedTuple):
    """A dashboard that asks the same again and again; it `follows` the pages where it wants all rows."""

    kind: str
    query: str
    seconds: int = POLL_SECONDS
    follows: bool = False

    @property
    def target(self) -> str:
        """Path and query of its first page."""
        return f"/interactions?{self.query}"


BOARDS = (
    *[Board("newest of a day", "from=now-24h&limit=100")] * 8,
    *[Board("today", f"from=now/d&limit={MOST}", follows=True)] * 6,
    *[Board("queue", f"from=now/d&queue_name={quote(one.name)}&limit={MOST}", follows=True) for one in QUEUES],
    *[Board("agent", f"from=now-8h&agent_id={one.id}&limit={MOST}", follows=True) for one in AGENTS[:4]],
    *[Board("value", f"attr={value}&from=now-7d&limit=100") for value in VALUES * 2],
    *[Board("name", "attr_name=orderNumber&from=now-7d&limit=100")] * 3,
    *[Board("week", f"from=now-7d/d&limit={MOST}", WEEK_SECONDS)] * 4,
    *[Board("hour", f"from=now-1h&limit={MOST}", follows=True)] * 2,
    Board("loader", f"from=now-2d/d&limit={MOST}", LOAD_SECONDS, follows=True),
)
