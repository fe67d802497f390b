"""Where a single file keeps each component of each family, and how its tensors become diffusers'."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from generation.engine.checkpoints import dit_layout, infer, infer_flow, ldm_layout, open_clip
from generation.engine.checkpoints.families import Component, Family
from generation.engine.checkpoints.header import Shape

if TYPE_CHECKING:
    import torch

Translate = Callable[[str, "torch.Tensor"], Iterator[tuple[str, "torch.Tensor"]]]
"""What one original tensor, its name without the prefix, becomes."""
Config = Mapping[str, Any]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Source:
    """One component's place in the file."""

    prefixes: tuple[str, ...]
    """The first one that fits a name is cut off."""
    config: Callable[[Shapes], dict[str, Any]]
    """Its configuration, inferred from the shapes without prefix."""
    translate: Callable[[Config], Translate]
    """The translation for a component of that configuration."""

    def shapes(self, shapes: Shapes) -> dict[str, Shape]:
        """Those of a file's ``shapes`` that belong here, without prefix."""
        named = ((self.strip(name), shape) for name, shape in shapes.items())
        return {name: shape for name, shape in named if name is not None}

    def strip(self, name: str) -> str | None:
        """A tensor's name without prefix, or None when it belongs elsewhere."""
        for prefix in self.prefixes:
            if name.startswith(prefix):
                return name[len(prefix) :]
        return None


def unet_sources(family: Family, *, refiner: bool = False) -> dict[Component, Source]:
    """The parts of a file of Stable Diffusion 1.x, 2.x or XL; none for other families."""
    if family == "sdxl":
        first: dict[Component, Source] = (
            {} if refiner else {"text_encoder": _clip(ldm_layout.XL_TEXT_PREFIXES)}
        )
        second = _open_clip(open_clip.REFINER_PREFIX if refiner else open_clip.PREFIX)
        return {"unet": _UNET, "vae": vae_source(family), **first, "text_encoder_2": second}
    if family not in {"sd15", "sd2"}:
        return {}
    text = _clip(ldm_layout.TEXT_PREFIXES) if family == "sd15" else _SD2_TEXT
    return {"unet": _UNET, "vae": vae_source(family), "text_encoder": text}


def flow_sources(family: Family, names: Iterable[str]) -> dict[Component, Source]:
    """The parts that a file of SD3 or Flux with tensors of these ``names`` may hold.

    The transformer alone is also published without its prefix.
    """
    known = tuple(names)
    wrapped = any(name.startswith(ldm_layout.UNET_PREFIX) for name in known)
    prefixes = (ldm_layout.UNET_PREFIX if wrapped else "",)
    vae = vae_source(family, known, (ldm_layout.VAE_PREFIX, "vae."))
    if family == "sd3":
        return {
            "transformer": Source(prefixes, infer_flow.mmdit_config, dit_layout.transformer_translate),
            "vae": vae,
            "text_encoder": _projecting(_bundled("clip_l"), large=True),
            "text_encoder_2": _projecting(_bundled("clip_g"), large=False),
            "text_encoder_3": _t5(_bundled("t5xxl")),
        }
    return {
        "transformer": Source(prefixes, infer_flow.flux_config, dit_layout.transformer_translate),
        "vae": vae,
        "text_encoder": _clip(_clip_prefixes(_bundled("clip_l"))),
        "text_encoder_2": _t5(_bundled("t5xxl")),
    }


def lone_sources(family: Family, names: Iterable[str]) -> dict[Component, Source]:
    """The parts of SD3 or Flux as files of their own hold them, each file of which has ``names``."""
    vae = vae_source(family, tuple(names), (ldm_layout.VAE_PREFIX, "vae.", ""))
    if family == "sd3":
        return {
            "vae": vae,
            "text_encoder": _projecting("", large=True),
            "text_encoder_2": _projecting("", large=False),
            "text_encoder_3": _t5(""),
        }
    return {"vae": vae, "text_encoder": _clip(_clip_prefixes("")), "text_encoder_2": _t5("")}


def vae_source(
    family: Family, names: Iterable[str] = (), prefixes: tuple[str, ...] = (ldm_layout.VAE_PREFIX,)
) -> Source:
    """A VAE under its original names or, where ``names`` say so, under those of diffusers."""
    if any(".mid_block." in name for name in names):
        return Source(prefixes, partial(infer.vae_config_named, family=family), _as_it_is)
    config = partial(infer.vae_config, family=family)
    return Source(prefixes, config, partial(_renamed, ldm_layout.vae_pairs))


def _renamed(pairs: Callable[[Config], Iterator[ldm_layout.Pair]], config: Config) -> Translate:
    name_of = ldm_layout.translator(pairs(config))
    return lambda name, tensor: iter([(name_of(name), tensor)])


def _as_it_is(_config: Config) -> Translate:
    return lambda name, tensor: iter([(name, tensor)])


def _clip(prefixes: tuple[str, ...]) -> Source:
    return Source(prefixes, infer.text_config, _as_it_is)


def _open_clip(prefix: str) -> Source:
    return Source((prefix,), open_clip.text_config, lambda _config: open_clip.parameters)


def _bundled(encoder: str) -> str:
    return f"text_encoders.{encoder}.transformer."


def _clip_prefixes(prefix: str) -> tuple[str, ...]:
    return (f"{prefix}text_model.", prefix)


def _projecting(prefix: str, *, large: bool) -> Source:
    """SD3's CLIPs, under transformers' names: CLIP-L, whose last projection is left out, or bigG."""
    translate = _with_identity if large else _whole_model
    return Source(
        _clip_prefixes(prefix), infer.text_config if large else _big_config, lambda _config: translate
    )


def _big_config(shapes: Shapes) -> dict[str, Any]:
    projection = shapes["text_projection.weight"]
    return {**infer.text_config(shapes), "projection_dim": projection[0], "hidden_act": "gelu"}


def _whole_model(name: str, tensor: "torch.Tensor") -> Iterator[tuple[str, "torch.Tensor"]]:
    yield (name if name.startswith("text_projection.") else f"text_model.{name}"), tensor


def _with_identity(name: str, tensor: "torch.Tensor") -> Iterator[tuple[str, "torch.Tensor"]]:
    import torch

    if name.startswith("text_projection."):
        return  # SD3 was trained on what comes before it
    yield f"text_model.{name}", tensor
    if name == "final_layer_norm.weight":
        yield "text_projection.weight", torch.eye(len(tensor), dtype=tensor.dtype)


def _t5(prefix: str) -> Source:
    return Source((prefix,), infer_flow.t5_config, lambda _config: _t5_parameters)


def _t5_parameters(name: str, tensor: "torch.Tensor") -> Iterator[tuple[str, "torch.Tensor"]]:
    # One matrix under two names, of which a file needs only one.
    yield ("shared.weight" if name == "encoder.embed_tokens.weight" else name), tensor


_UNET: Final = Source((ldm_layout.UNET_PREFIX,), infer.unet_config, partial(_renamed, ldm_layout.unet_pairs))
_SD2_TEXT: Final = Source(
    (open_clip.SD2_PREFIX,), open_clip.penultimate_config, lambda _config: open_clip.unprojected_parameters
)
