"""Everything that reads the library."""

from pathlib import PurePosixPath
from typing import Final

from django.db.models import QuerySet

from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.errors import PortalError

GENERATION_FAMILIES: Final = (ModelFile.Family.SD15, ModelFile.Family.SDXL)
"""Checkpoints of other families are kept in the library and shown to administrators, but nothing can run them
yet.
"""

NAMES_IN_HINT: Final = 5


def models_usable(*, kind: str) -> QuerySet[ModelFile]:
    """Enabled models whose files are there, the default first, then the shipped ones, then by name."""
    found = ModelFile.objects.filter(kind=kind, enabled=True, missing_since=None)
    if kind == ModelFile.Kind.CHECKPOINT:
        found = found.filter(family__in=GENERATION_FAMILIES)
    return found.order_by("-is_default", "source", "name")


def model_list(*, user: User, kind: str = ModelFile.Kind.CHECKPOINT) -> QuerySet[ModelFile]:
    """The models that this person may use, the default first."""
    # Rights by group will narrow this; until then everybody who is signed in may use what is enabled.
    return models_usable(kind=kind) if user.is_active else ModelFile.objects.none()


def model_for_generation(*, user: User, name_or_id: str | None) -> ModelFile:
    """The checkpoint that a request means: by id, name, file name or file stem, or the default when it names
    none.

    Names are compared exactly first and then in any case; a hash in brackets after the name, as A1111's
    clients send it, is ignored. Raises ``PortalError("unknown_model")``.
    """
    usable = list(model_list(user=user))
    wanted = (name_or_id or "").strip()
    if not usable:
        raise _unknown("There is no model to generate with.", hint="Ask the administrator to enable one.")
    if not wanted:
        return usable[0]
    for spelling in (wanted, wanted.rsplit(" [", 1)[0]):
        for exact in (True, False):
            found = [model for model in usable if _is_called(model, spelling, exact=exact)]
            if found:
                return found[0]
    names = ", ".join(model.name for model in usable[:NAMES_IN_HINT])
    more = ", ..." if len(usable) > NAMES_IN_HINT else ""
    raise _unknown(f"There is no model {wanted[:100]!r}.", hint=f"There are: {names}{more}.")


def _is_called(model: ModelFile, wanted: str, *, exact: bool) -> bool:
    file = PurePosixPath(model.path)
    names = {str(model.id), model.name, model.path, file.name, file.stem}
    return wanted in names if exact else wanted.casefold() in {name.casefold() for name in names}


def _unknown(message: str, *, hint: str) -> PortalError:
    return PortalError(
        "unknown_model", message, hint=hint, fields={"model": "not a model of this server"}, status=422
    )
