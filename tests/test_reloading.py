"""Reloading: what is taken of new settings, and what is told of those that are not."""

import logging

import pytest

from app import errors
from app.reloading import Reloadable, reload
from app.remedies import REMEDIES
from app.settings import Settings, load

CANARY = "canary-6e21-invented"


def read() -> Settings:
    return load({"password": CANARY}, environ={}, env_file=None)


class Thing:
    """Takes the settings, or fails in a way of its own."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.taken: list[Settings] = []

    async def take(self, settings: Settings) -> None:
        if self.failure:
            raise self.failure
        self.taken.append(settings)


async def test_each_thing_takes_what_was_read(caplog: pytest.LogCaptureFixture) -> None:
    one, other = Thing(), Thing()
    await reload(read, [Reloadable("CXF_ONE", one.take), Reloadable("CXF_OTHER", other.take)])
    assert [thing.taken for thing in (one, other)] == [[read()], [read()]]
    assert caplog.records == []


@pytest.mark.threat("T09")
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (errors.UpstreamAuth(), REMEDIES[errors.UpstreamAuth]),
        (errors.SettingsError(["CXF_ONE must be better."]), "CXF_ONE must be better."),
        (RuntimeError(CANARY), "RuntimeError"),
    ],
)
async def test_what_fails_is_one_line_and_keeps_nobody_else_from_it(
    failure: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Thing(failure), Thing()
    await reload(read, [Reloadable("CXF_ONE", bad.take), Reloadable("CXF_OTHER", good.take)])
    assert len(good.taken) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"CXF_ONE not taken; what was in force stays: {words}"
    ]
    assert caplog.records[0].levelno == logging.ERROR


@pytest.mark.threat("T09")
async def test_settings_that_cannot_be_read_are_taken_by_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> Settings:
        return load({"password": CANARY, "port": CANARY}, environ={}, env_file=None)

    thing = Thing()
    await reload(fails, [Reloadable("CXF_ONE", thing.take)])
    assert thing.taken == []
    assert [record.getMessage() for record in caplog.records] == [
        "Reloaded nothing; what was in force stays: CXF_PORT (--port) must be a whole number."
    ]
    assert CANARY not in caplog.text
