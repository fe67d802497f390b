"""What is done to finished pictures: upscalers, face restorers and detectors by the names people use."""

from collections.abc import Mapping
from typing import Final

from generation.engine.postprocess.catalog import BUILTIN_DETECTORS
from generation.engine.spec import LATENT_UPSCALERS, PIXEL_UPSCALERS
from generation.orders.shelf import Kind, Shelf, plain
from generation.schemas import GenerateIn

UPSCALER_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "esrgan": ("esrgan",),
    "realesrgan": ("realesrgan", "compact"),
    "dat": ("dat",),
}
"""The predecessor's methods, and what upscalers of that kind say of themselves."""
LANCZOS: Final = "lanczos"
"""The floor: no model."""
RESTORERS: Final[Mapping[str, tuple[str, ...]]] = {
    "gfpgan": ("gfpgan",),
    "codeformer": ("codeformer",),
}
DETECTORS: Final = tuple(BUILTIN_DETECTORS)
"""They need no file."""
HIRES_USE, UPSCALE_USE, FACE_USE = "hires.upscaler", "upscale", "face_restoration"


def finishing_resolve(shelf: Shelf, request: GenerateIn) -> dict[str, object]:
    """The fields ``upscale``, ``face_restoration`` and ``adetailer`` with their models named.

    Raises ``PortalError`` naming the field.
    """
    fields: dict[str, object] = {}
    if request.upscale is not None:
        method = upscaler_resolve(shelf, UPSCALE_USE, request.upscale.method, at="upscale.method")
        fields["upscale"] = {**request.upscale.model_dump(), "method": method}
    if request.face_restoration is not None:
        name = _restorer_resolve(shelf, request.face_restoration.model or "")
        fields["face_restoration"] = {**request.face_restoration.model_dump(), "model": name}
    fields["adetailer"] = [
        {**one.model_dump(), "detector": _detector_resolve(shelf, f"adetailer.{index}", one.detector or "")}
        for index, one in enumerate(request.adetailer)
    ]
    return fields


def upscaler_resolve(shelf: Shelf, use: str, name: str, *, at: str) -> str:
    """The canonical name of an upscaler: ``lanczos``, or a model's."""
    if plain(name) in ("", LANCZOS):
        return LANCZOS
    if plain(name) in UPSCALER_METHODS:
        return shelf.first(use, Kind.UPSCALER, words=UPSCALER_METHODS[plain(name)], at=at).name
    return shelf.named(use, Kind.UPSCALER, name, at=at).name


def hires_upscaler_resolve(shelf: Shelf, name: str) -> str:
    """The canonical name of the hires fix's upscaler: one of the engine's own, or a model's."""
    own = {plain(known): known for known in (*LATENT_UPSCALERS, *PIXEL_UPSCALERS)}
    if plain(name) in own:
        return own[plain(name)]
    return upscaler_resolve(shelf, HIRES_USE, name, at="hires.upscaler")


def _restorer_resolve(shelf: Shelf, name: str) -> str:
    at = f"{FACE_USE}.model"
    if not name or plain(name) in RESTORERS:
        words = RESTORERS.get(plain(name), ())
        return shelf.first(FACE_USE, Kind.FACE_RESTORER, words=words, at=at).name
    return shelf.named(FACE_USE, Kind.FACE_RESTORER, name, at=at).name


def _detector_resolve(shelf: Shelf, use: str, name: str) -> str:
    if name in DETECTORS:
        return name
    if not name:
        return shelf.first(use, Kind.DETECTOR, at=f"{use}.detector").name
    return shelf.named(use, Kind.DETECTOR, name, at=f"{use}.detector").name
