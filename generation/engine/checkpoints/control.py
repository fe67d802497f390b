"""What follows a control picture: ControlNets and T2I-Adapters, from folders and from single files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import torch

from generation.engine.checkpoints.controlnet_layout import (
    ORIGINAL_PREFIX,
    ORIGINAL_SIGN,
    SIGN,
    controlnet_config,
    controlnet_pairs,
)
from generation.engine.checkpoints.header import Shape, corrupt
from generation.engine.checkpoints.infer import IndescribableError
from generation.engine.checkpoints.ldm_layout import translator
from generation.engine.checkpoints.modules import module_fill
from generation.engine.checkpoints.network_source import NetworkSource, network_source
from generation.engine.checkpoints.t2i_layout import LEVELS, t2i_config, t2i_name
from generation.engine.checkpoints.t2i_layout import SIGNS as T2I_SIGNS
from generation.engine.errors import EngineError
from generation.engine.resident import modules_nbytes

FIELD: Final = "controlnet"
_POOLED: Final = "shuffle"
"""Stands in the name of the one published ControlNet whose residuals are averaged over the picture; its file
does not say so.
"""
_VARIANTS: Final[tuple[tuple[str, str], ...]] = (
    ("control_add_embedding.", "a ControlNet Union, which is several at once"),
    ("task_embedding", "a ControlNet Union, which is several at once"),
    ("lora_controlnet", "a Control-LoRA"),
    ("difference", "the difference of a ControlNet to a checkpoint"),
)
"""Beginnings of names that are in no plain ControlNet, though most of its own are there too."""
_OTHERS: Final[tuple[tuple[str, str], ...]] = (
    ("lllite_", "a ControlNet-LLLite"),
    ("controlnet_blocks.", "a ControlNet for SD3 or Flux"),
    ("image_proj.", "an IP-Adapter"),
    ("ip_adapter.", "an IP-Adapter"),
    ("model.diffusion_model.", "a checkpoint"),
    ("lora_", "a LoRA"),
    ("first_stage_model.", "a VAE"),
)


@dataclass(frozen=True, slots=True)
class _Network:
    module: Any
    """diffusers' class; its mixins hide from type checkers that it is a module."""

    @property
    def nbytes(self) -> int:
        return modules_nbytes([self.module])

    def to(self, device: torch.device) -> Self:
        self.module.to(device)
        return self


@dataclass(frozen=True, slots=True)
class ControlNet(_Network):
    """A ``ControlNetModel``: a copy of the denoiser's way down that sees the control picture too."""

    @property
    def pooled(self) -> bool:
        """Whether its residuals are averaged over the picture."""
        return bool(self.module.config["global_pool_conditions"])

    @property
    def residuals(self) -> int:
        """How many it adds: one for everything that the denoiser keeps on its way down, and the middle's."""
        return len(self.module.controlnet_down_blocks) + 1

    def misfit(self, unet: Mapping[str, Any]) -> str:
        """Why it cannot steer a U-Net of this configuration; empty when it can."""
        own = self.module.config
        for name in ("block_out_channels", "layers_per_block"):
            if _listed(own[name]) != _listed(unet[name]):
                return f"its {name} are {_shown(own[name])}, the checkpoint's {_shown(unet[name])}"
        attends = any(name.endswith("attn2.to_k.weight") for name, _ in self.module.named_parameters())
        if attends and own["cross_attention_dim"] != unet["cross_attention_dim"]:
            return f"it reads text of width {own['cross_attention_dim']}, not {unet['cross_attention_dim']}"
        if own["addition_embed_type"]:
            for name in ("addition_embed_type", "projection_class_embeddings_input_dim"):
                if own[name] != unet.get(name):
                    return "it wants other sizes beside the text than the checkpoint has"
        return "" if own["in_channels"] == 4 else f"it takes {own['in_channels']} channels, not 4"


@dataclass(frozen=True, slots=True)
class T2IAdapter(_Network):
    """A ``T2IAdapter``: a small network that sees the control picture alone, once."""

    @property
    def multiple(self) -> int:
        """What the sides of the control picture must be whole multiples of."""
        return int(self.module.config["downscale_factor"])

    @property
    def grey(self) -> bool:
        return bool(self.module.config["in_channels"] == 1)

    def misfit(self, unet: Mapping[str, Any]) -> str:
        """Why it cannot steer a U-Net of this configuration; empty when it can."""
        own = self.module.config
        theirs = _listed(unet["block_out_channels"])
        if _listed(own["channels"])[: len(theirs)] != theirs[: len(own["channels"])]:
            return f"its channels are {_shown(own['channels'])}, the checkpoint's {_shown(theirs)}"
        if len(self.module.adapter.body) > LEVELS:
            return f"it has more than {LEVELS} levels"
        if (own["adapter_type"] == "full_adapter_xl") != (unet.get("addition_embed_type") == "text_time"):
            return "one of the two is for Stable Diffusion XL and the other is not"
        return ""


class _Kind(NamedTuple):
    name: str
    empty: Callable[[Mapping[str, Any]], Any]
    config: Callable[[Mapping[str, Shape]], dict[str, Any]]
    wrap: Callable[[Any], "ControlNet | T2IAdapter"]


def control_load(path: Path, dtype: torch.dtype) -> ControlNet | T2IAdapter:
    """Load a ControlNet or a T2I-Adapter on the CPU in ``dtype``.

    Raises ``EngineError`` with field ``controlnet`` and code ``model_missing``, ``model_unsupported``,
    ``model_unsafe`` or ``model_corrupt``.
    """
    try:
        return _load(path, dtype)
    except EngineError as error:
        error.field = error.field or FIELD
        raise


def unsupported(path: Path, why: str) -> EngineError:
    """The error of a file that cannot steer, or not this checkpoint."""
    return EngineError(
        "model_unsupported",
        f"{path.name} cannot steer this picture: {why}.",
        hint="Choose a ControlNet or a T2I-Adapter that was made for the checkpoint's family.",
        field=FIELD,
    )


def _load(path: Path, dtype: torch.dtype) -> ControlNet | T2IAdapter:
    source = network_source(path)
    kind, rename = _recognised(source)
    shapes = {rename(name): shape for name, shape in source.shapes.items()}
    try:
        module = kind.empty(source.config if path.is_dir() else {**kind.config(shapes), **source.config})
    except IndescribableError as error:
        raise unsupported(path, str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise corrupt(path, f"a tensor or its configuration makes no sense ({error})") from error
    if kind.name == "ControlNet" and not source.config and _POOLED in path.stem.lower():
        module.register_to_config(global_pool_conditions=True)
    tensors = ((rename(name), tensor) for name, tensor in source.read())
    module_fill(path, kind.name, module, tensors, dtype)
    return kind.wrap(module)


def _recognised(source: NetworkSource) -> tuple[_Kind, Callable[[str], str]]:
    """What the file is by its tensors' names, and what turns those into diffusers' names."""
    shapes = source.shapes
    if variant := _said(shapes, _VARIANTS):
        raise unsupported(source.path, f"it is {variant}")
    if any(sign in shapes for sign in T2I_SIGNS):
        return _T2I_ADAPTER, lambda name: t2i_name(name, shapes)
    if SIGN in shapes:
        return _CONTROLNET, lambda name: name
    prefix = ORIGINAL_PREFIX if ORIGINAL_PREFIX + ORIGINAL_SIGN in shapes else ""
    if prefix + ORIGINAL_SIGN in shapes:
        plain = {name.removeprefix(prefix): shape for name, shape in shapes.items()}
        translate = translator(controlnet_pairs(plain))
        return _CONTROLNET, lambda name: translate(name.removeprefix(prefix))
    other = _said(shapes, _OTHERS) or "neither a ControlNet nor a T2I-Adapter"
    raise unsupported(source.path, f"it is {other}")


def _said(names: Iterable[str], signs: Sequence[tuple[str, str]]) -> str:
    """What the first sign that a name begins with stands for, or nothing."""
    found = tuple(names)
    return next((what for sign, what in signs if any(name.startswith(sign) for name in found)), "")


def _controlnet(config: Mapping[str, Any]) -> Any:
    from diffusers.models.controlnets.controlnet import ControlNetModel

    with torch.device("meta"):
        return ControlNetModel.from_config(dict(config))


def _t2i_adapter(config: Mapping[str, Any]) -> Any:
    from diffusers.models.adapter import T2IAdapter as Module

    with torch.device("meta"):
        return Module.from_config(dict(config))


_CONTROLNET: Final = _Kind("ControlNet", _controlnet, controlnet_config, ControlNet)
_T2I_ADAPTER: Final = _Kind("T2I-Adapter", _t2i_adapter, t2i_config, T2IAdapter)


def _listed(value: int | Sequence[int]) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


def _shown(value: int | Sequence[int]) -> str:
    return ", ".join(str(each) for each in _listed(value))
