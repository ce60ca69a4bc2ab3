"""Pinned questions: the file, what is refused of it, and their answers, which are those of the paths they name."""

import logging
from pathlib import Path
from typing import Any

import pytest

from app.errors import SettingsError
from app.formats import FORMATS
from app.http.questions import LONGEST_QUERY, MOST_QUESTIONS, SETTING
from app.main import create_app
from app.reloading import reload
from app.settings import Settings
from tests.scenarios.repeating import repeating
from tests.support.clock import HandClock
from tests.support.facade import facade_settings, running_facade
from tests.support.keys import given, write
from tests.support.pinned import pinning, stored
from tests.support.simulator import Simulator

NOWHERE = "http://127.0.0.1:9"
CANARY = "invented-canary-51d0"
SUMMARY = {"path": "/queue-entries/summary", "query": "from=now-7d/d&by=queue_name&measures=service_level"}
LIST = {"path": "/interactions", "query": "attr=SIM-10K&limit=2", "title": "Two calls", "warm": False}
PLAIN = {"accept-encoding": "identity"}
NOTES = {"path": "/notes", "query": "limit=1"}


def settings_of(path: Path, **more: Any) -> Settings:
    return facade_settings(NOWHERE, questions_file=path, **more)


def faults(path: Path, **more: Any) -> tuple[str, ...]:
    """The lines that stop the start; none of them shows a value."""
    with pytest.raises(SettingsError) as refused:
        create_app(settings_of(path, **more))
    assert CANARY not in "".join(refused.value.faults)
    return refused.value.faults


def test_a_question_needs_a_path_alone(tmp_path: Path) -> None:
    (question,) = create_app(settings_of(pinning(tmp_path, a={"path": "/segments"}))).questions.in_force.values()
    assert (question.name, question.query, question.title, question.warm) == ("a", "", "a", False)


FILES = [
    (b"[a]\npath = " + CANARY.encode(), "names a file that is not TOML: look at line 2, column 8."),
    (b"a = " + b"[" * 10_000, "names a file that is not TOML."),
    (b"\xff", "names a file that is not UTF-8 text."),
    ("".join(f"[a{number}]\n" for number in range(MOST_QUESTIONS + 1)).encode(), "holds more than 100 questions."),
    (f'["{CANARY}_"]\npath = "/notes"'.encode(), "question 1: its name must be of small letters and digits"),
    (f'["{"a" * 65}"]\npath = "/notes"'.encode(), "question 1: its name must be of small letters and digits"),
    (f'a = "{CANARY}"'.encode(), "a: it must be a table, with path and query below its name in brackets."),
    (b"[a.b]\npath = '/notes'", "a: it has a key that is not known; a question takes path, query, title, warm."),
    (b"[a]\n", "a: it lacks path, which must be the path of a list or of its summary, as /interactions"),
]


@pytest.mark.parametrize(("text", "words"), FILES, ids=[words[:40] for _, words in FILES])
def test_a_file_that_is_none_of_questions_is_told_in_a_line(text: bytes, words: str, tmp_path: Path) -> None:
    told = faults(stored(tmp_path, text))
    assert told[0].startswith(SETTING)
    assert words in told[0]


def test_a_file_that_is_missing_or_that_others_may_write_stops_the_start(tmp_path: Path) -> None:
    assert faults(tmp_path / "none") == (
        f"{SETTING} names a file that does not exist. It is looked for at {tmp_path}/none.",
    )
    assert "others may write; its mode must be 0644" in faults(stored(tmp_path, "", mode=0o620))[0]


MEMBERS = [
    ({"path": "/whoami"}, "path must be the path of a list or of its summary"),
    ({"path": "/interactions.csv"}, "Did you mean /interactions?"),
    ({"path": f"/interactions?attr={CANARY}"}, "Did you mean /interactions?"),
    ({"path": "/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17"}, "path must be the path of a list"),
    ({"path": 7}, "path must be the path of a list"),
    ({"query": "queue_name=Süd"}, "query must be as in a URL"),
    ({"query": "attr=a b"}, "a space is %20"),
    ({"query": "attr=a#b"}, "query must be as in a URL"),
    ({"query": "attr=" + "a" * LONGEST_QUERY}, "4000 characters at most"),
    ({"query": True}, "query must be as in a URL"),
    ({"title": ""}, "title must be text of one line"),
    ({"title": "a\nb"}, "title must be text of one line"),
    ({"title": 7}, "title must be text of one line"),
    ({"warm": "yes"}, "warm must be true or false"),
    ({"warm": 1}, "warm must be true or false"),
    ({CANARY: 1}, "it has a key that is not known"),
    ({"query": "attribute-value=1"}, "Did you mean attr?"),
    ({"query": f"limit={CANARY}"}, "limit "),
    ({"query": "limit=1&limit=2"}, "limit may be given once."),
    ({"query": "from=2026-01-02&to=2026-01-01"}, "to must be later than from."),
    ({"query": "%"}, "not percent-encoded"),
    ({"query": "include=raw"}, "include=raw is for one interaction"),
    ({"query": "pii=clear"}, "pii has no place here"),
    ({"query": "cursor=abc"}, "cursor has no place here"),
    ({"query": "changed_since=abc"}, "changed_since has no place here"),
    ({"query": f"api_key={CANARY}"}, "query holds a credential"),
    ({"query": f"attr={given('one', 'read').secret}"}, "query holds a credential"),
    ({"query": "limit=all&format=csv", "warm": True}, "warm must be false, or limit 10000 at most"),
    ({**NOTES, "warm": True}, "warm must be false: /notes is more than the masked view shows."),
    ({"path": "/notes/summary", "query": "measures=longest_wait_seconds"}, "measures names no measure"),
    ({"query": "by=queue_name"}, "by is not a parameter of this resource."),
]


@pytest.mark.parametrize(("members", "words"), MEMBERS, ids=lambda one: ascii(one)[:50])
def test_a_bad_member_is_told_with_its_question(members: dict[str, object], words: str, tmp_path: Path) -> None:
    told = faults(pinning(tmp_path, good=SUMMARY, bad={"path": "/interactions", **members}))
    assert len(told) == 1
    assert told[0].startswith(f"{SETTING}: bad: ")
    assert words in told[0]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = pinning(tmp_path, a={"title": "", "warm": 1}, b={**LIST, "query": "limit=0&sort=nothing"}, c=LIST)
    assert [line.split(": ")[1] for line in faults(path)] == ["a", "a", "a", "b", "b"]


async def test_questions_are_listed_in_the_order_of_the_file(simulator: Simulator, tmp_path: Path) -> None:
    path = pinning(tmp_path, sales_today=SUMMARY, calls=LIST)
    async with running_facade(simulator, questions_file=path, public_url="https://reports.example/cx") as facade:
        answer = await facade.get("/questions")
        assert answer.json()["questions"] == [
            {**SUMMARY, **known("sales-today", "sales-today"), "warm": False},
            {**LIST, **known("calls", "Two calls")},
        ]
        assert answer.headers["cache-control"] == "no-store"
        assert (await facade.get("/questions?a=1", status=400)).json()["code"] == "unknown-parameter"
        assert simulator.calls() == []


def known(name: str, title: str) -> dict[str, str]:
    return {"name": name, "title": title, "href": f"https://reports.example/cx/questions/{name}"}


async def test_no_questions_are_a_list_too(simulator: Simulator) -> None:
    async with running_facade(simulator) as facade:
        assert (await facade.get("/questions")).json() == {"questions": []}
        unknown = (await facade.get("/questions/sales", status=404)).json()
    assert unknown["detail"] == "No question is pinned under this name; /questions lists them."
    assert unknown["instance"] == "/questions/sales"


ENDINGS = ["", *(f".{one.extension}" for one in FORMATS)]


@pytest.mark.parametrize("pinned", [SUMMARY, LIST], ids=lambda one: str(one["path"]))
@pytest.mark.parametrize("ending", ENDINGS)
async def test_the_answer_is_that_of_its_path(
    pinned: dict[str, str], ending: str, simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    """Made for one of them, stored for both; the next page follows under the path."""
    by_path, by_name = f"{pinned['path']}{ending}?{pinned['query']}", f"/questions/calls{ending}"
    own = (b"x-request-id", b"the-same-each-time")
    async with repeating(simulator, clock.clock, questions_file=pinning(tmp_path, calls=pinned)) as facade:
        made = await facade.ask(by_name, own)
        calls = len(simulator.calls())
        assert (await facade.long(by_path, own)).told == (await facade.long(by_name, own)).told
        assert (await facade.ask(by_path)).body == made.body
        unchanged = await facade.ask(by_name, (b"if-none-match", made.headers[b"etag"]))
        assert (unchanged.status, unchanged.body) == (304, b"")
        head = await facade.ask(by_name, method="HEAD")
        assert (head.headers[b"etag"], head.body) == (made.headers[b"etag"], b"")
        assert facade.is_replayed(by_name, own)
        assert len(simulator.calls()) == calls


@pytest.mark.parametrize(
    ("more", "content_type"),
    [("format=csv", "text/csv"), ("shape=records", "application/json"), ("_=17", "application/json")],
)
async def test_a_request_says_how_it_is_written(
    more: str, content_type: str, simulator: Simulator, tmp_path: Path
) -> None:
    async with running_facade(simulator, questions_file=pinning(tmp_path, calls=LIST)) as facade:
        answer = await facade.get(f"/questions/calls?{more}")
        assert answer.headers["content-type"].startswith(content_type)
        assert answer.content == (await facade.get(f"/interactions?{LIST['query']}&{more}")).content
        accepted = await facade.get("/questions/calls", headers={"accept": "text/csv"})
        assert accepted.headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("?limit=1", "unknown-parameter", "limit is not a parameter of this resource."),
        ("?shape=columns", "invalid-parameter", "shape is pinned with this question: leave it out"),
        (".csv?format=json", "invalid-parameter", "format and the path's extension name different formats"),
        (".csv", "invalid-parameter", "shape does not apply to the format csv: end the path in .json"),
        ("?cursor=abc", "unknown-parameter", "cursor is not a parameter of this resource."),
        ("?api_key=abc", "key-in-query", "A credential stands in the query string."),
    ],
)
async def test_a_request_says_nothing_else(
    path: str, code: str, words: str, simulator: Simulator, tmp_path: Path
) -> None:
    pinned = pinning(tmp_path, records={**LIST, "query": "limit=1&shape=records"})
    async with running_facade(simulator, questions_file=pinned) as facade:
        told = (await facade.get(f"/questions/records{path}", status=400)).json()
    assert told["code"] == code
    assert words in told["detail"]
    assert simulator.calls() == []


async def test_a_range_that_cannot_be_is_told_of_the_request(simulator: Simulator, tmp_path: Path) -> None:
    async with running_facade(simulator, questions_file=pinning(tmp_path, calls=LIST)) as facade:
        part = await facade.get("/questions/calls", status=206, headers={"range": "bytes=0-9", **PLAIN})
        assert part.content == (await facade.get("/questions/calls")).content[:10]
        told = await facade.get("/questions/calls", status=416, headers={"range": "bytes=9999999-"})
    assert told.json()["instance"] == "/questions/calls"


async def test_a_question_may_be_streamed(simulator: Simulator, tmp_path: Path) -> None:
    path = pinning(tmp_path, export={"path": "/interactions", "query": "limit=all&format=csv&attr=SIM-OPEN"})
    async with running_facade(simulator, questions_file=path) as facade:
        whole = await facade.get("/questions/export")
        assert whole.content == (await facade.get("/interactions.csv?limit=all&attr=SIM-OPEN")).content
        assert whole.headers["transfer-encoding"] == "chunked"


async def test_a_key_gets_what_the_path_itself_would_answer(simulator: Simulator, tmp_path: Path) -> None:
    reader, noted, metered = given("reader", "read"), given("noted", "read", "notes:read"), given("m", "metrics:read")
    keys = write(tmp_path / "keys.json", reader, noted, metered)
    pinned = pinning(tmp_path, notes=NOTES, calls=LIST)
    async with running_facade(simulator, client_keys_file=keys, questions_file=pinned) as facade:
        for path in ("/questions", "/questions/calls", "/questions/notes"):
            await facade.get(path, status=401)
            await facade.get(path, status=403, headers=metered.bearer)
        refused = (await facade.get("/questions/notes", status=403, headers=reader.bearer)).json()
        assert refused["detail"] == (await facade.get("/notes", status=403, headers=reader.bearer)).json()["detail"]
        told = await facade.get("/questions/notes", headers=noted.bearer)
        assert told.content == (await facade.get("/notes?limit=1", headers=noted.bearer)).content


async def test_questions_are_read_again_whole_or_not_at_all(
    simulator: Simulator, clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = pinning(tmp_path, calls=LIST)
    settings = settings_of(path)
    async with repeating(simulator, clock.clock, questions_file=path) as facade:
        await facade.warm("/questions/calls")
        pinning(tmp_path, calls={**LIST, "query": "limit=1"}, others=LIST, bad={"path": "/"})
        await reload(lambda: settings, facade.app.state.reloadable)
        assert f"CXF_QUESTIONS_FILE not taken; what was in force stays: {SETTING}: bad: path" in caplog.text
        assert (await facade.ask("/questions/others")).status == 404
        before = facade.replay("/questions/calls")
        pinning(tmp_path, calls={**LIST, "query": "limit=1"}, others=LIST)
        await reload(lambda: settings, facade.app.state.reloadable)
        assert "The pinned questions were read again; 2 are known." in caplog.text
        after = await facade.ask("/questions/calls")
        assert (before.body.count(b'"interaction_id"'), after.body.count(b'"interaction_id"')) == (2, 1)
        assert (await facade.ask("/questions/others")).status == 200
