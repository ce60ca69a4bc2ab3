"""Log lines: one a record, readable by people or programs, and nothing in them that a terminal would obey."""

import io
import json
import logging
import traceback
import warnings
from typing import Any

import pytest

from app.observe import logs

NASTY = "a\nb\r\x1b[2Jc\x00\x7f\x85\u2028\u2029\u202e\ud800é"
CANARY = "invented-canary-9d27"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def test_json_lines_hold_time_level_logger_message_and_facts() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logging.getLogger("cxfacade.access").info("GET %s", "/interactions", extra={"status": 200, "cache_status": None})
    [line] = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "cxfacade.access",
        "message": "GET /interactions",
        "status": 200,
        "cache_status": None,
    }


@pytest.mark.parametrize("form", ["json", "text"])
def test_whatever_a_message_holds_is_one_printable_line(form: Any) -> None:
    stream = io.StringIO()
    logs.configure(form, "info", stream)
    logging.getLogger("cxfacade").warning("%s", NASTY, extra={"fact": NASTY})
    written = stream.getvalue()
    assert len(written.splitlines()) == 1
    assert written.endswith("\n")
    assert written.removesuffix("\n").isprintable()


def test_escaping_loses_nothing_in_json() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logging.getLogger("cxfacade").info("%s", NASTY)
    assert lines(stream)[0]["message"] == NASTY


@pytest.mark.parametrize(
    ("fact", "written"), [(float("nan"), "nan"), (float("inf"), "inf"), (["a"], "['a']"), (True, True), (1.5, 1.5)]
)
def test_a_fact_that_json_has_no_form_for_becomes_text(fact: object, written: object) -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logging.getLogger("cxfacade").info("seen", extra={"fact": fact})
    assert lines(stream)[0]["fact"] == written


def test_a_fact_cannot_pretend_to_be_the_level() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logging.getLogger("cxfacade").info("seen", extra={"level": "error", "time": "never"})
    assert lines(stream)[0]["level"] == "info"
    assert lines(stream)[0]["time"] != "never"


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_exception_is_named_with_its_places_and_without_its_text(form: Any) -> None:
    stream = io.StringIO()
    logs.configure(form, "info", stream)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("cxfacade").exception("It failed.")
    assert CANARY not in stream.getvalue()
    assert "ValueError at test_an_exception_is_named_with_its_places_and_without_its_text:" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_a_traceback_passed_on_as_a_message_is_cut_short_to_its_last_name() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("uvicorn.error").error(traceback.format_exc())
    assert lines(stream)[0]["message"] == "ended by ValueError"


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        (None, io.StringIO(), True),
        (None, Terminal(), False),
        ("json", Terminal(), True),
        ("text", io.StringIO(), False),
    ],
)
def test_without_a_choice_terminals_get_text_and_programs_json(form: Any, stream: io.StringIO, is_json: bool) -> None:
    logs.configure(form, "info", stream)
    logging.getLogger("cxfacade").info("seen")
    assert stream.getvalue().startswith("{") is is_json


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_less_severe_lines_are_left_out(level: str, heard: int) -> None:
    stream = io.StringIO()
    logs.configure("json", level, stream)
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("cxfacade.upstream").log(severity, "seen")
    assert len(lines(stream)) == heard


@pytest.mark.parametrize("name", ["httpx", "httpcore", "httpcore.connection"])
def test_the_http_libraries_never_say_what_they_ask_for(name: str) -> None:
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    logging.getLogger(name).info("GET https://upstream.example/v1?attribute-value=%s", CANARY)
    assert stream.getvalue() == ""
    logs.configure("json", "error", stream)
    logging.getLogger(name).warning("seen")
    assert stream.getvalue() == ""


def test_the_servers_lines_take_the_same_way_and_their_small_talk_is_for_debugging() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logging.getLogger("uvicorn.error").info("Waiting for application startup.")
    logging.getLogger("uvicorn.error").error("It did not start.")
    assert [line["message"] for line in lines(stream)] == ["It did not start."]
    logs.configure("json", "debug", stream)
    logging.getLogger("uvicorn.error").info("Waiting for application startup.")
    assert len(lines(stream)) == 2


def test_configuring_twice_writes_each_line_once() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logs.configure("json", "info", stream)
    logging.getLogger("cxfacade").info("seen")
    assert len(lines(stream)) == 1


def test_a_warning_of_python_is_a_line_too() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("something is old", stacklevel=1)
        logging.captureWarnings(False)
    assert lines(stream)[0]["logger"] == "py.warnings"


def test_a_record_that_cannot_be_written_is_dropped_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info", io.StringIO())
    logging.getLogger("cxfacade").info("%d rows", CANARY)
    assert CANARY not in capsys.readouterr().err


def test_silence_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    logs.silence()
    logging.getLogger("cxfacade.upstream").error("seen")
    assert capsys.readouterr().err == ""
