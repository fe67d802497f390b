from django.apps import AppConfig


class GenerationConfig(AppConfig):
    """Jobs: from the request to the pictures."""

    name = "generation"
    verbose_name = "Generation"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        import generation.signals  # noqa: F401 - connects the receivers
        from sdweb.accounts.roles import roles_create

        # After the last of our apps: the roles hold permissions of all of them.
        post_migrate.connect(roles_create, sender=self)
