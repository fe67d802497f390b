"""What a single file is."""

from pathlib import Path
from typing import Final

from models_hub import torch_files
from models_hub.inspection import metadata
from models_hub.inspection.findings import (
    NATIVE_SIZES,
    PICKLE_SUFFIXES,
    TORCH_KINDS,
    TORCH_SUFFIXES,
    Family,
    Format,
    Inspection,
    Kind,
    pickle_refused,
    unknown_model,
)
from models_hub.inspection.layouts import (
    checkpoint,
    controlnet,
    embedding,
    face_restorer,
    ip_adapter,
    lora,
    t2i_adapter,
    upscaler,
    vae,
)
from models_hub.inspection.layouts.layout import Layout
from models_hub.safetensors_header import SafetensorsHeader, header_read
from sdweb.errors import PortalError

LAYOUTS: Final = (
    controlnet.LAYOUT,
    t2i_adapter.LAYOUT,
    ip_adapter.LAYOUT,
    lora.LAYOUT,
    checkpoint.LAYOUT,
    vae.LAYOUT,
    embedding.LAYOUT,
    face_restorer.LAYOUT,
    upscaler.LAYOUT,
)
"""The first that matches decides."""


DETECTOR_SIDE: Final = 640
"""Pixels: what nearly all of them are trained at."""


def file_inspect(path: Path) -> Inspection:
    """Recognise a single file.

    Raises ``PortalError`` ``unsafe_format`` (a pickle that is or could be a program), ``broken_file`` or
    ``unknown_model_type``; ``OSError`` passes.
    """
    suffix = path.suffix.lower()
    if suffix in TORCH_SUFFIXES:
        return _torch_inspect(path)
    if suffix in PICKLE_SUFFIXES:
        raise pickle_refused(path.name)
    return _tensors_inspect(header_read(path), Format.SAFETENSORS)


def _torch_inspect(path: Path) -> Inspection:
    try:
        tensors = torch_files.tensors_read(path)
    except PortalError as error:
        if error.code == "unsafe_format" and _is_detector(path):
            return Inspection(
                kind=Kind.DETECTOR,
                family=Family.UNKNOWN,
                format=Format.ULTRALYTICS,
                native_size=DETECTOR_SIDE,
            )
        raise
    found = _tensors_inspect(tensors, Format.TORCH)
    if found.kind not in TORCH_KINDS:
        raise PortalError(
            "unsafe_format",
            f"It is a {found.kind.label} in a pickle: of that kind .safetensors files alone are taken.",
            hint="Get the model as .safetensors.",
            status=422,
        )
    return found


def _is_detector(path: Path) -> bool:
    try:
        return torch_files.is_detector(path)
    except PortalError:
        return False  # the refusal as weights says more


def _tensors_inspect(header: SafetensorsHeader, form: Format) -> Inspection:
    for layout in LAYOUTS:
        if layout.matches(header):
            return _described(layout, header, form)
    raise unknown_model("Its tensors belong to no kind of model that the portal knows.")


def _described(layout: Layout, header: SafetensorsHeader, form: Format) -> Inspection:
    family = layout.family(header)
    if family is Family.UNKNOWN:
        family = metadata.family_said(header.metadata)
    return Inspection(
        kind=layout.kind,
        family=family,
        variant=layout.variant(header),
        format=form,
        native_size=metadata.native_size_said(header.metadata) or NATIVE_SIZES[family],
        trigger_words=metadata.trigger_words_said(header.metadata),
        description=metadata.description_said(header.metadata),
        license=metadata.license_said(header.metadata),
    )
