"""``manage.py export_openapi``: the API's description, for the front end's types and the documentation."""

import json
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Writes the OpenAPI document to stdout in a stable order, so a check can tell whether it is fresh."""

    help = __doc__ or ""

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print it."""
        from sdweb.api import api

        schema = api.get_openapi_schema(path_prefix="/api/v1/")
        self.stdout.write(json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False, default=str))
