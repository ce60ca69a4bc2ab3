"""The message of `/schema`: columns with their conditions, nested lists, formats, measures, and settings in force."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Annotated, Literal

from msgspec import Struct

from app.formats import FORMATS
from app.http.messages import about
from app.interactions import columns as table
from app.interactions.grains import INCLUDES, Grain
from app.interactions.service_level import ServiceLevel
from app.queries.operators import OPERATORS, SEPARATOR, TYPES, Operator
from app.summaries.named import named_measures
from app.summaries.terms import FUNCTIONS

ColumnType = Annotated[
    table.ColumnType, about("Type of a column; times are RFC 3339 in UTC, dates local.", "ColumnType")
]
PersonalData = Annotated[table.PersonalData, about("Whose personal data it is, or may hold.", "PersonalData")]


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


_COLUMN_FACTS = attrgetter(
    "name", "type", "unit", "nullable", "null_when", "description", "source", "personal"
)  # in the order of the messages' fields
_MEASURE_FACTS = attrgetter("name", "type", "unit", "formula")
_SETTINGS_FACTS = attrgetter("sla_seconds", "sla_by_queue", "abandon_seconds", "sla_abandons")
_FORMAT_FACTS = attrgetter("name", "media_type", "extension", "is_available")


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
