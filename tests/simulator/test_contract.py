"""The upstream contract is valid, and every kind of simulator answer and every documented sample keeps it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import validate

from app.simulator import KINDS, example
from app.simulator.interaction import ARRAYS, NESTED, ROOT
from app.simulator.query import SPELLINGS
from app.simulator.wire import SHAPES
from app.simulator.world import MAGIC
from tests.simulator.support import DOCUMENTED_ID, Asking

PROJECT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((PROJECT / "openapi" / "upstream.yaml").read_text("utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
SAMPLES = sorted((PROJECT / "tests" / "samples").glob("*.json"))
LIST = "/v1/tenants/{tenantId}/interactions"


def check(value: Any, schema: str) -> None:
    """Raises jsonschema.ValidationError where a value breaks a schema of the contract."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_known_field_stands_in_the_contract() -> None:
    assert {*ROOT, *ARRAYS, "details"} == SCHEMAS["Interaction"]["properties"].keys()
    for array, schema in (("segments", "Segment"), ("queues", "QueueEntry"), ("hooks", "Hook"), ("notes", "Note")):
        assert set(NESTED[array]) == SCHEMAS[schema]["properties"].keys()
    assert {*NESTED["agents"], "talkTimes"} == SCHEMAS["AgentLeg"]["properties"].keys()


def test_the_simulator_understands_every_parameter_of_the_contract() -> None:
    assert {parameter["name"] for parameter in DOCUMENT["paths"][LIST]["get"]["parameters"]} <= SPELLINGS.keys()


def test_nothing_but_the_id_is_required_of_an_interaction() -> None:
    assert SCHEMAS["Interaction"]["required"] == ["interactionId"]
    nested = [
        schema for name, schema in SCHEMAS.items() if name in ("Segment", "AgentLeg", "QueueEntry", "Hook", "Note")
    ]
    assert len(nested) == 5
    assert not any("required" in schema or "additionalProperties" in schema for schema in nested)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_documented_sample_keeps_the_contract(sample: Path) -> None:
    schema = {"interaction": "Interaction", "list": "Envelope", "token": "Token"}[sample.stem.split("-")[0]]
    check(json.loads(sample.read_text("utf-8")), schema)


def test_there_are_samples_to_check() -> None:
    assert len(SAMPLES) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_the_contract(kind: str) -> None:
    check(example(kind), "Interaction")


@pytest.mark.parametrize("switch", [("limit", 1000), ("green", "false")])
async def test_lists_keep_the_contract(upstream: Asking, switch: tuple[str, str | int]) -> None:
    check(await upstream.ask(switch, ("limit", 1000)), "Envelope")


@pytest.mark.parametrize("value", [value for value, row in MAGIC.items() if row.fault is None])
async def test_magic_rows_keep_the_contract(upstream: Asking, value: str) -> None:
    check(await upstream.ask(("attribute-value", value), ("limit", 50)), "Envelope")


async def test_empty_answers_keep_the_contract(upstream: Asking) -> None:
    for query in (("limit", 0), ("offset", 9999), ("attribute-value", "nobody")):
        check(await upstream.ask(query), "Envelope")


async def test_single_answers_keep_the_contract(upstream: Asking) -> None:
    for row in await upstream.rows(("limit", 60)):
        answer = (await upstream.get(path=f"/{row['interactionId']}")).json()
        check(answer, "Interaction")
        check(answer["details"], "Details")


async def test_logins_keep_the_contract(upstream: Asking) -> None:
    options = upstream.sim.options
    asked = {"username": options.username, "password": options.password}
    check(asked, "Login")
    check((await upstream.client.post(f"{upstream.sim.url}/v1/tokens", json=asked)).json(), "Token")


@pytest.mark.parametrize("shape", SHAPES)
async def test_error_bodies_keep_the_contract(upstream: Asking, shape: str) -> None:
    upstream.sim.faults("status", shape=shape)
    check((await upstream.get()).json(), "Error")


@pytest.mark.parametrize("query", [("limit", "x"), ("start", "x")])
async def test_refusals_keep_the_contract(upstream: Asking, query: tuple[str, str]) -> None:
    check((await upstream.get(query)).json(), "Error")
    check((await upstream.get(path="/unknown")).json(), "Error")
    check((await upstream.get(auth=("demo", "wrong"))).json(), "Error")
    check((await upstream.client.delete(upstream.sim.interactions_url)).json(), "Error")


@pytest.mark.parametrize(
    "kind", ["unknown-field", "foreign-tenant", "results-object", "total-changes", "bare-interaction"]
)
async def test_answers_the_client_must_stand_keep_the_contract(upstream: Asking, kind: str) -> None:
    upstream.sim.faults(kind)
    check(await upstream.ask(("attribute-value", "valueOne")), "ListAnswer")


async def test_a_field_of_another_type_breaks_the_contract(upstream: Asking) -> None:
    upstream.sim.faults("wrong-type")
    answer = await upstream.ask(("attribute-value", "valueOne"))
    with pytest.raises(jsonschema.ValidationError):
        check(answer, "Envelope")


async def test_the_documented_interaction_is_answered_word_for_word(upstream: Asking) -> None:
    sample = json.loads((PROJECT / "tests" / "samples" / "interaction-voice-answered.json").read_text("utf-8"))
    assert (await upstream.get(path=f"/{DOCUMENTED_ID}")).json() == sample
