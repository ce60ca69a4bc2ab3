"""Every line the app writes has a row in the table of events, and every row a line."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from app import logs
from app.events import EVENTS, MORE, name_of
from app.http import sampling

APP = Path(__file__).parents[1] / "app"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
LOGGERS = {"logger", "_LOGGER", "_ACCESS", "_logger"}
SAMPLED = {"refusals", "cuts"}


def lines_written() -> Iterator[tuple[str, str]]:
    """Where a line is written, and its words; a name stands for the text its module gives it."""
    for path in APP.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            words = _words(call)
            if words is not None:
                told = texts.get(words.id, words) if isinstance(words, ast.Name) else words
                if isinstance(told, ast.Constant):
                    yield f"{path.relative_to(APP)}:{call.lineno}", str(told.value)
                else:
                    assert path.name == "sampling.py", f"{path}:{call.lineno} writes words that are not fixed"


def _words(call: ast.Call) -> ast.expr | None:
    """The words of a call that writes a line."""
    if not isinstance(call.func, ast.Attribute):
        return None
    owner = call.func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    if name in LOGGERS and call.func.attr in LEVELS:
        return call.args[call.func.attr == "log"]
    return call.args[1] if name in SAMPLED and call.func.attr == "say" else None


def test_every_line_has_a_row_and_every_row_a_line() -> None:
    written = dict(lines_written())
    nameless = {place: words for place, words in written.items() if name_of(words) is None}
    assert not nameless
    assert {name_of(words) for words in written.values()} == {event.name for event in EVENTS}


def test_every_logger_is_one_whose_lines_are_looked_at() -> None:
    for path in APP.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("logging.getLogger("):
                assert ast.unparse(node.targets[0]) in LOGGERS, f"{path}:{node.lineno}"


def test_names_are_given_once() -> None:
    assert len({event.name for event in EVENTS}) == len(EVENTS) == len({event.words for event in EVENTS})


def test_a_json_line_tells_its_event() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    try:
        logs.configure("json", "info", stream)
        logging.getLogger("cxfacade.upstream").error("upstream needs to be looked at: %s", "upstream-auth")
        logging.getLogger("cxfacade.upstream").error("something else")
    finally:
        root.handlers[:], root.level, logging.raiseExceptions = before
        logging.captureWarnings(False)
    events = [json.loads(line).get("event") for line in stream.getvalue().splitlines()]
    assert events == ["upstream-alarm", None]


async def test_a_line_that_stands_for_others_is_of_the_same_event() -> None:
    heard: list[str] = []

    class Hearing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(str(record.msg))

    logger = logging.getLogger("cxfacade.told-in-a-test")
    logger.addHandler(hearing := Hearing())
    logger.setLevel(logging.INFO)
    sampled = sampling.Sampled(logger)
    words = next(event.words for event in EVENTS if event.name == "connection-ended")
    for _ in range(2):
        sampled.say("kind", words, {"reason": "kind"})
    sampled._over("kind", words, {"reason": "kind"})
    logger.removeHandler(hearing)
    assert heard == [words, words + MORE]
    assert {name_of(one) for one in heard} == {"connection-ended"}
