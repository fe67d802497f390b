"""The models of a person's library, by kind, as far as a form needs to know them."""

import uuid
from collections import defaultdict

from ninja import Schema

from models_hub.models import ModelFile
from models_hub.selectors import model_list
from sdweb.accounts.models import User


class ModelNameOut(Schema):
    """A model: `name` or `id` to send. `GET /models?kind` says more."""

    id: uuid.UUID
    name: str
    family: str
    trigger_words: list[str]


def model_names(user: User) -> "defaultdict[str, list[ModelNameOut]]":
    """What this person may use, the default of each kind first."""
    found: defaultdict[str, list[ModelNameOut]] = defaultdict(list)
    for kind in ModelFile.Kind:
        if kind != ModelFile.Kind.CHECKPOINT:
            found[kind] = [_name(model) for model in model_list(user=user, kind=kind)]
    return found


def _name(model: ModelFile) -> ModelNameOut:
    return ModelNameOut(
        id=model.pk, name=model.name, family=model.family, trigger_words=list(model.trigger_words)
    )
