"""The JSON bodies of requests and answers as Structs: msgspec writes them, and the OpenAPI schemas are made of them.

A type with a title is a schema of its own under that name; a field that may be UNSET is left out of the body.
"""

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from app.interactions.timeline import Span
from app.interactions.times import Time
from app.queries.explain import MissCost, StoredSnapshot, UpstreamParameter
from app.queries.explain_held import HeldHours, HeldPart
from app.queries.hints import Hint
from app.settings import Scope as ScopeName


def about(description: str, title: str | None = None, **schema: object) -> msgspec.Meta:
    """The words on a field or, with a title, on a schema of its own; `schema` are further JSON Schema keywords."""
    return msgspec.Meta(title=title, description=description, extra_json_schema=schema or None)


UUID = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uuid"})]
Reference = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri-reference"})]
Scope = Annotated[str, about("Permission of a key.", "Scope", enum=list(get_args(ScopeName)))]
Mode = Annotated[Literal["live", "demo"], about("Whether the data are a tenant's or the simulator's.", "Mode")]
Source = Annotated[Literal["live", "simulator"], about("Where the rows come from.", "Source")]
ProblemCode = Annotated[str, about("Which error it is.", "ProblemCode")]
PendingPurge = Literal["shared tier"]
PurgeScope = Annotated[
    Literal["all", "query", "interaction", "customer"], about("Which stored snapshots are forgotten.", "PurgeScope")
]
_RANGE_END = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
MetaQuery = Annotated[
    dict[str, Any],
    about(
        "The query as it was answered: times absolute, and each further filter as a list of its values.",
        "MetaQuery",
        properties={
            "attr": {"type": "array", "items": {"type": "string"}},
            "from": {**_RANGE_END, "description": "Start of the range, inclusive."},
            "to": {**_RANGE_END, "description": "End of the range, exclusive."},
        },
        required=["attr", "from", "to"],
        additionalProperties=True,
    ),
]


class Meta(Struct):
    """Facts about a page of rows: their number, age and origin."""

    count: Annotated[int, about("Rows in this answer.")]
    limit: Annotated[int, about("Most rows it could have had.")]
    offset: Annotated[int, about("Rows skipped.")]
    truncated: Annotated[bool, about("More rows exist than this answer and its `next` can reach.")]
    total: Annotated[int | None, about("Rows that match in all; null where that is not known.")]
    query: MetaQuery
    as_of: Annotated[Time, about("When upstream first showed this content; `Age` tells when it was last checked.")]
    content_as_of: Annotated[
        Time | None, about("The oldest time of a check among its rows, when it was made; null where none is known.")
    ]
    change_token: Annotated[
        str | None, about("For `changed_since`, once all pages have been read; null where changes cannot be told.")
    ]
    time_zone: Annotated[str, about("Zone of `started_on` and `started_hour`.")]
    source: Source
    schema_version: Annotated[int, about("Version of the columns.")]
    masked: list[Annotated[str, about("A column that is hidden, or shown masked or hashed.")]]
    hints: Annotated[list[Hint], about("Of an answer without rows: what the question may have meant.")]


class SummaryMeta(Meta):
    """Facts about a summary: `count`, `limit` and `total` are of its groups."""

    totals: Annotated[
        dict[str, Any],
        about(
            "Each measure of all rows together.", "SummaryTotals", properties={}, required=[], additionalProperties=True
        ),
    ]


class Timeline(Struct):
    """The course of one interaction."""

    interaction_id: UUID
    started_at: Time
    ended_at: Annotated[Time | None, about("Null while it is open.")]
    spans: Annotated[list[Span], about("By start; wider ones first where two start together.")]


class WhoAmI(Struct):
    """The client that the request's key belongs to."""

    label: Annotated[str, about("Label of the key.")]
    scopes: list[Scope]
    mode: Mode


class PinnedQuestion(Struct):
    """A question that the operator has given a name."""

    name: str
    title: str
    path: Annotated[str, about("Of the list or summary that answers it.")]
    query: Annotated[str, about("Query string that is asked there.")]
    href: Annotated[
        str, about("Absolute URL of the answer; `.json`, `.ndjson` or `.csv` behind it chooses the format.")
    ]
    warm: Annotated[bool, about("Whether it is refreshed before it goes stale.")]


class PinnedQuestions(Struct):
    """The pinned questions, in the order of the operator's file."""

    questions: list[PinnedQuestion]


class Health(Struct):
    """The process answers."""

    status: Annotated[
        Literal["ok", "degraded"], about("`degraded`: upstream is ill, and nothing is stored to answer from.")
    ]
    tier: Annotated[
        Literal["ok", "away"] | UnsetType,
        about("`away`: the shared tier is left alone for now, and upstream asked in its place. Not there without one."),
    ] = UNSET


class ParameterFault(Struct):
    """One fault of one parameter."""

    parameter: str
    detail: str
    allowed: Annotated[tuple[str, ...], about("The values or names that are accepted.")] | UnsetType = UNSET
    did_you_mean: Annotated[str, about("The nearest of them.")] | UnsetType = UNSET


class Problem(Struct, kw_only=True):
    """An error (RFC 9457)."""

    type: Annotated[Reference, about("A page that explains it.")]
    title: str
    status: int
    detail: Annotated[str, about("What to do about it.")]
    instance: (
        Annotated[Reference, about("The path asked for; absent where the request could not be read so far.")]
        | UnsetType
    ) = UNSET
    code: ProblemCode
    request_id: Annotated[str, about("As in `X-Request-Id`; tell it the operator.")]
    retryable: Annotated[bool, about("Whether the same request may work later.")]
    retry_after_seconds: (
        Annotated[int, about("As in `Retry-After`; there exactly where `retryable` is true.")] | UnsetType
    ) = UNSET
    errors: Annotated[list[ParameterFault], about("All faults of the parameters at once.")] | UnsetType = UNSET
    last_success_at: Annotated[Time, about("When the same query was last answered.")] | UnsetType = UNSET


class ProblemExplanation(Struct):
    """The meaning of an error."""

    type: Reference
    slug: ProblemCode
    status: int
    retry_after_seconds: int | None
    title: str
    explanation: str
    retryable: bool


class UpstreamConditions(Struct):
    """The conditions that upstream is asked for."""

    parameters: Annotated[list[UpstreamParameter], about("As sent with each call.")]


class CacheExplanation(StoredSnapshot):
    """The stored snapshot of a query at this moment; facts of the snapshot are null where none is stored."""

    query: MetaQuery
    upstream: UpstreamConditions
    key: Annotated[str | None, about("Of the query; null where it needs a time zone not yet asked for.")]
    answer_stored: Annotated[bool, about("Whether the finished answer of the list to these parameters is too.")]
    miss_cost: MissCost
    held: HeldPart | None
    held_hours: Annotated[
        list[HeldHours] | None,
        about(
            "What is held by the hour: of the whole tenant, and for who may see metrics of the collections asked for "
            "last. Null where nothing may be held."
        ),
    ]


class PurgeOrder(Struct, forbid_unknown_fields=True):
    """The stored snapshots to forget, by exactly one of these."""

    all: Annotated[bool, about("Everything.", const=True)] | UnsetType = UNSET
    query: (
        Annotated[
            str,
            about(
                "The snapshot of this query string of `/interactions`, with all answers made of it. Relative times "
                "mean what they mean now."
            ),
        ]
        | UnsetType
    ) = UNSET
    interaction_id: Annotated[UUID, about("Every snapshot that holds this interaction.")] | UnsetType = UNSET
    customer_key: (
        Annotated[str, about("Every snapshot that holds a record of this customer: the column of a row.")] | UnsetType
    ) = UNSET


class Purged(Struct):
    """The result of a purge."""

    purged: Annotated[int, about("Number of stored snapshots forgotten.")]
    scope: PurgeScope
    pending: Annotated[
        list[PendingPurge] | UnsetType,
        about("Where the order could not be given yet: with `shared tier`, processes of other hosts have not purged."),
    ] = UNSET


MESSAGES: tuple[type[Struct], ...] = (
    Meta,
    SummaryMeta,
    Timeline,
    PinnedQuestions,
    WhoAmI,
    Health,
    Problem,
    ProblemExplanation,
    CacheExplanation,
    PurgeOrder,
    Purged,
)


def answer(message: Struct, lifetime: str = "no-store") -> Response:
    """The message as JSON; `lifetime` is its Cache-Control."""
    return Response(msgspec.json.encode(message), media_type="application/json", headers={"Cache-Control": lifetime})
