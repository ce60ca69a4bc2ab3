"""The schemas of seeing inside: what is stored for a question and why, and what a purge takes and gives."""

from collections.abc import Mapping
from typing import get_args

from app.http.openapi.building import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    UUID,
    Schema,
    array,
    enum,
    nullable,
    record,
    ref,
    said,
)
from app.http.purge_order import PurgeScope
from app.queries.explain import State
from app.queries.lifetime import Rule


def _seconds(description: str) -> Schema:
    return nullable({"type": "number", "description": description, "x-unit": "seconds"})


CACHING: Mapping[str, Schema] = {
    "CacheExplanation": record(
        "What is stored for a question at this moment. What is said of a report is null where none is stored.",
        {
            "query": ref("MetaQuery"),
            "upstream": ref("UpstreamConditions"),
            "key": nullable(said(STRING, "Of the question; null where it needs a time zone not yet asked for.")),
            "stored": said(BOOLEAN, "Whether a report is stored."),
            "state": ref("CacheState"),
            "age_seconds": _seconds("Since upstream was asked."),
            "fresh_for_seconds": _seconds("The freshness lifetime."),
            "time_left_seconds": _seconds("Of freshness; negative when stale."),
            "revalidate_for_seconds": _seconds(
                "How long past its freshness it is served at once, and refreshed behind."
            ),
            "stale_for_seconds": _seconds("How long past its freshness it may be served at all."),
            "rule": nullable(said(ref("LifetimeRule"), "What gave the lifetime.")),
            "rows_stored": nullable(said(INTEGER, "Rows of the report read so far.")),
            "blocks": nullable(
                said(INTEGER, "Compressed blocks they are in; null where some attributes are hidden from a search.")
            ),
            "bytes": nullable(said(INTEGER, "What the report costs in memory; null likewise.")),
            "complete": nullable(said(BOOLEAN, "Whether upstream has no more; null likewise.")),
            "total": nullable(said(INTEGER, "Rows upstream promised.")),
            "as_of": nullable(said(TIME, "When upstream was asked.")),
            "answer_stored": said(
                BOOLEAN, "Whether the finished answer of `/interactions` to these parameters is too."
            ),
            "miss_cost": ref("MissCost"),
        },
    ),
    "UpstreamConditions": record(
        "What upstream is asked.", {"parameters": said(array(ref("UpstreamParameter")), "As sent with each call.")}
    ),
    "UpstreamParameter": record("One condition in upstream's words.", {"name": STRING, "value": STRING}),
    "CacheState": enum(
        get_args(State),
        "What is stored. `stale` is served at once and refreshed behind; `stale-if-error` is past that: a client waits "
        "for the refresh, and gets it only if that fails or takes too long. `pinned` is the snapshot of a cursor.",
    ),
    "LifetimeRule": record("Why it is fresh for so long.", {"name": ref("LifetimeRuleName"), "words": STRING}),
    "LifetimeRuleName": enum(get_args(Rule), "A rule of lifetimes."),
    "MissCost": record(
        "What these parameters would cost if nothing were stored; more where filters are answered by the façade.",
        {
            "upstream_calls": said(INTEGER, "Calls; 0 with a cursor, as nothing brings its snapshot back."),
            "rows_read": said(INTEGER, "Rows of upstream's list."),
        },
    ),
    "PurgeOrder": {
        **record(
            "What to forget: exactly one of these.",
            {
                "all": said({"type": "boolean", "const": True}, "Everything."),
                "query": said(
                    STRING,
                    "The report of this query string of `/interactions`, with all answers made of it. Relative times "
                    "mean what they mean now.",
                ),
                "interaction_id": said(UUID, "Every report that holds this interaction."),
                "customer_key": said(STRING, "Every report that holds a record of this customer: the column of a row."),
            },
            optional=("all", "query", "interaction_id", "customer_key"),
        ),
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
    "Purged": record(
        "What was forgotten.",
        {"purged": said(INTEGER, "How many stored reports."), "scope": ref("PurgeScope")},
    ),
    "PurgeScope": enum(get_args(PurgeScope), "What was to be forgotten."),
}
