"""Settings read for a test, and the faults of those that cannot be."""

import traceback
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import Settings, load

TENANT = "2f6d4c1e-0000-4000-8000-0123456789ab"
CANARY = "invented-canary-5f1c2a"


def read(environ: dict[str, str] | None = None, **overrides: object) -> Settings:
    return load(overrides, environ=environ or {}, env_file=None)


def faults(environ: dict[str, str], env_file: Path | None = None, **overrides: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(overrides, environ=environ, env_file=env_file)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__context__)
    assert CANARY not in shown
    assert "pydantic" not in str(caught.value)
    return caught.value.faults


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "invented.secret"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)
