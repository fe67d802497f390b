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
