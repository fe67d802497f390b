"""From reference pictures to what an IP-Adapter shows the denoiser."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from generation.engine.checkpoints.image_encoder import FIELD, ImageEncoder, image_encoder_load
from generation.engine.checkpoints.ip_adapter import IpAdapter, ip_adapter_load, unsupported
from generation.engine.model_cache import ModelKind, cache_key
from generation.engine.preprocess.subject import opaque
from generation.engine.scripts.script import Desk, Step
from generation.engine.spec import GenerationRequest, IpAdapterUnit
from generation.engine.techniques import ImagePrompt, ImagePrompts, Technique

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.checkpoints.components import Checkpoint

IP_ADAPTER: Final[ModelKind[IpAdapter]] = ModelKind("ip-adapter", ip_adapter_load)
IMAGE_ENCODER: Final[ModelKind[ImageEncoder]] = ModelKind("image encoder", image_encoder_load)


def image_prompts(desk: Desk, checkpoint: "Checkpoint", request: GenerationRequest) -> Step[list[Technique]]:
    """All of the request's IP-Adapters as one technique. Raises ``EngineError``."""
    prompts = []
    for unit in request.ip_adapters:
        prompts.append((yield from _prompt(desk, checkpoint, unit)))
    return [ImagePrompts(tuple(prompts))] if prompts else []


def _prompt(desk: Desk, checkpoint: "Checkpoint", unit: IpAdapterUnit) -> Step[ImagePrompt]:
    adapter = yield from desk.model(IP_ADAPTER, unit.model)
    if why := adapter.misfit(checkpoint.unet):
        raise unsupported(unit.model.path, why)
    encoder = yield from desk.model(IMAGE_ENCODER, unit.image_encoder)
    width = encoder.widths()[adapter.sees_patches]
    if width != adapter.input_width:
        why = f"it says {width} numbers of a picture, and the IP-Adapter listens to {adapter.input_width}"
        raise unsupported(unit.image_encoder.path, why, field=FIELD)
    desk.run.report("preparing")
    yield from desk.turn()
    tokens, without = desk.attempt(lambda: _looked_at(encoder, adapter, unit.images, desk.device))
    return ImagePrompt(
        model=cache_key(unit.model, IP_ADAPTER.name),
        adapter=adapter,
        tokens=tokens,
        without=without,
        scale=unit.scale,
        start=unit.start,
        end=unit.end,
    )


def _looked_at(
    encoder: ImageEncoder, adapter: IpAdapter, images: "Sequence[Image]", device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The pictures' tokens, and those of as many times nothing: zeros for an embedding, and for patches what
    the encoder says of a picture of zeros, as in diffusers. ``[1, n, text width]`` both.
    """
    prepared = encoder.processor([opaque(image) for image in images], return_tensors="pt").pixel_values
    pixels = prepared.to(device, encoder.module.dtype)
    said = _said(encoder.module, pixels, patches=adapter.sees_patches)
    if adapter.sees_patches:
        nothing = _said(encoder.module, torch.zeros_like(pixels), patches=True)
    else:
        nothing = torch.zeros_like(said)
    return adapter.projection(said).flatten(0, 1)[None], adapter.projection(nothing).flatten(0, 1)[None]


def _said(encoder: Any, pixels: torch.Tensor, *, patches: bool) -> torch.Tensor:
    looked = encoder(pixels, output_hidden_states=patches)
    found: torch.Tensor = looked.hidden_states[-2] if patches else looked.image_embeds
    return found
