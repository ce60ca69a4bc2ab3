"""A warehouse that loads a year once, then asks for its changes: with dlt and DuckDB, and with polars alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import dlt
import httpx
import polars as pl
import pytest

from app.simulator import roll
from tests.support.clock import HandClock
from tests.support.facade import TENANT, running_facade
from tests.support.simulator import ANCHOR, running_simulator

YEAR = {"from": "2025-11-18"}
KEY = "interaction_id"
HOURS_BETWEEN = 42
ROUNDS = 7 * 24 // HOURS_BETWEEN


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that speaks to nobody but the façade, and asks nobody for its settings."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")


def read(url: str, since: str | None = None) -> tuple[pl.DataFrame, str]:
    """All rows, or all changes since a token was given, every column as text; and the token for the next time."""
    asked = {"limit": "all"} if since is None else {"limit": "10000", "changed_since": since}
    pages, following, token = [], f"{url}/interactions.csv?{urlencode({**YEAR, **asked})}", ""
    while following:
        answer = httpx.get(following, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        pages.append(pl.read_csv(answer.content, infer_schema=False))
        following, token = answer.links.get("next", {}).get("url", ""), answer.headers["x-change-token"]
    return pl.concat(pages), token


class Warehouse:
    """A table in DuckDB that dlt keeps, with the token in the pipeline's own state."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        destination = dlt.destinations.duckdb(str(folder / "warehouse.duckdb"))
        self.pipeline = dlt.pipeline("cxfacade", pipelines_dir=str(folder), destination=destination, dataset_name="cx")

    def sync(self) -> int:
        """Load all there is at first, then the changes; how many rows came."""
        came = 0

        @dlt.resource(primary_key=KEY, write_disposition="merge", columns={"gone": {"hard_delete": True}})
        def interactions() -> Iterator[Any]:
            nonlocal came
            state = dlt.current.resource_state()
            is_first = "token" not in state
            rows, state["token"] = read(self._url, state.get("token"))
            came = rows.height
            gone = pl.lit(False) if is_first else pl.col("change") == "remove"
            yield rows.with_columns(gone=gone).drop("change", strict=False).to_arrow()

        self.pipeline.run(interactions())
        return came

    def rows(self) -> pl.DataFrame:
        """The table as it is."""
        with self.pipeline.sql_client() as client:
            table: pl.DataFrame = client.native_connection.sql("SELECT * FROM cx.interactions").pl()
        return table


class Frame:
    """A frame that is kept by hand: what has changed takes the place of what was there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.rows, self._token = read(url)

    def sync(self) -> int:
        """Apply the changes; how many rows came."""
        changes, self._token = read(self._url, self._token)
        new = changes.filter(pl.col("change") == "upsert").drop("change")
        self.rows = pl.concat([self.rows.join(changes, on=KEY, how="anti"), new])
        return changes.height


def alike(table: pl.DataFrame, fresh: pl.DataFrame) -> bool:
    """Whether both hold the same rows."""
    return table.select(fresh.columns).sort(KEY).equals(fresh.sort(KEY))


@pytest.mark.usefixtures("quiet")
async def test_a_year_and_a_week_of_changes_are_a_fresh_load(
    clock: HandClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "RETENTION_DAYS", 400)
    clock.wall = ANCHOR
    year = running_simulator(TENANT, per_weekday=8, history_days=365)
    async with year as simulator, running_facade(simulator, clock=clock.clock) as facade:
        warehouse, frame = Warehouse(facade.url, tmp_path), await asyncio.to_thread(Frame, facade.url)
        loaded = await asyncio.to_thread(warehouse.sync)
        syncs, came = (warehouse.sync, frame.sync), [0, 0]
        for _ in range(ROUNDS):
            clock.advance(HOURS_BETWEEN * 3600)
            simulator.advance(HOURS_BETWEEN * 3600)
            came = [before + await asyncio.to_thread(sync) for before, sync in zip(came, syncs, strict=True)]
        fresh, _ = await asyncio.to_thread(read, facade.url)
        tables = [await asyncio.to_thread(warehouse.rows), frame.rows]
    assert fresh.height > loaded > 1_500
    assert [alike(table, fresh) for table in tables] == [True, True]
    assert max(came) < loaded / 5, "the changes alone are sent"
