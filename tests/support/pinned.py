"""Files of pinned questions."""

import json
from collections.abc import Mapping
from pathlib import Path


def pinning(folder: Path, **tables: Mapping[str, object]) -> Path:
    """The path of a file that pins these questions; `_` in a name stands for a hyphen."""
    text = "".join(f"[{name.replace('_', '-')}]\n{_members(table)}" for name, table in tables.items())
    return stored(folder, text)


def stored(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    """The path of a file of questions with this text."""
    path = folder / "questions.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def _members(table: Mapping[str, object]) -> str:
    """Keys and values as TOML; of text, booleans and lists JSON is TOML, too."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in table.items())
