"""The models that a request names: found in the library, and noted with the field that names them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from generation.orders.errors import as_field
from generation.schemas import ModelUse
from models_hub.models import ModelFile
from models_hub.selectors import model_list, model_named
from sdweb.accounts.models import User
from sdweb.errors import PortalError

Kind = ModelFile.Kind
NAMES_IN_HINT: Final = 5


@dataclass(slots=True)
class Shelf:
    """One request's models."""

    user: User
    family: str | None = None
    """Of the checkpoint; models that go with it have to be of the same, or of none that is known."""
    uses: dict[str, ModelUse] = field(default_factory=dict)

    def named(self, use: str, kind: Kind, name: str, *, at: str) -> ModelFile:
        """The model called ``name``, noted for ``use``.

        Raises ``PortalError`` ``unknown_model`` or ``wrong_family`` for the field ``at``.
        """
        with as_field(at):
            return self.note(use, model_named(user=self.user, kind=kind, name_or_id=name, family=self.family))

    def first(self, use: str, kind: Kind, *, words: Iterable[str] = (), at: str) -> ModelFile:
        """The first model of a kind that fits the checkpoint and has one of ``words`` in its name, file or
        description. Raises ``PortalError("unknown_model")`` for the field ``at``.
        """
        found = next((model for model in self.fitting(kind) if speaks_of(model, words)), None)
        if found is None:
            raise self._nothing(kind, tuple(words), at)
        return self.note(use, found)

    def fitting(self, kind: Kind) -> list[ModelFile]:
        """What may be used with the checkpoint, the default first."""
        families = (self.family, ModelFile.Family.UNKNOWN)
        return [
            model
            for model in model_list(user=self.user, kind=kind)
            if self.family is None or model.family in families
        ]

    def note(self, use: str, model: ModelFile) -> ModelFile:
        """Remember what the model is used for."""
        self.uses[use] = ModelUse(id=str(model.pk), name=model.name, kind=model.kind, sha256=model.sha256)
        return model

    def _nothing(self, kind: Kind, words: tuple[str, ...], at: str) -> PortalError:
        names = [model.name for model in self.fitting(kind)]
        wanted = f"{kind.label} for {words[0]!r}" if words else kind.label
        family = f" of {ModelFile.Family(self.family).label}" if self.family else ""
        shown = ", ".join(names[:NAMES_IN_HINT]) + (", ..." if len(names) > NAMES_IN_HINT else "")
        return PortalError(
            "unknown_model",
            f"There is no {wanted}{family} on this server.",
            hint=f"Name one of these: {shown}." if names else "Ask the administrator to install one.",
            fields={at: "there is none"},
            status=422,
        )


def speaks_of(model: ModelFile, words: Iterable[str]) -> bool:
    """Whether one of ``words`` (letters and digits, in lower case) is in what is known of the model; true
    without words.
    """
    said = plain(f"{model.name} {model.path} {model.description}")
    wanted = list(words)
    return not wanted or any(word in said for word in wanted)


def plain(text: str) -> str:
    """Letters and digits alone, in lower case: ``Real-ESRGAN`` is ``realesrgan``."""
    return re.sub(r"[\W_]+", "", text.casefold())
