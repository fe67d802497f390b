"""Forms of the admin."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm


class AdminLoginForm(AuthenticationForm):  # type: ignore[misc] # unfold has no type information
    """The admin's sign-in, behind the same brute-force limits as the portal's own."""

    def clean(self) -> dict[str, Any]:
        """Authenticate through allauth, which counts failed attempts by name and by address."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is not None and password:
            self.user_cache = get_adapter(self.request).authenticate(
                self.request, username=username, password=password
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        cleaned: dict[str, Any] = self.cleaned_data
        return cleaned

    def get_invalid_login_error(self) -> ValidationError:
        """One message for a wrong name and a wrong password, so that names cannot be guessed."""
        return ValidationError("The name or the password is wrong.", code="invalid_login")
