"""LoRAs for Flux and SD3: layers that hold several of diffusers' end to end."""

from typing import Any

import diffusers
import pytest
import torch
from torch import nn

from generation.engine.networks.layer import Layer
from generation.engine.networks.lora_file import LoraFile
from generation.engine.networks.merging import NetworkUse, merge
from generation.engine.networks.targets import targets
from generation.engine.slices import run_through

CLASSES: Any = diffusers  # which is not typed


@pytest.fixture(scope="module")
def flux() -> Any:
    torch.manual_seed(0)
    return CLASSES.FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 2, 2),
        guidance_embeds=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sd3() -> Any:
    torch.manual_seed(0)
    return CLASSES.SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=16, caption_projection_dim=16, pooled_projection_dim=16, out_channels=4,
        pos_embed_max_size=8,
    )  # fmt: skip


def changes(root: nn.Module, layers: dict[str, Layer]) -> dict[str, torch.Tensor]:
    """What the layers add to every weight that they change."""
    file = LoraFile("test", {("denoiser", name): layer for name, layer in layers.items()})
    made = run_through(merge({"denoiser": root}, [NetworkUse(file, "test", 0.5)], dtype=torch.float32))
    before = {name: each.detach().clone() for name, each in root.named_parameters()}
    with made.applied("denoiser", root):
        after = {name: each.detach().clone() for name, each in root.named_parameters()}
    return {name: after[name] - before[name] for name in before if not torch.equal(after[name], before[name])}


def lora(out: int, width: int, seed: int = 0) -> tuple[Layer, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    up, down = torch.randn(out, 2, generator=draw), torch.randn(2, width, generator=draw)
    return Layer("layer", {"lora_up": up, "lora_down": down}), 0.5 * (up @ down)


def test_flux_layers_are_split(flux: Any) -> None:
    qkv, expected = lora(48, 16)
    found = changes(flux, {"double_blocks_0_img_attn_qkv": qkv})
    parts = [found[f"transformer_blocks.0.attn.to_{part}.weight"] for part in "qkv"]
    torch.testing.assert_close(torch.cat(parts), expected)
    assert len(found) == 3
    linear1, expected = lora(48 + 64, 16)
    found = changes(flux, {"single_blocks_0_linear1": linear1})
    block = "single_transformer_blocks.0"
    parts = [found[f"{block}.{part}.weight"] for part in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")]
    torch.testing.assert_close(torch.cat(parts), expected)


def test_split_and_whole_layers_add_up(flux: Any) -> None:
    whole, first = lora(48, 16)
    part, second = lora(16, 16, seed=1)
    found = changes(
        flux, {"double_blocks_0_txt_attn_qkv": whole, "transformer_blocks_0_attn_add_k_proj": part}
    )
    torch.testing.assert_close(
        found["transformer_blocks.0.attn.add_k_proj.weight"], first[16:32] + second, atol=1e-5, rtol=1e-5
    )


def test_the_last_norms_halves_are_swapped(flux: Any, sd3: Any) -> None:
    for root, name, module in (
        (flux, "final_layer_adaLN_modulation_1", "norm_out.linear"),
        (sd3, "final_layer_adaLN_modulation_1", "norm_out.linear"),
        (sd3, "joint_blocks_1_context_block_adaLN_modulation_1", "transformer_blocks.1.norm1_context.linear"),
    ):
        layer, expected = lora(32, 16)
        found = changes(root, {name: layer})[f"{module}.weight"]
        torch.testing.assert_close(found, torch.cat([expected[16:], expected[:16]]))


@pytest.mark.parametrize("which", ["flux", "sd3"])
def test_every_layer_in_blocks_has_its_original_name(which: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(which)
    known = targets(root)
    original = [name for name in known if name.startswith(("double_blocks", "single_blocks", "joint_blocks"))]
    named = {module for name in original for module in known[name].modules}
    covered = {name for name in named if isinstance(root.get_submodule(name), nn.Linear)}
    inside = {
        name
        for name, module in root.named_modules()
        if isinstance(module, nn.Linear) and ("transformer_blocks." in name)
    }
    assert covered == inside
