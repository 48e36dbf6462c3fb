import pytest
from local_server import LocalServer, allow_only_the_loopback

from skdecaf._utils import download


@pytest.fixture
def local(monkeypatch, tmp_path):
    """No network, and a home of one's own."""
    allow_only_the_loopback(monkeypatch)
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    monkeypatch.setenv("SKDECAF_HOME", str(tmp_path / "home"))


@pytest.fixture
def server(local):
    with LocalServer() as server:
        yield server
