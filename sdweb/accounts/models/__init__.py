"""The tables of the accounts app."""

from sdweb.accounts.models.audit import AuditEntry
from sdweb.accounts.models.limits import GroupLimits, Limits, UserLimits
from sdweb.accounts.models.people import User
from sdweb.accounts.models.site import SiteSettings
from sdweb.accounts.models.tokens import ApiToken

__all__ = ["ApiToken", "AuditEntry", "GroupLimits", "Limits", "SiteSettings", "User", "UserLimits"]
