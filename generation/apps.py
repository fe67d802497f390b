from django.apps import AppConfig


class GenerationConfig(AppConfig):
    """Jobs: from the request to the pictures."""

    name = "generation"
    verbose_name = "Generation"

    def ready(self) -> None:
        import generation.signals  # noqa: F401 - connects the receivers
