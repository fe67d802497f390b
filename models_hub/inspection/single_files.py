"""What a single file is."""

from pathlib import Path
from typing import Final

from models_hub.inspection import metadata
from models_hub.inspection.findings import (
    NATIVE_SIZES,
    PICKLE_SUFFIXES,
    Family,
    Format,
    Inspection,
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


def file_inspect(path: Path) -> Inspection:
    """Recognise a single file.

    Raises ``PortalError`` ``unsafe_format`` (a pickle), ``broken_file`` or ``unknown_model_type``;
    ``OSError`` passes.
    """
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise pickle_refused(path.name)
    header = header_read(path)
    for layout in LAYOUTS:
        if layout.matches(header):
            return _described(layout, header)
    raise unknown_model("Its tensors belong to no kind of model that the portal knows.")


def _described(layout: Layout, header: SafetensorsHeader) -> Inspection:
    family = layout.family(header)
    if family is Family.UNKNOWN:
        family = metadata.family_said(header.metadata, what=layout.kind.label)
    return Inspection(
        kind=layout.kind,
        family=family,
        variant=layout.variant(header),
        format=Format.SAFETENSORS,
        native_size=metadata.native_size_said(header.metadata) or NATIVE_SIZES[family],
        trigger_words=metadata.trigger_words_said(header.metadata),
        description=metadata.description_said(header.metadata),
        license=metadata.license_said(header.metadata),
    )
