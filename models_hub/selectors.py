"""Everything that reads the library."""

import difflib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.accounts.rights import USE_ALL_MODELS
from sdweb.errors import PortalError

GENERATION_FAMILIES: Final = (
    ModelFile.Family.SD15,
    ModelFile.Family.SD2,
    ModelFile.Family.SDXL,
    ModelFile.Family.SD3,
    ModelFile.Family.FLUX,
)
"""Checkpoints of other families are kept in the library and shown to administrators, but nothing can run them
yet.
"""

FIELDS: Final[dict[str, str]] = {
    ModelFile.Kind.CHECKPOINT: "model",
    ModelFile.Kind.LORA: "loras",
    ModelFile.Kind.EMBEDDING: "embeddings",
}
"""How requests call the field that names a model of a kind, where it is not the kind's own name."""

NAMES_IN_HINT: Final = 5


def models_usable(*, kind: str, refiners: bool = False) -> QuerySet[ModelFile]:
    """Enabled models whose files are there, whoever may use them: the default first, then the shipped ones,
    then by name.

    Checkpoints that only refine what another one drew are left out unless ``refiners`` asks for them too.
    """
    found = ModelFile.objects.filter(kind=kind, enabled=True, missing_since=None)
    if kind == ModelFile.Kind.CHECKPOINT:
        found = found.filter(family__in=GENERATION_FAMILIES)
        if not refiners:
            found = found.exclude(variant=ModelFile.Variant.REFINER)
    return found.order_by("-is_default", "source", "name")


def model_list(
    *, user: User, kind: str = ModelFile.Kind.CHECKPOINT, variant: str | None = None
) -> QuerySet[ModelFile]:
    """The models that this person may use, the default first; with ``variant`` those of that one alone."""
    if variant is None:
        return models_permitted(user=user, kind=kind)
    return models_permitted(user=user, kind=kind, refiners=True).filter(variant=variant)


def models_permitted(*, user: User, kind: str, refiners: bool = False) -> QuerySet[ModelFile]:
    """Of ``models_usable``, those that this person may use: those without groups, those of a group of theirs,
    and all of them with the right ``USE_ALL_MODELS``. What is not among them does not exist for this person.
    """
    usable = models_usable(kind=kind, refiners=refiners)
    if not user.is_active:
        return usable.none()
    if user.has_perm(USE_ALL_MODELS):
        return usable
    permits = ModelFile.groups.through.objects.filter(modelfile=OuterRef("pk"))
    return usable.filter(~Exists(permits) | Exists(permits.filter(group__user=user)))


def model_for_generation(*, user: User, name_or_id: str | None) -> ModelFile:
    """The checkpoint that a request means; when it names none, the default or, for who may not use that one,
    the first that they may. See ``model_named``.
    """
    if name_or_id and name_or_id.strip():
        return model_named(user=user, kind=ModelFile.Kind.CHECKPOINT, name_or_id=name_or_id)
    default = model_list(user=user).first()
    if default is None:
        raise _nothing_there(ModelFile.Kind.CHECKPOINT)
    return default


def model_named(
    *, user: User, kind: str, name_or_id: str, family: str | None = None, refiners: bool = False
) -> ModelFile:
    """The model of a kind that a request means: by id, name, file name or file stem.

    Names are compared exactly first and then in any case; a hash in brackets after the name, as A1111's
    clients send it, is ignored. With ``family`` the model has to be of it, or of none that is known; one of
    two models that are called the same is the one that fits. ``refiners`` lets in checkpoints that only
    refine. Raises ``PortalError`` ``unknown_model``, also for what this person may not use, with the
    names that are most alike, and ``wrong_family``.
    """
    usable = list(models_permitted(user=user, kind=kind, refiners=refiners))
    if not usable:
        raise _nothing_there(kind)
    wanted = name_or_id.strip()
    fitting = [model for model in usable if _fits(model, family)]
    found = _called(fitting, wanted)
    if found is None:
        other = _called(usable, wanted)
        if other is not None:
            raise _wrong_family(other, family)
        raise _unknown(kind, wanted, fitting or usable)
    return found


def helpers_path() -> Path:
    """Where the files lie that preprocessors (``annotators/``) and face restoration (``faces/``) need beside
    the models that people choose: ``helpers`` in ``MODELS_PATH``. It need not exist.
    """
    return Path(settings.MODELS_PATH) / "helpers"


def _fits(model: ModelFile, family: str | None) -> bool:
    return family is None or model.family in (family, ModelFile.Family.UNKNOWN)


def _called(models: Sequence[ModelFile], wanted: str) -> ModelFile | None:
    for spelling in (wanted, wanted.rsplit(" [", 1)[0]):
        for exact in (True, False):
            for model in models:
                if _is_called(model, spelling, exact=exact):
                    return model
    return None


def _is_called(model: ModelFile, wanted: str, *, exact: bool) -> bool:
    file = PurePosixPath(model.path)
    names = {str(model.id), model.name, model.path, file.name, file.stem}
    return wanted in names if exact else wanted.casefold() in {name.casefold() for name in names}


def _unknown(kind: str, wanted: str, models: Sequence[ModelFile]) -> PortalError:
    names = [model.name for model in models]
    alike = {name.casefold(): name for name in names}
    close = [alike[name] for name in difflib.get_close_matches(wanted[:255].casefold(), alike, NAMES_IN_HINT)]
    shown = list(dict.fromkeys([*close, *names]))[:NAMES_IN_HINT]
    more = ", ..." if len(set(names)) > len(shown) else ""
    return _refused(
        "unknown_model",
        kind,
        f"There is no {_label(kind)} {wanted[:100]!r}.",
        hint=f"There are: {', '.join(shown)}{more}.",
    )


def _nothing_there(kind: str) -> PortalError:
    what = "model to generate with" if kind == ModelFile.Kind.CHECKPOINT else _label(kind)
    return _refused(
        "unknown_model", kind, f"There is no {what}.", hint="Ask the administrator to install or enable one."
    )


def _wrong_family(model: ModelFile, family: str | None) -> PortalError:
    wanted = ModelFile.Family(family).label if family else ""
    return _refused(
        "wrong_family",
        model.kind,
        f"{model.name} is of {model.get_family_display()}, the checkpoint of {wanted}.",
        hint=f"Choose a {_label(model.kind)} of {wanted}, or a checkpoint of {model.get_family_display()}.",
    )


def _label(kind: str) -> str:
    return "model" if kind == ModelFile.Kind.CHECKPOINT else str(ModelFile.Kind(kind).label)


def _refused(code: str, kind: str, message: str, *, hint: str) -> PortalError:
    field = FIELDS.get(kind, kind)
    what = "not a model of this server" if code == "unknown_model" else "of another family"
    return PortalError(code, message, hint=hint, fields={field: what}, status=422)
