from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture
def library(settings: Settings, tmp_path: Path) -> Path:
    """An empty ``MODELS_PATH``."""
    folder = tmp_path / "models"
    folder.mkdir()
    settings.MODELS_PATH = folder
    return folder


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A folder of shipped models without a manifest: nothing is shipped."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    return folder
