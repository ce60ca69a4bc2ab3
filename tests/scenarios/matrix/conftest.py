"""What the matrix stands on: certificates, and a stage for each row."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import certifi
import pytest

from tests.scenarios.matrix.authority import Authority
from tests.scenarios.matrix.rows import Row
from tests.scenarios.matrix.scene import Scene, staged
from tests.scenarios.matrix.setting import CERTIFICATES

Stage = Callable[[Row], AbstractAsyncContextManager[Scene]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of this run."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage for a row; over TLS the façade trusts the authority of this run, and nobody else."""

    def build(row: Row) -> AbstractAsyncContextManager[Scene]:
        if not row.setting.tls:
            return staged(row.fault, row.setting)
        authority: Authority = request.getfixturevalue("authority")
        monkeypatch.setattr(certifi, "where", lambda: str(authority.root))
        return staged(row.fault, row.setting, {kind: authority.context(kind) for kind in CERTIFICATES})

    return build
