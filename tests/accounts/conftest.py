"""Every test of accounts begins without earlier attempts."""

import pytest

from tests.accounts.headless import forget_attempts


@pytest.fixture(autouse=True)
def _no_earlier_attempts() -> None:
    forget_attempts()
