"""The schemas that do not depend on the columns: facts around the rows, timelines, the service itself, problems."""

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
from app.http.problem_table import PROBLEMS
from app.interactions.columns import ColumnType, PersonalData
from app.interactions.timeline import KINDS
from app.settings import Scope

_META: Mapping[str, Schema] = {
    "Meta": record(
        "What the rows are, and how many.",
        {
            "count": said(INTEGER, "Rows in this answer."),
            "limit": said(INTEGER, "Most rows it could have had."),
            "offset": said(INTEGER, "Rows skipped."),
            "truncated": said(BOOLEAN, "More rows exist than this answer and its `next` can reach."),
            "total": nullable(said(INTEGER, "Rows that match in all; null where that is not known.")),
            "query": ref("MetaQuery"),
            "as_of": said(TIME, "When upstream was asked."),
            "time_zone": said(STRING, "Zone of `started_on` and `started_hour`."),
            "source": ref("Source"),
            "schema_version": said(INTEGER, "Version of the columns."),
            "masked": array(said(STRING, "A column that is hidden, or shown masked or hashed.")),
        },
    ),
    "MetaQuery": {
        **record(
            "The question as it was answered: times absolute, and each further filter as a list of its values.",
            {
                "attr": array(STRING),
                "from": nullable(said(TIME, "Start of the range, inclusive.")),
                "to": nullable(said(TIME, "End of the range, exclusive.")),
            },
        ),
        "additionalProperties": True,
    },
    "Source": enum(("live", "simulator"), "Where the rows come from."),
}
_TIMELINE: Mapping[str, Schema] = {
    "Timeline": record(
        "What happened when.",
        {
            "interaction_id": UUID,
            "started_at": TIME,
            "ended_at": nullable(said(TIME, "Null while it is open.")),
            "spans": said(array(ref("Span")), "By start; wider ones first where two start together."),
        },
    ),
    "Span": record(
        "One stretch of an interaction.",
        {
            "kind": ref("SpanKind"),
            "started_at": TIME,
            "ended_at": nullable(said(TIME, "Null while it lasts.")),
            "offset_seconds": {"type": "number", "description": "From the interaction's start.", "x-unit": "seconds"},
            "duration_seconds": nullable({"type": "number", "x-unit": "seconds"}),
            "agent_id": nullable(STRING),
            "agent_name": nullable({**STRING, "x-personal-data": "agent"}),
            "queue_id": nullable(STRING),
            "queue_name": nullable(STRING),
            "segment_number": nullable(INTEGER),
        },
    ),
    "SpanKind": enum(KINDS, "What the stretch is."),
}
_DESCRIPTIONS: Mapping[str, Schema] = {
    "RowSchema": record(
        "Every column and every nested list.",
        {
            "schema_version": INTEGER,
            "max_rows": said(INTEGER, "Most rows that one answer holds."),
            "columns": array(ref("ColumnDescription")),
            "include": array(ref("ListDescription")),
        },
    ),
    "ColumnDescription": record(
        "One column.",
        {
            "name": STRING,
            "type": ref("ColumnType"),
            "unit": nullable(STRING),
            "nullable": BOOLEAN,
            "null_when": nullable(STRING),
            "description": STRING,
            "source": said(STRING, "What it is made from."),
            "personal_data": nullable(ref("PersonalData")),
            "allowed": nullable(array(STRING)),
        },
    ),
    "ListDescription": record(
        "One nested list.", {"name": STRING, "description": STRING, "fields": array(ref("FieldDescription"))}
    ),
    "FieldDescription": record(
        "One field of a nested list's elements.",
        {
            "name": STRING,
            "type": ref("ColumnType"),
            "nullable": BOOLEAN,
            "description": STRING,
            "personal_data": nullable(ref("PersonalData")),
        },
    ),
    "ColumnType": enum(get_args(ColumnType), "Type of a column; times are RFC 3339 in UTC, dates local."),
    "PersonalData": enum(get_args(PersonalData), "Whose personal data it is, or may hold."),
}
_SERVICE: Mapping[str, Schema] = {
    "WhoAmI": record(
        "Whose request this is.",
        {"label": said(STRING, "Label of the key."), "scopes": array(ref("Scope")), "mode": ref("Mode")},
    ),
    "Scope": enum(get_args(Scope), "What a key allows."),
    "Mode": enum(("live", "demo"), "Whether the data are a tenant's or the simulator's."),
    "Health": record(
        "The process answers.",
        {"status": enum(("ok", "degraded"), "`degraded`: upstream is ill, and nothing is stored to answer from.")},
    ),
}
_PROBLEMS: Mapping[str, Schema] = {
    "Problem": record(
        "An error (RFC 9457).",
        {
            "type": said({**STRING, "format": "uri-reference"}, "A page that explains it."),
            "title": STRING,
            "status": INTEGER,
            "detail": said(STRING, "What to do about it."),
            "instance": said(
                {**STRING, "format": "uri-reference"},
                "The path asked for; absent where the request could not be read so far.",
            ),
            "code": ref("ProblemCode"),
            "request_id": said(STRING, "As in `X-Request-Id`; tell it the operator."),
            "retryable": said(BOOLEAN, "Whether the same request may work later."),
            "retry_after_seconds": said(INTEGER, "As in `Retry-After`; there exactly where `retryable` is true."),
            "errors": said(array(ref("ParameterFault")), "All faults of the parameters at once."),
            "last_success_at": said(TIME, "When the same question was last answered."),
        },
        optional=("instance", "retry_after_seconds", "errors", "last_success_at"),
    ),
    "ParameterFault": record(
        "One thing wrong with one parameter.",
        {
            "parameter": STRING,
            "detail": STRING,
            "allowed": said(array(STRING), "What may stand there."),
            "did_you_mean": said(STRING, "The nearest of them."),
        },
        optional=("allowed", "did_you_mean"),
    ),
    "ProblemCode": enum((row.slug for row in PROBLEMS), "Which error it is."),
    "ProblemExplanation": record(
        "What an error means.",
        {
            "type": {**STRING, "format": "uri-reference"},
            "slug": ref("ProblemCode"),
            "status": INTEGER,
            "retry_after_seconds": nullable(INTEGER),
            "title": STRING,
            "explanation": STRING,
            "retryable": BOOLEAN,
        },
    ),
}

FIXED: Mapping[str, Schema] = {**_META, **_TIMELINE, **_DESCRIPTIONS, **_SERVICE, **_PROBLEMS}
