from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from models_hub.models import ModelFile
from models_hub.services import ScanResult, library_scan


class Command(BaseCommand):
    """``manage.py scan_models``"""

    help = "Look for models: the shipped ones, and everything under MODELS_PATH."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Scan, and say what was found."""
        self.stdout.write(f"Models folder: {settings.MODELS_PATH}")
        result = library_scan()
        self._report(result)
        default = ModelFile.objects.filter(kind=ModelFile.Kind.CHECKPOINT, is_default=True).first()
        if default is None:
            self.stdout.write(self.style.WARNING("No checkpoint can be used: put a .safetensors file there."))
        else:
            self.stdout.write(f"Default checkpoint: {default.name}")

    def _report(self, result: ScanResult) -> None:
        for what, names in (
            ("added", result.added),
            ("updated", result.updated),
            ("missing", result.missing),
            ("unchanged", result.unchanged),
        ):
            for name in names:
                self.stdout.write(f"  {what:<9} {name}")
        for refused in result.refused:
            self.stdout.write(self.style.WARNING(f"  {'refused':<9} {refused.path}: {refused.reason}"))
        self.stdout.write(
            f"{len(result.added)} added, {len(result.updated)} updated, {len(result.unchanged)} unchanged, "
            f"{len(result.missing)} missing, {len(result.refused)} refused."
        )
