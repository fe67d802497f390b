from django.apps import AppConfig


class SdwebConfig(AppConfig):
    """The composition root, as a Django application for its commands and checks."""

    name = "sdweb"
    verbose_name = "Portal"

    def ready(self) -> None:
        # Tasks sent from the web process must find the application that is configured, not Celery's default
        # one.
        from sdweb import celery, checks

        del celery, checks
