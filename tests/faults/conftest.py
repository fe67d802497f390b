"""The portal and its people, as in the integration tests."""

from tests.integration.conftest import models, person, portal

__all__ = ["models", "person", "portal"]
