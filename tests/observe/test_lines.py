"""Every line the app writes is an object of the table of lines, and every object is written."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from app.http import telemetry
from app.observe import lines, logs
from app.observe.lines import CONNECTION_ENDED, LINES, UPSTREAM_ALARM, Line

APP = Path(__file__).parents[2] / "app"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
LOGGERS = {"logger", "_LOGGER", "_ACCESS", "_logger", "reloading"}
SAMPLED = {"refusals", "cuts"}


def lines_written() -> Iterator[tuple[str, ast.expr]]:
    """Where a line is written, and the expression that gives its words."""
    for path in APP.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            words = _words(call)
            if words is not None and ast.unparse(words) != "line":  # a parameter, whose type is Line
                yield f"{path.relative_to(APP)}:{call.lineno}", words


def _words(call: ast.Call) -> ast.expr | None:
    """The words of a call that writes a line."""
    if not isinstance(call.func, ast.Attribute):
        return None
    owner = call.func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    if name in LOGGERS and call.func.attr in LEVELS:
        return call.args[call.func.attr == "log"]
    return call.args[1] if name in SAMPLED and call.func.attr == "say" else None


def test_every_line_written_is_an_object_of_the_table_and_every_object_is_written() -> None:
    written = {place: ast.unparse(words) for place, words in lines_written()}
    nameless = {place: words for place, words in written.items() if not isinstance(getattr(lines, words, None), Line)}
    assert not nameless
    assert {getattr(lines, words) for words in written.values()} == set(LINES)


def test_every_logger_is_one_whose_lines_are_looked_at() -> None:
    for path in APP.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("logging.getLogger("):
                assert ast.unparse(node.targets[0]) in LOGGERS, f"{path}:{node.lineno}"


def test_names_are_given_once() -> None:
    assert len({line.name for line in LINES}) == len(LINES) == len(set(LINES))


def test_a_json_line_tells_its_name() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logging.getLogger("cxfacade.upstream").error(UPSTREAM_ALARM, "upstream-auth")
    logging.getLogger("cxfacade.upstream").error("something else")
    events = [json.loads(line).get("event") for line in stream.getvalue().splitlines()]
    assert events == ["upstream-alarm", None]


async def test_a_line_that_stands_for_others_has_the_same_name() -> None:
    heard: list[Line] = []

    class Hearing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert isinstance(record.msg, Line)
            heard.append(record.msg)

    logger = logging.getLogger("cxfacade.told-in-a-test")
    logger.addHandler(hearing := Hearing())
    logger.setLevel(logging.INFO)
    sampled = telemetry.Sampled(logger)
    for _ in range(2):
        sampled.say("kind", CONNECTION_ENDED, {"reason": "kind"})
    sampled._over("kind", CONNECTION_ENDED, {"reason": "kind"})
    logger.removeHandler(hearing)
    assert heard == [CONNECTION_ENDED, f"{CONNECTION_ENDED}, and %(suppressed)s more like it"]
    assert {line.name for line in heard} == {"connection-ended"}
