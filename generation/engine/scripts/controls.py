"""From control pictures to techniques: maps are made of them, and networks look at the maps."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import torch
from PIL import Image

from generation.engine.checkpoints.control import ControlNet, T2IAdapter, control_load, unsupported
from generation.engine.model_cache import ModelKind, cache_key
from generation.engine.preprocess.catalog import parameters_checked, preprocessor_info
from generation.engine.preprocess.maps import control_tensor, fit_control
from generation.engine.scripts.canvas import canvas_for
from generation.engine.scripts.mapping import control_map
from generation.engine.scripts.script import Desk, Step
from generation.engine.spec import ControlUnit, GenerationRequest, InitImage
from generation.engine.techniques import FeatureControl, ResidualControl, Technique

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint

CONTROL: "Final[ModelKind[ControlNet | T2IAdapter]]" = ModelKind("control", control_load)
_PAINTED: Final = 128
"""The grey from which a mask says that a pixel is painted anew."""


def refuse_unknown(request: GenerationRequest) -> None:
    """Raise ``EngineError`` for a preprocessor that is not known, or not with these parameters."""
    for unit in request.controls:
        parameters_checked(preprocessor_info(unit.preprocessor), unit.parameters)


def controls_seen(request: GenerationRequest) -> GenerationRequest:
    """The request with its control pictures cut as the picture itself is where it is inpainted or outpainted.

    As in A1111 such a picture is taken to show what the picture to start from does. The mask becomes
    transparency where the preprocessor wants one.
    """
    init = request.init
    if init is None or (init.mask is None and init.outpaint is None) or not request.controls:
        return request
    units = tuple(_seen(unit, init, request.width, request.height) for unit in request.controls)
    return replace(request, controls=units)


def _seen(unit: ControlUnit, init: InitImage, width: int, height: int) -> ControlUnit:
    given = fit_control(unit.image, *init.image.size, unit.resize_mode)
    mask = None if init.mask is None else replace(init.mask, fill="original")
    canvas = canvas_for(replace(init, image=given, mask=mask), width, height)
    picture = canvas.picture
    if canvas.mask is not None and preprocessor_info(unit.preprocessor).needs_mask:
        picture = picture.copy()
        picture.putalpha(canvas.mask.point(lambda grey: 0 if grey >= _PAINTED else 255))
    return replace(unit, image=picture, resize_mode="stretch")


def controls(desk: Desk, checkpoint: "Checkpoint", request: GenerationRequest) -> Step[list[Technique]]:
    """One technique for each of the request's units."""
    made: list[Technique] = []
    for unit in request.controls:
        made.append((yield from _control(desk, checkpoint, request, unit)))
    return made


def _control(
    desk: Desk, checkpoint: "Checkpoint", request: GenerationRequest, unit: ControlUnit
) -> Step[Technique]:
    network = yield from desk.model(CONTROL, unit.model)
    if why := network.misfit(checkpoint.unet.config):
        raise unsupported(unit.model.path, why)
    drawn = yield from control_map(desk, unit, seed=request.seed)
    flat = preprocessor_info(unit.preprocessor).flat
    fitted = fit_control(drawn, request.width, request.height, unit.resize_mode, nearest=flat)
    model = cache_key(unit.model, CONTROL.name)
    if isinstance(network, ControlNet):
        hint = control_tensor(fitted)[None].to(desk.device, checkpoint.dtype)
        return ResidualControl(unit=unit, model=model, map=fitted, network=network, hint=hint)
    yield from desk.turn()
    features = desk.attempt(_looking(network, fitted, desk.device, checkpoint.dtype))
    return FeatureControl(unit=unit, model=model, map=fitted, features=features)


def _looking(
    network: T2IAdapter, drawn: Image.Image, device: torch.device, dtype: torch.dtype
) -> Callable[[], tuple[torch.Tensor, ...]]:
    """What an adapter says of a map, which is enlarged to whole cells where its size is none."""
    width, height = (-(-side // network.multiple) * network.multiple for side in drawn.size)
    shown = control_tensor(fit_control(drawn, width, height, "stretch"))[None]
    if network.grey:
        shown = shown[:, :1]
    return lambda: tuple(network.module(shown.to(device, dtype)))
