"""How allauth is adapted to the portal."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from sdweb.accounts.selectors import registration_open


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no type information
    """Lets people join only while an administrator has registration open."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether the sign-up form is served; allauth answers 403 otherwise."""
        del request
        return registration_open()
