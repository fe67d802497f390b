"""Names of the original Stable Diffusion layout beside those of diffusers, for the U-Nets and VAEs it has.

A checkpoint in one file (the "LDM" layout) holds the same tensors as a diffusers folder under other names.
The functions here list pairs of *module* prefixes, original first; a parameter's name is translated by its
longest match.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

UNET_PREFIX: Final = "model.diffusion_model."
VAE_PREFIX: Final = "first_stage_model."
TEXT_PREFIXES: Final = ("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer.")
"""Some merge tools drop the inner ``text_model.``; the longer one is tried first."""
XL_TEXT_PREFIXES: Final = (
    "conditioner.embedders.0.transformer.text_model.",
    "conditioner.embedders.0.transformer.",
)
"""SDXL's first text encoder, which is SD1.x's; the second is in ``open_clip``."""

Pair = tuple[str, str]

_UNET_RESNET: Final[Sequence[Pair]] = (
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
)
_VAE_ATTENTION: Final[Sequence[Pair]] = (
    ("norm", "group_norm"),
    ("q", "to_q"),
    ("k", "to_k"),
    ("v", "to_v"),
    ("proj_out", "to_out.0"),
)


def unet_pairs(config: Mapping[str, Any]) -> Iterator[Pair]:
    """Module prefixes of a U-Net whose blocks are ``[CrossAttn]{Down,Up}Block2D``."""
    yield from (
        ("time_embed.0", "time_embedding.linear_1"),
        ("time_embed.2", "time_embedding.linear_2"),
        ("label_emb.0.0", "add_embedding.linear_1"),
        ("label_emb.0.2", "add_embedding.linear_2"),
        ("input_blocks.0.0", "conv_in"),
        ("out.0", "conv_norm_out"),
        ("out.2", "conv_out"),
    )
    layers = config["layers_per_block"]
    down, up = config["down_block_types"], config["up_block_types"]
    yield from _unet_down(down, layers)
    yield from resnet_pairs("middle_block.0", "mid_block.resnets.0")
    yield ("middle_block.1", "mid_block.attentions.0")
    yield from resnet_pairs("middle_block.2", "mid_block.resnets.1")
    yield from _unet_up(up, layers)


def _unet_down(block_types: Sequence[str], layers: int) -> Iterator[Pair]:
    for level, block_type in enumerate(block_types):
        first = 1 + level * (layers + 1)
        for layer in range(layers):
            yield from resnet_pairs(f"input_blocks.{first + layer}.0", f"down_blocks.{level}.resnets.{layer}")
            if "CrossAttn" in block_type:
                yield (f"input_blocks.{first + layer}.1", f"down_blocks.{level}.attentions.{layer}")
        if level < len(block_types) - 1:
            yield (f"input_blocks.{first + layers}.0.op", f"down_blocks.{level}.downsamplers.0.conv")


def _unet_up(block_types: Sequence[str], layers: int) -> Iterator[Pair]:
    for level, block_type in enumerate(block_types):
        attends = "CrossAttn" in block_type
        first = level * (layers + 1)
        for layer in range(layers + 1):
            yield from resnet_pairs(f"output_blocks.{first + layer}.0", f"up_blocks.{level}.resnets.{layer}")
            if attends:
                yield (f"output_blocks.{first + layer}.1", f"up_blocks.{level}.attentions.{layer}")
        if level < len(block_types) - 1:
            # The upsampler is appended to the level's last step, after the attention where there is one.
            yield (
                f"output_blocks.{first + layers}.{2 if attends else 1}.conv",
                f"up_blocks.{level}.upsamplers.0.conv",
            )


def resnet_pairs(original: str, ours: str) -> Iterator[Pair]:
    """Module prefixes of one residual block."""
    for inner, inner_ours in _UNET_RESNET:
        yield (f"{original}.{inner}", f"{ours}.{inner_ours}")


def vae_pairs(config: Mapping[str, Any]) -> Iterator[Pair]:
    """Module prefixes of an ``AutoencoderKL``; the original counts decoder levels from the picture's side."""
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    for half in ("encoder", "decoder"):
        yield (f"{half}.norm_out", f"{half}.conv_norm_out")
        yield (f"{half}.mid.block_1", f"{half}.mid_block.resnets.0")
        yield (f"{half}.mid.block_2", f"{half}.mid_block.resnets.1")
        for inner, inner_ours in _VAE_ATTENTION:
            yield (f"{half}.mid.attn_1.{inner}", f"{half}.mid_block.attentions.0.{inner_ours}")
    for level in range(levels):
        yield from _vae_level(f"encoder.down.{level}", f"encoder.down_blocks.{level}", layers)
        yield (f"encoder.down.{level}.downsample.conv", f"encoder.down_blocks.{level}.downsamplers.0.conv")
        mirrored = levels - 1 - level
        yield from _vae_level(f"decoder.up.{mirrored}", f"decoder.up_blocks.{level}", layers + 1)
        yield (f"decoder.up.{mirrored}.upsample.conv", f"decoder.up_blocks.{level}.upsamplers.0.conv")


def _vae_level(original: str, ours: str, layers: int) -> Iterator[Pair]:
    for layer in range(layers):
        yield (f"{original}.block.{layer}.nin_shortcut", f"{ours}.resnets.{layer}.conv_shortcut")
        yield (f"{original}.block.{layer}", f"{ours}.resnets.{layer}")


def translator(pairs: Iterable[Pair]) -> Callable[[str], str]:
    """A function from original to diffusers parameter names; names that no pair covers stay as they are."""
    ours = dict(pairs)

    def translate(name: str) -> str:
        prefix = name
        while "." in prefix:
            prefix = prefix.rpartition(".")[0]
            if prefix in ours:
                return ours[prefix] + name[len(prefix) :]
        return name

    return translate
