"""The site's one row of settings."""

from django.db import models

from sdweb.accounts.models.limits import Limits


class SiteSettings(Limits):
    """What an administrator may change while the portal runs: one row, which the first reader creates.

    Its limits hold for everybody for whom neither they themselves nor a group of theirs says otherwise.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    registration_open = models.BooleanField(
        default=False, help_text="Whether people may create an account for themselves."
    )
    registration_domains = models.TextField(
        blank=True,
        help_text="Domains whose addresses may register, one a line, such as example.org; empty: all.",
    )
    picture_days = models.PositiveIntegerField(
        default=0, help_text="Days after which pictures go to the trash, favourites left out; 0: never."
    )
    job_days = models.PositiveIntegerField(
        default=90, help_text="Days that finished jobs are listed; their pictures stay. 0: for ever."
    )
    audit_days = models.PositiveIntegerField(default=365, help_text="Days of audit log; 0: for ever.")

    class Meta:
        verbose_name = "site settings"
        verbose_name_plural = "site settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="accounts_sitesettings_single_row")
        ]

    def __str__(self) -> str:
        return "Site settings"
