"""Who uses the portal."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class User(AbstractUser):
    """Somebody who can sign in, with a user name or, where one is given, an e-mail address."""

    class Language(models.TextChoices):
        """Languages of the interface; empty follows the browser."""

        BROWSER = "", "As the browser"
        ENGLISH = "en", "English"
        UKRAINIAN = "uk", "Українська"

    language = models.CharField(max_length=2, choices=Language, default=Language.BROWSER, blank=True)

    class Meta(AbstractUser.Meta):
        constraints = [
            # An address signs one person in, whatever its case; having none is allowed to everybody.
            models.UniqueConstraint(
                Lower("email"), name="accounts_user_email_unique", condition=~models.Q(email="")
            ),
        ]


class SiteSettings(models.Model):
    """What an administrator may change while the portal runs: one row, which the first reader creates."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    registration_open = models.BooleanField(
        default=False, help_text="Whether people may create an account for themselves."
    )

    class Meta:
        verbose_name = "site settings"
        verbose_name_plural = "site settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="accounts_sitesettings_single_row")
        ]

    def __str__(self) -> str:
        return "Site settings"
