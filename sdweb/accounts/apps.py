from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and the registration switch."""

    name = "sdweb.accounts"
    label = "accounts"
    verbose_name = "People"
