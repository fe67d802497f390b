"""Requests for one picture that is there: each is a ``GenerateIn`` with fewer words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from generation.schemas.fields import Picture, invalid_input
from generation.schemas.generate import GenerateIn, generate_in
from generation.schemas.guidance import ControlIn
from generation.schemas.postprocess import DetailIn, FaceRestorationIn, UpscaleIn
from sdweb.errors import PortalError


class UpscaleImageIn(UpscaleIn):
    """Enlarge a picture."""

    image: Picture


class RestoreFacesIn(FaceRestorationIn):
    """Repaint the faces of a picture."""

    image: Picture


class PreprocessIn(ControlIn):
    """Show the map that a control unit would follow: `type` or `preprocessor`, and its parameters."""

    image: Picture


class DetailImageIn(DetailIn):
    """Find regions of a picture and paint each anew: the fields of one pass, and, beside them, any field of
    `POST /jobs` (`model`, `prompt`, `seed`, `loras`, ...). Several passes: `adetailer`, a list.
    """

    model_config = ConfigDict(extra="allow")

    image: Picture


def _upscale(asked: dict[str, Any]) -> dict[str, Any]:
    return {"image": asked.pop("image"), "upscale": asked}


def _face_restoration(asked: dict[str, Any]) -> dict[str, Any]:
    return {"image": asked.pop("image"), "face_restoration": asked}


def _preprocess(asked: dict[str, Any]) -> dict[str, Any]:
    return {"image": asked.pop("image"), "controlnet": [asked]}


_PASS_FIELDS: Final = {*(DetailIn.model_fields.keys() - GenerateIn.model_fields.keys()), "strength"}
_OWN_WHEN_ZERO: Final = ("steps", "width", "height")


def _adetailer(asked: dict[str, Any]) -> dict[str, Any]:
    one = {name: asked.pop(name) for name in _PASS_FIELDS & asked.keys()}
    rest = {name: value for name, value in asked.items() if value or name not in _OWN_WHEN_ZERO}
    return {"adetailer": [one], **rest}


class Shorthand:
    """One task under a name of its own."""

    def __init__(
        self,
        task: str,
        shape: type[BaseModel],
        fill: Callable[[dict[str, Any]], dict[str, Any]],
        prefix: str,
    ) -> None:
        self.task = task
        self._shape = shape
        self._fill = fill
        self._prefix = prefix

    def read(self, data: object) -> GenerateIn:
        """What a client sent, as a whole request. Raises ``PortalError`` that names its fields."""
        try:
            asked = self._shape.model_validate(data).model_dump(exclude_unset=True)
        except ValidationError as error:
            raise invalid_input(error) from None
        with self.own_words():
            return generate_in({**self._fill(asked), "task": self.task})

    @contextmanager
    def own_words(self) -> Iterator[None]:
        """Errors inside name the fields of this request and not those of the whole one."""
        try:
            yield
        except PortalError as error:
            message = error.message.replace(self._prefix, "")
            fields = {name.removeprefix(self._prefix): what for name, what in error.fields.items()}
            raise PortalError(
                error.code, message, hint=error.hint, fields=fields, status=error.status
            ) from None


UPSCALE: Final = Shorthand("upscale", UpscaleImageIn, _upscale, "upscale.")
FACE_RESTORATION: Final = Shorthand(
    "face_restoration", RestoreFacesIn, _face_restoration, "face_restoration."
)
PREPROCESS: Final = Shorthand("preprocess", PreprocessIn, _preprocess, "controlnet.0.")
ADETAILER: Final = Shorthand("adetailer", DetailImageIn, _adetailer, "adetailer.0.")
