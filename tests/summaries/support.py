"""What the tests of summaries share: a small day worked out by hand, and summaries made of records."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from app import cooperative
from app.interactions.facts import Context
from app.interactions.grains import GRAINS, Grain
from app.summaries.grouping import Grouping
from app.summaries.intervals import Intervals
from app.summaries.summary import Summary, measures_of, outputs
from app.summaries.table import Range, fill, tabulated
from tests.interactions.records import CONTEXT, facts, made

Json = dict[str, Any]
Table = list[dict[str, Any]]
MOST_GROUPS = 1000
EASTERN = ZoneInfo("US/Eastern")


def at(time: str) -> str:
    return f"2026-03-02T{time}Z"


def interaction(number: int, started: str, ended: str | None, **fields: object) -> dict[str, object]:
    """One interaction of that day, in UTC."""
    end = {"endTimestamp": at(ended)} if ended else {}
    name = {"interactionId": f"00000000-0000-4000-8000-{number:012d}"}
    return made(startTimestamp=at(started), channelType="voice", **end, **fields) | name


def entry(queue: str, entered: str, left: str | None, seconds: float | None, **fields: object) -> dict[str, object]:
    end = {"endTimestamp": at(left)} if left else {}
    return {"queueName": queue, "startTimestamp": at(entered), "queueTime": seconds, **end, **fields}


def answered(queue: str, entered: str, left: str, seconds: float) -> dict[str, object]:
    return entry(queue, entered, left, seconds, timeToAnswer=seconds, queueExitType="success")


def leg(name: str, offered: str, **fields: object) -> dict[str, object]:
    return {"agentId": name, "agentName": name, "startTimestamp": at(offered), "agentWorkAccepted": True, **fields}


# Seven interactions, eight queue entries; the threshold is 20 s, an abandon within it is short. As of 18:00 one waits.
A_DAY: tuple[dict[str, object], ...] = (
    interaction(
        1, "14:00:00", "14:05:00", customer="+15550100", customerHolds=1, customerSatisfactionScore=4,
        queues=[answered("Support", "14:00:10", "14:00:15", 5.0)],
        agents=[leg("Kim", "14:00:15", agentHandleTime=200.0, agentTalkTime=180.0, agentWrapUpTime=20.0)],
    ),
    interaction(
        2, "14:20:00", "14:30:00", customer="+15550100", customerHolds=0, customerTransfers=1,
        queues=[answered("Support", "14:20:00", "14:20:19.500", 19.5)],
        agents=[
            leg("Kim", "14:20:20", agentHandleTime=100.0, agentTalkTime=90.0),
            leg("Robin", "14:25:00", agentHandleTime=250.5, agentTalkTime=240.0, agentWrapUpTime=10.5),
        ],
    ),
    interaction(
        3, "14:29:59.999", "14:40:00", customer="+15550101", customerSatisfactionScore=5,
        queues=[answered("Support", "14:30:00", "14:30:45.250", 45.25)],
        agents=[leg("Robin", "14:30:45", agentHandleTime=500.0)],
    ),
    interaction(
        4, "15:00:00", "15:00:18", customerAbandonTime=8,
        queues=[entry("Support", "15:00:10", "15:00:18", 8.0, queueExitType="abandon")],
    ),
    interaction(
        5, "15:10:00", "15:11:40", customer="+15550102", customerAbandonTime=90,
        queues=[entry("Support", "15:10:10", "15:11:40", 90.0, queueExitType="abandon")],
    ),
    interaction(
        6, "15:30:00", "15:40:00", customerHolds=2,
        queues=[
            entry("Sales", "15:30:00", "15:30:30", 30.0, queueExitType="timeout"),
            answered("Support", "15:30:30", "15:30:42", 12.0),
        ],
        agents=[leg("Kim", "15:30:42")],
    ),
    interaction(7, "17:58:00", None, queues=[entry("Sales", "17:58:20", None, None)]),
)  # fmt: skip


def grouped(
    records: Iterable[object],
    summary: Summary,
    grain: Grain,
    *,
    context: Context = CONTEXT,
    at_once: int = 3,
    most_groups: int = MOST_GROUPS,
) -> Grouping:
    """The grouping of all rows of the records, so many of them added at once."""
    intervals = Intervals(summary.interval, zone_of(summary, context)) if summary.interval else None
    grouping = Grouping(summary, measures_of(summary, grain), grain, intervals, most_groups)
    rows = [row for record in records for row in grain.rows(facts(record, context))]
    for start in range(0, len(rows), at_once):
        grouping.add(rows[start : start + at_once])
    return grouping


def zone_of(summary: Summary, context: Context) -> tzinfo:
    return ZoneInfo(summary.time_zone) if summary.time_zone else context.zone


async def summarised(
    records: Iterable[object],
    grain: str,
    *measures: str,
    range_: tuple[datetime | None, datetime | None] = (None, None),
    context: Context = CONTEXT,
    **asked: Any,
) -> tuple[Table, Json]:
    """The rows of a summary by column, and its totals."""
    summary, of = Summary(measures=measures or ("count",), **asked), GRAINS[grain]
    found, grouping = measures_of(summary, of), grouped(records, summary, of, context=context)
    asked_range = Range(*range_, context.as_of)
    if summary.fill and summary.interval:
        await cooperative.run(
            fill(grouping, Intervals(summary.interval, zone_of(summary, context)), asked_range, MOST_GROUPS)
        )
    made_of = tabulated(grouping, found, context.as_of, asked_range if summary.at else None)
    rows, totals = await cooperative.run(made_of)
    names = [one.name for one in outputs(summary, of, found)]
    return [dict(zip(names, row, strict=True)) for row in rows], {
        one.name: value for one, value in zip(found, totals, strict=True)
    }
