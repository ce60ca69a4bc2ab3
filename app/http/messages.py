"""The JSON bodies of requests and answers as Structs: msgspec writes them, and the OpenAPI schemas are made of them.

A type with a title is a schema of its own under that name; a field that may be UNSET is left out of the body.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from app.formats import FORMATS
from app.interactions import columns as table
from app.interactions.grains import INCLUDES, Grain
from app.interactions.service_level import ServiceLevel
from app.interactions.timeline import Span
from app.interactions.times import Time
from app.queries.explain import MissCost, StoredSnapshot, UpstreamParameter
from app.queries.hints import Hint
from app.queries.operators import OPERATORS, SEPARATOR, TYPES, Operator
from app.settings import Scope as ScopeName
from app.summaries.named import named_measures
from app.summaries.terms import FUNCTIONS


def about(description: str, title: str | None = None, **schema: object) -> msgspec.Meta:
    """The words on a field or, with a title, on a schema of its own; `schema` are further JSON Schema keywords."""
    return msgspec.Meta(title=title, description=description, extra_json_schema=schema or None)


UUID = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uuid"})]
Reference = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri-reference"})]
ColumnType = Annotated[
    table.ColumnType, about("Type of a column; times are RFC 3339 in UTC, dates local.", "ColumnType")
]
PersonalData = Annotated[table.PersonalData, about("Whose personal data it is, or may hold.", "PersonalData")]
Scope = Annotated[str, about("Permission of a key.", "Scope", enum=list(get_args(ScopeName)))]
Mode = Annotated[Literal["live", "demo"], about("Whether the data are a tenant's or the simulator's.", "Mode")]
Source = Annotated[Literal["live", "simulator"], about("Where the rows come from.", "Source")]
ProblemCode = Annotated[str, about("Which error it is.", "ProblemCode")]
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


class ColumnDescription(Struct):
    """One column."""

    name: str
    type: ColumnType
    unit: str | None
    nullable: bool
    null_when: str | None
    description: str
    source: Annotated[str, about("Upstream's fields, or the rule that derives it from them.")]
    personal_data: PersonalData | None
    allowed: tuple[str, ...] | None
    operators: Annotated[
        tuple[str, ...],
        about("Endings of its conditions, as `.gte` in `duration_seconds.gte=60`; without one it is equality."),
    ]


class ListDescription(Struct):
    """One nested list."""

    name: str
    description: str
    fields: list[ColumnDescription]


class FormatDescription(Struct):
    """One format of lists."""

    name: Annotated[str, about("Value of `format`.")]
    media_type: Annotated[str, about("As in `Accept` and `Content-Type`.")]
    extension: Annotated[str, about("Of the path.")]
    is_available: Annotated[bool, about("Whether what it needs is installed; else asking for it is an error.")]


class MeasureDescription(Struct):
    """One measure of summaries."""

    name: Annotated[str, about("As in `measures`; of a function `<column>` stands for any column it takes.")]
    type: ColumnType | None
    unit: str | None
    formula: str


class SettingsInForce(Struct):
    """The settings that measures depend on."""

    sla_seconds: Annotated[float, about("Threshold of the service level.")]
    sla_by_queue: Annotated[dict[str, float], about("Thresholds of single queues.")]
    abandon_seconds: Annotated[float | None, about("An abandon within it is short; null: within the threshold.")]
    sla_abandons: Annotated[Literal["ignore", "count"], about("Whether short abandons count as missed.", "SlaAbandons")]


class RowSchema(Struct):
    """Every column of a grain, every measure and format and, of interactions, every nested list."""

    grain: str
    schema_version: int
    max_rows: Annotated[int, about("Most rows that one answer holds.")]
    time_column: Annotated[str, about("Column of the time that a row is of.")]
    columns: list[ColumnDescription]
    include: list[ListDescription]
    formats: list[FormatDescription]
    measures: list[MeasureDescription]
    settings: SettingsInForce


class WhoAmI(Struct):
    """The client that the request's key belongs to."""

    label: Annotated[str, about("Label of the key.")]
    scopes: list[Scope]
    mode: Mode


class Health(Struct):
    """The process answers."""

    status: Annotated[
        Literal["ok", "degraded"], about("`degraded`: upstream is ill, and nothing is stored to answer from.")
    ]


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


MESSAGES: tuple[type[Struct], ...] = (
    Meta,
    SummaryMeta,
    Timeline,
    RowSchema,
    WhoAmI,
    Health,
    Problem,
    ProblemExplanation,
    CacheExplanation,
    PurgeOrder,
    Purged,
)


_COLUMN_FACTS = attrgetter(
    "name", "type", "unit", "nullable", "null_when", "description", "source", "personal"
)  # in the order of the messages' fields
_MEASURE_FACTS = attrgetter("name", "type", "unit", "formula")
_SETTINGS_FACTS = attrgetter("sla_seconds", "sla_by_queue", "abandon_seconds", "sla_abandons")
_FORMAT_FACTS = attrgetter("name", "media_type", "extension", "is_available")


def answer(message: Struct, lifetime: str = "no-store") -> Response:
    """The message as JSON; `lifetime` is its Cache-Control."""
    return Response(msgspec.json.encode(message), media_type="application/json", headers={"Cache-Control": lifetime})


def row_schema(grain: Grain, max_rows: int, service_level: ServiceLevel) -> RowSchema:
    """The message of `/schema` for this grain, with the settings in force."""
    lists = () if grain.is_of_parts else INCLUDES
    include = [ListDescription(one.name, one.description, _described(one.columns, ())) for one in lists]
    formats = [FormatDescription(*_FORMAT_FACTS(one)) for one in FORMATS]
    columns = _described(grain.columns.values(), [*OPERATORS.values()])
    measures = [MeasureDescription(*_MEASURE_FACTS(one)) for one in named_measures(grain)]
    measures += [MeasureDescription(f"{one.name}:<column>", None, None, one.words) for one in FUNCTIONS.values()]
    settings = SettingsInForce(*_SETTINGS_FACTS(service_level))
    version, time_column = table.SCHEMA_VERSION, grain.time_column
    return RowSchema(grain.name, version, max_rows, time_column, columns, include, formats, measures, settings)


def _described(columns: Iterable[table.Column], operators: Sequence[Operator]) -> list[ColumnDescription]:
    endings = {
        type_: tuple(SEPARATOR + one.suffix for one in operators if one.suffix and type_ in one.types)
        for type_ in TYPES
    }
    return [
        ColumnDescription(*_COLUMN_FACTS(column), *[column.allowed or None, endings[column.type]]) for column in columns
    ]
