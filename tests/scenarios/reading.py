"""The readers as a table, and the types they give a column of the schema; what they read comes back as plain rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd  # type: ignore[import-untyped]  # it ships no types
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # likewise
import pyarrow.csv as pa_csv  # type: ignore[import-untyped]  # likewise
import pyarrow.json as pa_json  # type: ignore[import-untyped]  # likewise

Row = dict[str, Any]
Types = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the same rows can be had: `address` plus an extension is a URL, `files` plus one a file curl fetched."""

    address: Callable[[str], str]
    files: Callable[[str], Path]


@dataclass(frozen=True, slots=True)
class Told:
    """What the libraries call a type of the schema."""

    polars: Any
    pandas: str
    duckdb: str
    arrow: Any


_TEXT = Told(pl.String, "string", "VARCHAR", pa.string())
TOLD = {
    "uuid": _TEXT,
    "string": _TEXT,
    "enum": _TEXT,
    "time": Told(pl.Datetime("ms", "UTC"), "string", "TIMESTAMP", pa.timestamp("ms", "UTC")),
    "date": Told(pl.Date, "string", "DATE", pa.date32()),
    "int": Told(pl.Int64, "Int64", "BIGINT", pa.int64()),
    "float": Told(pl.Float64, "Float64", "DOUBLE", pa.float64()),
    "bool": Told(pl.Boolean, "boolean", "BOOLEAN", pa.bool_()),
}


def told(types: Types, library: str) -> dict[str, Any]:
    """The columns with the types as one library calls them."""
    return {name: getattr(TOLD[kind], library) for name, kind in types.items()}


def plain(rows: Iterable[Row]) -> list[Row]:
    """Rows with times and dates as the façade writes them, and None for every way of saying nothing."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime) and not pd.isna(value):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return None if pd.isna(value) else value


def _polars_read_csv(source: Source, types: Types) -> list[Row]:
    return pl.read_csv(source.address("csv"), schema_overrides=told(types, "polars")).to_dicts()


def _polars_scan_csv(source: Source, types: Types) -> list[Row]:
    return pl.scan_csv(source.address("csv"), schema_overrides=told(types, "polars")).collect().to_dicts()


def _polars_read_ndjson(source: Source, types: Types) -> list[Row]:
    return pl.read_ndjson(source.address("ndjson"), infer_schema_length=None).to_dicts()


def _pandas_read_csv(source: Source, types: Types) -> list[Row]:
    asked = {"dtype": told(types, "pandas"), "keep_default_na": False, "na_values": [""]}
    return _records(pd.read_csv(source.address("csv"), **asked))


def _pandas_read_json(source: Source, types: Types) -> list[Row]:
    return _records(pd.read_json(source.address("json"), dtype=False, precise_float=True))


def _pandas_read_ndjson(source: Source, types: Types) -> list[Row]:
    return _records(pd.read_json(source.address("ndjson"), lines=True, dtype=False, precise_float=True))


def _records(frame: Any) -> list[Row]:
    rows: list[Row] = frame.astype(object).to_dict("records")
    return rows


def _duckdb_read_csv(source: Source, types: Types) -> list[Row]:
    return _duckdb(
        "read_csv($file, columns = $columns, header = true, allow_quoted_nulls = false)", source.files("csv"), types
    )


def _duckdb_read_json(source: Source, types: Types) -> list[Row]:
    return _duckdb("read_json($file, columns = $columns)", source.files("json"), types)


def _duckdb_read_ndjson(source: Source, types: Types) -> list[Row]:
    return _duckdb("read_ndjson($file, columns = $columns)", source.files("ndjson"), types)


def _duckdb(reader: str, file: Path, types: Types) -> list[Row]:
    asked = {"file": str(file), "columns": told(types, "duckdb")}
    with duckdb.connect() as connection:
        table = connection.sql(f"SELECT * FROM {reader}", params=asked).to_arrow_table()
    rows: list[Row] = table.to_pylist()
    return rows


def _pyarrow_read_csv(source: Source, types: Types) -> list[Row]:
    convert = pa_csv.ConvertOptions(
        column_types=told(types, "arrow"), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    rows: list[Row] = pa_csv.read_csv(source.files("csv"), parse_options=parse, convert_options=convert).to_pylist()
    return rows


def _pyarrow_read_ndjson(source: Source, types: Types) -> list[Row]:
    # Its JSON reader knows no dates.
    known = {name: pa.string() if kind == "date" else TOLD[kind].arrow for name, kind in types.items()}
    parse = pa_json.ParseOptions(explicit_schema=pa.schema(list(known.items())))
    rows: list[Row] = pa_json.read_json(source.files("ndjson"), parse_options=parse).to_pylist()
    return rows


READERS: dict[str, Callable[[Source, Types], list[Row]]] = {
    "polars read_csv by URL": _polars_read_csv,
    "polars scan_csv by URL": _polars_scan_csv,
    "polars read_ndjson by URL": _polars_read_ndjson,
    "pandas read_csv by URL": _pandas_read_csv,
    "pandas read_json by URL": _pandas_read_json,
    "pandas read_json of lines by URL": _pandas_read_ndjson,
    "duckdb read_csv of a download": _duckdb_read_csv,
    "duckdb read_json of a download": _duckdb_read_json,
    "duckdb read_ndjson of a download": _duckdb_read_ndjson,
    "pyarrow read_csv of a download": _pyarrow_read_csv,
    "pyarrow read_ndjson of a download": _pyarrow_read_ndjson,
}
