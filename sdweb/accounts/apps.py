from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and the registration switch."""

    name = "sdweb.accounts"
    label = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        """Listen to what happens to people."""
        from allauth.account.signals import email_added
        from django.db.models.signals import post_save

        from sdweb.accounts.adapter import on_email_added
        from sdweb.accounts.recording import admin, rights, signing_in  # noqa: F401 - connects receivers
        from sdweb.accounts.sessions import on_user_saved

        email_added.connect(on_email_added)
        post_save.connect(on_user_saved, sender="accounts.User")
