"""The OpenAPI document says what the service does: it is generated, complete, and true of real answers."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate as validate_openapi
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.formats import FORMATS
from app.http import openapi
from app.http.openapi import GOLDEN
from app.http.openapi.components import row_name
from app.http.parameters import ATTRIBUTE_PREFIX, PARAMETERS
from app.http.problems import PROBLEMS
from app.http.routes import LISTS, RESOURCES
from app.http.routing import ANYBODY
from app.interactions.columns import Column
from app.interactions.grains import GRAINS, INCLUDES, RAW, grains
from app.settings import load
from tests.golden import golden, golden_text
from tests.support.facade import Facade, running_facade
from tests.support.keys import given, write
from tests.support.pinned import pinning
from tests.support.simulator import Simulator

PROJECT = Path(__file__).parents[2]
DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"
UNDOCUMENTED = {"openapi", "home", "docs", "explorer"}  # the document itself, and pages
# Left out where they do not apply: nested lists nobody asked for, and members of a problem (RFC 9457 §3.1).
OPTIONAL = {
    "Interaction": {*(include.name for include in INCLUDES), RAW},
    **{f"{row_name(grain)}List": {"removed"} for grain in GRAINS.values()},
    "Health": {"tier"},
    "Problem": {"instance", "retry_after_seconds", "errors", "last_success_at"},
    "ParameterFault": {"allowed", "did_you_mean"},
    "Purged": {"pending"},
    "PurgeOrder": {"all", "query", "interaction_id", "customer_key"},
}
LIST_PATHS = [one.path for one in LISTS]
DOCUMENT: dict[str, Any] = openapi.document(GRAINS, 10_000)
OPERATIONS = {path: operation for path, item in DOCUMENT["paths"].items() for operation in item.values()}
OPEN = {one.name for one in RESOURCES if one.scope == ANYBODY}
SCHEMAS = DOCUMENT["components"]["schemas"]
REGISTRY: Registry[Any] = Registry().with_resource("urn:facade", DRAFT202012.create_resource(DOCUMENT))


def faults(schema: Any, value: object) -> list[str]:
    """What is wrong with a value; the references of the schema are the document's."""
    resolved = json.loads(json.dumps(schema).replace('"#/', '"urn:facade#/'))
    validator = Draft202012Validator(resolved, registry=REGISTRY, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def nodes(node: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document with its path, examples left out."""
    if isinstance(node, dict):
        yield path, node
        for name, child in node.items():
            if name not in ("example", "examples"):
                yield from nodes(child, f"{path}/{name}")
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from nodes(child, f"{path}/{number}")


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    validate_openapi(DOCUMENT)


def test_the_file_is_what_the_program_says() -> None:
    settings = load({}, environ={}, env_file=None)
    said = openapi.text(grains(settings.attributes), settings.max_rows)
    kept = (PROJECT / "openapi/facade.json").read_text(encoding="utf-8")
    assert kept == said, "openapi/facade.json is not what the code says: run make openapi"


def test_the_text_is_the_same_bytes_each_time() -> None:
    assert openapi.text(GRAINS, 10_000) == openapi.text(GRAINS, 10_000)
    assert json.loads(openapi.text(GRAINS, 10_000)) == DOCUMENT


def test_every_route_is_documented_under_its_name_or_needs_no_words() -> None:
    routes = {one.path: one.name for one in RESOURCES}
    formats = {
        f"{grain.path}.{one.extension}": f"{grain.operation}{one.name.capitalize()}"
        for grain in GRAINS.values()
        for one in FORMATS
    }
    told = ["/questions/{name}", *(grain.summary_path for grain in GRAINS.values())]
    in_words = {f"{path}.{one.extension}" for path in told for one in FORMATS}
    expected = {
        path: formats.get(path, name)
        for path, name in routes.items()
        if name not in UNDOCUMENTED and path not in in_words
    }
    assert {path: operation["operationId"] for path, operation in OPERATIONS.items()} == expected
    assert UNDOCUMENTED < OPEN


def test_operation_ids_are_unique_and_stable() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))
    assert {"listInteractions", "listAgentLegs", "getInteraction", "getInteractionTimeline", "whoami"} < set(ids)


def test_operations_are_open_exactly_where_the_routes_are_public() -> None:
    opened = {operation["operationId"] for operation in OPERATIONS.values() if operation.get("security") == []}
    assert opened == OPEN & {operation["operationId"] for operation in OPERATIONS.values()}


def parameters_of(path: str, document: dict[str, Any] = DOCUMENT) -> list[dict[str, Any]]:
    """The parameters of an operation, wherever they are described."""
    (operation,) = document["paths"][path].values()
    shared = document["components"]["parameters"]
    return [shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in operation["parameters"]]


def query_parameters(path: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in parameters_of(path) if one["in"] == "query"}


def test_every_parameter_stands_in_the_order_of_the_table() -> None:
    names = list(query_parameters("/cache/explain"))
    assert names == [*(row.name for row in PARAMETERS if row.name != ATTRIBUTE_PREFIX), "grain"]
    assert names[0] == "cursor"
    for path in LIST_PATHS:
        shown = list(query_parameters(path))
        assert shown == [name for name in names if name in shown]


def test_the_shorthand_for_a_pair_is_told_in_words_where_the_pair_is() -> None:
    for path in (*LIST_PATHS, "/cache/explain"):
        pair = query_parameters(path)["attr_pair"]
        assert "`attr.accountNumber=12345`" in pair["description"]
        assert (pair["schema"]["type"], pair["style"], pair["explode"]) == ("array", "form", True)
        for text, fits in (("a=1", True), ("a=b=c", True), ("a=\n", True), ("a=", False), (" =1", False), ("a", False)):
            assert bool(re.search(pair["schema"]["items"]["pattern"], text)) is fits


@pytest.mark.parametrize("path", LIST_PATHS)
def test_a_list_is_told_in_one_format_and_takes_no_parameter_of_another(path: str) -> None:
    chosen = next((one for one in FORMATS if path.endswith(f".{one.extension}")), FORMATS[0])
    names = {one["name"] for one in parameters_of(path)}
    variants = {one.variant_parameter for one in FORMATS if one.variant_parameter}
    assert names & variants == {chosen.variant_parameter} - {None}
    assert ("include" in names) == (chosen.allows_include and path.startswith("/interactions"))
    assert "format" not in names
    assert list(OPERATIONS[path]["responses"]["200"]["content"]) == [chosen.media_type]


def test_no_default_is_told_where_sending_it_may_be_a_fault() -> None:
    parameters = {name: one["schema"] for name, one in query_parameters("/cache/explain").items()}
    assert [name for name in ("offset", "shape", "csv") if "default" in parameters[name]] == []
    assert parameters["limit"]["default"] == 100


def test_the_bound_of_rows_bounds_the_default_too() -> None:
    narrow: Any = openapi.document(GRAINS, 7)
    limit = next(one for one in parameters_of("/interactions", narrow) if one["name"] == "limit")
    assert (limit["schema"]["default"], limit["schema"]["maximum"]) == (7, 7)


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if schema["type"] == "object"])
def test_every_property_is_required(name: str) -> None:
    schema = SCHEMAS[name]
    assert set(schema["properties"]) - set(schema["required"]) == OPTIONAL.get(name, set())


def test_null_is_said_by_any_of_alone() -> None:
    assert [path for path, node in nodes(DOCUMENT) if node.get("nullable") in (True, False)] == []
    assert [path for path, node in nodes(DOCUMENT) if isinstance(node.get("type"), list)] == []
    unions = [(path, node["anyOf"]) for path, node in nodes(DOCUMENT) if "anyOf" in node]
    assert len(unions) > 50
    assert [path for path, union in unions if len(union) != 2 or union[1] != {"type": "null"}] == []


SHOWN = [
    *((row_name(grain), column) for grain in GRAINS.values() for column in grain.columns.values()),
    *((f"Nested{include.noun.title().replace(' ', '')}", column) for include in INCLUDES for column in include.columns),
]


@pytest.mark.parametrize(("schema", "column"), SHOWN, ids=lambda value: getattr(value, "name", value))
def test_every_column_is_a_property_with_its_null_unit_and_class(schema: str, column: Column) -> None:
    described = SCHEMAS[schema]["properties"][column.name]
    assert ("anyOf" in described) == column.nullable
    assert described.get("x-unit") == column.unit
    assert described.get("x-personal-data") == column.personal
    assert described["description"].startswith(column.description)


def test_closed_lists_of_words_are_enums_by_name() -> None:
    named = {path.split("/")[3] for path, node in nodes(DOCUMENT) if path.startswith("/components") and "enum" in node}
    assert {"SlaOutcome", "AbandonStage", "ProblemCode", "SpanKind", "Scope", "Mode", "Source"} < named
    inline = [path for path, node in nodes(SCHEMAS) if "enum" in node and path.count("/") > 1]
    assert inline == ["/Health/properties/status", "/Health/properties/tier", "/Purged/properties/pending/items"]


def test_every_component_is_used() -> None:
    text = json.dumps(DOCUMENT)
    components = [
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "headers", "parameters")
        for name in DOCUMENT["components"][kind]
    ]
    used = set(re.findall(r'"\$ref": "([^"]+)"', text))
    listener = {f"#/components/responses/Problem{status}" for status in (414, 431)}  # said by `default`
    assert {component for component in components if component not in used} == listener


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_operation_says_its_problems(path: str) -> None:
    operation = OPERATIONS[path]
    responses = operation["responses"]
    told = {status for status in responses if status.startswith(("4", "5"))}
    assert {"400", "405", "500"} <= told
    assert responses["default"] == {"$ref": "#/components/responses/Problem"}
    if operation.get("security") != []:
        assert {"401", "429"} <= told
    if "304" in responses:
        assert {"403", "502", "503", "504"} <= told
    assert ("416" in told) == ("206" in responses)
    assert ("410" in told) == (path in {*LIST_PATHS, *(f"{grain.path}/search" for grain in GRAINS.values())})
    assert ("404" in told) == ("{" in path)


def test_every_problem_has_its_example_under_its_status() -> None:
    responses = DOCUMENT["components"]["responses"]
    for row in PROBLEMS:
        example = responses[f"Problem{row.status}"]["content"]["application/problem+json"]["examples"][row.slug]
        assert example["value"]["code"] == row.slug
        assert example["value"]["status"] == row.status


def examples() -> Iterator[tuple[str, Any, object]]:
    for path, node in nodes(DOCUMENT):
        if "schema" in node:
            if "example" in node:
                yield path, node["schema"], node["example"]
            for name, example in node.get("examples", {}).items():
                yield f"{path}/{name}", node["schema"], example["value"]


@pytest.mark.parametrize(("schema", "value"), [pytest.param(*case[1:], id=case[0]) for case in examples()])
def test_every_example_is_of_its_schema(schema: Any, value: object) -> None:
    assert faults(schema, value) == []


def test_a_binary_format_is_documented_without_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    binary = replace(FORMATS[-1], name="binary", is_binary=True, requires="not_installed_here")
    monkeypatch.setattr(openapi, "FORMATS", (*FORMATS[:-1], binary))
    document: dict[str, Any] = openapi.document(GRAINS, 10_000)
    responses = document["paths"]["/interactions.csv"]["get"]["responses"]
    for status in ("200", "206"):
        assert responses[status]["content"] == {"text/csv": {"schema": {"type": "string", "format": "binary"}}}


def test_a_wrong_row_is_no_interaction() -> None:
    rows: Any = golden()["rows"]
    row = rows["interactions"][0]
    assert faults(SCHEMAS["Interaction"], row) == []
    assert faults(SCHEMAS["Interaction"], row | {"sla_outcome": "lucky"})
    assert faults(SCHEMAS["Interaction"], row | {"started_at": None})
    assert faults(SCHEMAS["Interaction"], row | {"started_at": "yesterday"})
    assert faults(SCHEMAS["Interaction"], {name: value for name, value in row.items() if name != "customer"})


def test_the_golden_file_is_what_make_golden_writes() -> None:
    assert GOLDEN.read_text(encoding="utf-8") == golden_text()


def test_columns_for_attributes_are_in_the_document_and_its_examples() -> None:
    document: Any = openapi.document(grains(["Account Number"]), 10_000)
    assert "attr_account_number" in document["components"]["schemas"]["Interaction"]["required"]
    shown = document["paths"]["/interactions.json"]["get"]["responses"]["200"]["content"]["application/json"]
    assert shown["examples"]["documented"]["value"]["items"][0]["attr_account_number"] is None


REAL = [
    ("/interactions", "/interactions?limit=50", 200),
    ("/interactions", "/interactions?attr=1234567&include=attributes,agents,queues,segments,notes,talk_times", 200),
    ("/interactions", "/interactions?attr=SIM-OPEN&limit=5", 200),
    ("/interactions", "/interactions?attr=SIM-ABANDON&limit=5", 200),
    ("/interactions", "/interactions?attr=SIM-EMPTY", 200),
    ("/interactions", "/interactions?from=2018-10-01&to=now&channel_type=voice&limit=2", 200),
    ("/interactions", "/interactions?attribute-value=1234567", 400),
    ("/interactions", "/interactions?limit=0&sort=nothing&cursor=unknown", 400),
    ("/interactions.json", "/interactions.json?limit=3", 200),
    ("/interactions.ndjson", "/interactions.ndjson?limit=3", 200),
    ("/interactions.csv", "/interactions.csv?limit=3&download=1", 200),
    ("/interactions/{interaction_id}", f"/interactions/{DOCUMENTED}", 200),
    ("/interactions/{interaction_id}", f"/interactions/{DOCUMENTED}?include=attributes,notes", 200),
    ("/interactions/{interaction_id}", "/interactions/00000000-0000-4000-8000-000000000000", 404),
    ("/interactions/{interaction_id}", f"/interactions/{DOCUMENTED}?limit=1", 400),
    ("/interactions/{interaction_id}/timeline", f"/interactions/{DOCUMENTED}/timeline", 200),
    *((grain.path, f"{grain.path}?attr=1234567", 200) for grain in GRAINS.values()),
    *((grain.path, f"{grain.path}?limit=50", 200) for grain in GRAINS.values()),
    *((f"{grain.path}.csv", f"{grain.path}.csv?limit=50", 200) for grain in GRAINS.values()),
    ("/queue-entries", "/queue-entries?include=agents", 400),
    *((grain.summary_path, f"{grain.summary_path}?by=channel_type", 200) for grain in GRAINS.values()),
    ("/queue-entries/summary", "/queue-entries/summary?measures=service_level,max:entered_at&interval=hour", 200),
    ("/queue-entries/summary", "/queue-entries/summary?by=nothing", 400),
    ("/schema", "/schema", 200),
    ("/schema/{grain}", "/schema/queue-entries", 200),
    ("/schema/{grain}", "/schema/queues", 404),
    ("/cache/explain", "/cache/explain?attr=1234567", 200),
    ("/cache/explain", "/cache/explain?attr=1234567&grain=agent-legs", 200),
    ("/cache/explain", "/cache/explain?attr=NOBODY&cursor=unknown", 400),
    ("/cache/explain", "/cache/explain?attr=NOBODY&from=now-1h", 200),
    ("/questions", "/questions", 200),
    ("/questions/{name}", "/questions/pinned", 200),
    ("/questions/{name}", "/questions/pinned?format=csv", 200),
    ("/questions/{name}", "/questions/pinned?limit=1", 400),
    ("/questions/{name}", "/questions/unknown", 404),
    ("/whoami", "/whoami", 200),
    ("/metrics", "/metrics", 200),
    ("/health/live", "/health/live", 200),
    ("/health/ready", "/health/ready", 200),
    ("/problems/{slug}", "/problems/cursor-expired", 200),
    ("/problems/{slug}", "/problems/no-such-problem", 404),
]


def described(path: str, status: int) -> dict[str, Any]:
    """The response the document gives for a status at a path."""
    responses = OPERATIONS[path]["responses"]
    response: dict[str, Any] = responses.get(str(status), responses["default"])
    while "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response


def disagreements(path: str, answer: httpx.Response) -> list[str]:
    """Where a real answer is not what the document says of it."""
    response = described(path, answer.status_code)
    found = []
    if str(answer.status_code) not in OPERATIONS[path]["responses"]:
        found.append(f"status {answer.status_code} is not documented")
    media_type = answer.headers["content-type"].partition(";")[0]
    content = response["content"].get(media_type)
    if content is None:
        return [*found, f"{media_type} is not documented"]
    value = answer.json() if media_type.endswith("json") and "ndjson" not in media_type else answer.text
    return found + faults(content["schema"], value)


async def test_real_answers_are_as_the_document_says(simulator: Simulator, tmp_path: Path) -> None:
    pinned, scopes = pinning(tmp_path, pinned={"path": "/queue-entries/summary"}), "read,metrics:read,notes:read"
    async with running_facade(simulator, anonymous_scopes=scopes, questions_file=pinned) as facade:
        responses = {target: await facade.get(target, status=status) for _, target, status in REAL}
        served = (await facade.get("/openapi.json")).json()
    assert {target: found for path, target, _ in REAL if (found := disagreements(path, responses[target]))} == {}
    assert served == DOCUMENT


async def test_the_examples_are_what_the_documented_interaction_gives(facade: Facade) -> None:
    row = (await facade.get(f"/interactions/{DOCUMENTED}")).json()
    example = OPERATIONS["/interactions/{interaction_id}"]["responses"]["200"]["content"]["application/json"]
    pseudonym = {"customer_key": row["customer_key"]}  # under this façade's own secret
    assert row == example["examples"]["documented"]["value"] | pseudonym
    spans = (await facade.get(f"/interactions/{DOCUMENTED}/timeline")).json()
    assert spans == json.loads(GOLDEN.read_text(encoding="utf-8"))["timeline"]


async def test_the_example_of_a_misspelt_filter_is_a_real_answer(facade: Facade) -> None:
    given = (await facade.get("/interactions", ("attribute-value", "1234567"), status=400)).json()
    problems = described("/interactions", 400)["content"]["application/problem+json"]["examples"]
    assert given | {"request_id": ""} == problems["unknown-parameter"]["value"] | {"request_id": ""}


@pytest.mark.parametrize("status", [200, 206, 304, 429])
async def test_every_header_promised_is_sent(simulator: Simulator, tmp_path: Path, status: int) -> None:
    key = given("metered", "read", quota=1 if status == 429 else 2)
    keys = write(tmp_path / "keys.json", key)
    path, query = "/interactions.csv", [("limit", "1"), ("download", "1")]
    async with running_facade(simulator, client_keys_file=keys) as facade:
        whole = await facade.get(path, *query, headers=key.bearer)
        conditions = {
            206: {"Range": "bytes=0-9", "Accept-Encoding": "identity"},
            304: {"If-None-Match": whole.headers["etag"]},
        }
        answer = await facade.get(path, *query, status=status, headers=key.bearer | conditions.get(status, {}))
    lacking = {name for name in described(path, status)["headers"] if name not in answer.headers}
    assert lacking - {"X-Hint"} == set(), "a hint is only of answers without rows"


async def test_every_way_to_send_a_key_that_is_told_is_taken(simulator: Simulator, tmp_path: Path) -> None:
    key = given("reader", "read")
    sent = {
        ("http", "bearer"): key.bearer,
        ("http", "basic"): {"Authorization": f"Basic {b64encode(f'{key.secret}:'.encode()).decode()}"},
        ("apiKey", "X-API-Key"): {"X-API-Key": key.secret},
    }
    schemes = DOCUMENT["components"]["securitySchemes"]
    told = {name: (one["type"], one.get("scheme") or one["name"]) for name, one in schemes.items()}
    assert set(told.values()) == set(sent)
    assert DOCUMENT["security"] == [*({name: []} for name in told), {}]
    async with running_facade(simulator, client_keys_file=write(tmp_path / "keys.json", key)) as facade:
        await facade.get("/whoami", status=401)
        for way in told.values():
            assert (await facade.get("/whoami", headers=sent[way])).json()["label"] == "reader"
