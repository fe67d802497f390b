"""Limits in the admin: the same form for everybody's, a group's and a person's."""

from typing import Any, Final

from django import forms
from unfold.admin import StackedInline

from sdweb.accounts.models import GroupLimits, UserLimits

LABELS: Final = {
    "may_generate": "May generate",
    "weight": "Share of the GPUs",
    "jobs_waiting": "Jobs waiting",
    "jobs_running": "Jobs running",
    "gpu_seconds_per_day": "GPU seconds a day",
    "pictures": "Pictures kept",
    "stored_mb": "MiB stored",
    "largest_side": "Largest side",
    "steps": "Steps",
}
ROWS: Final = (
    ("may_generate", "weight"),
    ("jobs_waiting", "jobs_running"),
    ("gpu_seconds_per_day", "steps"),
    ("largest_side",),
    ("pictures", "stored_mb"),
)
"""Fields of ``Limits``, two in a line where they belong together."""
HOW: Final = "Empty: nothing is said here, and the next counts: the person, their groups, all. 0: no limit."
SAID: Final = (("unknown", "Nothing is said here"), ("true", "Yes"), ("false", "No"))


class LimitsForm(forms.ModelForm):  # type: ignore[type-arg] # generic for the type checker alone
    """With labels that say what is limited."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in LABELS.items():
            if name in self.fields:
                self.fields[name].label = label
        may = self.fields.get("may_generate")
        if isinstance(may, forms.NullBooleanField):
            may.widget.choices = SAID


class _LimitsInline(StackedInline):  # type: ignore[misc] # unfold has no type information
    form = LimitsForm
    fieldsets = ((None, {"fields": ROWS, "description": HOW}),)
    verbose_name_plural = "limits"


class UserLimitsInline(_LimitsInline):
    """What holds for this person, whatever their groups say."""

    model = UserLimits


class GroupLimitsInline(_LimitsInline):
    """What holds for the members; who is in several groups gets the most generous of each."""

    model = GroupLimits
