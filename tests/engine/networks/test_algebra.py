"""Every algorithm's change of a weight beside peft's, or beside the formula of its paper."""

from collections.abc import Callable
from typing import Any

import peft
import pytest
import torch
from torch import nn

from generation.engine.networks.algebra import MisfitError, bias_change, is_complete, weight_change
from generation.engine.networks.keys import key_read
from generation.engine.networks.layer import Layer

Tensors = dict[str, torch.Tensor]
MakeModule = Callable[[], nn.Module]

CLASSES: Any = peft  # whose layers are not typed


def linear() -> nn.Module:
    return nn.Linear(24, 36)


def convolution() -> nn.Module:
    return nn.Conv2d(16, 24, 3, padding=1)


def pointwise() -> nn.Module:
    return nn.Conv2d(16, 24, 1)


class Host(nn.Module):
    """peft replaces the layers of a model."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.layer(given)
        return made


def by_peft(layer: nn.Module, config: Any) -> tuple[Layer, torch.Tensor, torch.Tensor]:
    """A layer of random numbers as peft saves it, the weight, and the weight that peft merges."""
    before = layer.weight.detach().clone()  # type: ignore[operator]
    adapted = CLASSES.get_peft_model(Host(layer), config)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    state = CLASSES.get_peft_model_state_dict(adapted)
    tensors: Tensors = {}
    for name, tensor in state.items():
        key = key_read(name)
        assert key is not None
        tensors[key.role] = tensor.clone()
    alpha = getattr(config, "lora_alpha", None) or config.alpha
    merged = adapted.merge_and_unload().layer.weight.detach()
    return Layer("layer", tensors, float(alpha)), before, merged


@pytest.mark.parametrize("make", [linear, convolution, pointwise])
@pytest.mark.parametrize(
    "config",
    [
        ("LoraConfig", {"lora_alpha": 3}),
        ("LoraConfig", {"lora_alpha": 3, "use_dora": True}),
        ("LoHaConfig", {"alpha": 3}),
        ("LoHaConfig", {"alpha": 3, "use_effective_conv2d": True}),
        ("LoKrConfig", {"alpha": 3, "decompose_both": True}),
        ("LoKrConfig", {"alpha": 3}),
        ("LoKrConfig", {"alpha": 3, "use_effective_conv2d": True}),
    ],
    ids=lambda config: f"{config[0]}-{'-'.join(config[1])}",
)
def test_equal_to_peft(make: MakeModule, config: tuple[str, dict[str, Any]]) -> None:
    torch.manual_seed(0)
    name, options = config
    layer, before, expected = by_peft(
        make(), getattr(CLASSES, name)(r=2, target_modules=["layer"], **options)
    )
    change = weight_change(layer, before)
    assert change is not None
    assert (expected - before).abs().max() > 0.02
    torch.testing.assert_close(before + change, expected, atol=1e-5, rtol=1e-5)


def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def changed(tensors: Tensors, weight: torch.Tensor, alpha: float | None = None) -> torch.Tensor:
    change = weight_change(Layer("layer", tensors, alpha), weight)
    assert change is not None
    assert change.shape == weight.shape
    return change


def test_a_core_tensor_sits_between_the_factors() -> None:
    """CP decomposition of a convolution: three convolutions one after the other."""
    up, down, mid = rand(12, 2, 1, 1), rand(2, 8, 1, 1), rand(2, 2, 3, 3)
    change = changed({"lora_up": up, "lora_down": down, "lora_mid": mid}, rand(12, 8, 3, 3), alpha=4.0)
    picture = rand(1, 8, 9, 9)
    inner = nn.functional.conv2d(nn.functional.conv2d(picture, down), mid)
    expected = nn.functional.conv2d(inner, up) * 2.0
    torch.testing.assert_close(nn.functional.conv2d(picture, change), expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(("axis", "shape"), [(0, (1, 12, 1, 1)), (1, (1, 8, 1, 1))])
def test_ia3_scales_channels(axis: int, shape: tuple[int, ...]) -> None:
    weight, factors = rand(12, 8, 3, 3), rand(*shape)
    change = changed({"weight": factors, "on_input": torch.tensor(axis)}, weight)
    picture = rand(1, 8, 9, 9)
    expected = (
        nn.functional.conv2d(picture * factors, weight)
        if axis
        else nn.functional.conv2d(picture, weight) * factors
    )
    torch.testing.assert_close(nn.functional.conv2d(picture, change), expected, atol=1e-3, rtol=1e-4)


def test_full_differences_and_norms_are_added() -> None:
    weight, difference = rand(12, 8, 1, 1), rand(12, 8)
    assert torch.equal(changed({"diff": difference}, weight)[:, :, 0, 0], difference)
    norm = Layer("norm", {"w_norm": rand(8), "b_norm": rand(8)})
    assert torch.equal(changed(dict(norm.tensors), torch.ones(8)), rand(8))
    bias = bias_change(norm, 8)
    assert bias is not None
    assert torch.equal(bias, rand(8))


def rotations(blocks: torch.Tensor) -> torch.Tensor:
    """Of each block: a rotation is the exponential's rational neighbour, by Cayley."""
    made = []
    for block in blocks:
        skew = block - block.T
        one = torch.eye(len(block))
        made.append((one + skew) @ torch.linalg.inv(one - skew))
    return torch.stack(made)


def test_oft_rotates_blocks_of_output_channels() -> None:
    weight, blocks = rand(12, 8, 3, 3), rand(3, 4, 4)
    turned = weight + changed({"oft_blocks": blocks}, weight)
    for number, rotation in enumerate(rotations(blocks)):
        part = slice(4 * number, 4 * number + 4)
        expected = torch.einsum("nm,n...->m...", rotation, weight[part])
        torch.testing.assert_close(turned[part], expected, atol=1e-4, rtol=1e-4)
    # What rotations leave alone: how far the channels are from each other, over all.
    torch.testing.assert_close(turned.norm(), weight.norm())


def test_oft_keeps_within_its_bound_and_rescales() -> None:
    weight, blocks = rand(12, 8), rand(3, 4, 4)
    free = changed({"oft_blocks": blocks}, weight)
    bound = changed({"oft_blocks": blocks}, weight, alpha=0.01)
    assert bound.norm() < 0.2 * free.norm()
    doubled = changed({"oft_blocks": blocks, "rescale": torch.full((12, 1), 2.0)}, weight)
    torch.testing.assert_close(doubled + weight, 2 * (free + weight))
    turned = changed({"oft_diag": rotations(blocks)}, weight)
    torch.testing.assert_close(turned, free, atol=1e-4, rtol=1e-4)


def test_boft_rotates_and_mixes_blocks() -> None:
    weight, blocks = rand(8, 6), rand(2, 2, 4, 4)
    turned = weight + changed({"oft_blocks": blocks}, weight)
    torch.testing.assert_close(turned.norm(), weight.norm())
    # By hand: each factor pairs the rows that lie half a block, then a whole block apart.
    expected = weight
    for factor, order in zip(blocks, ([0, 2, 1, 3, 4, 6, 5, 7], [0, 4, 1, 5, 2, 6, 3, 7]), strict=True):
        paired = torch.block_diag(*rotations(factor)) @ expected[order]
        expected = torch.empty_like(paired)
        expected[order] = paired
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("older", [False, True])
def test_glora_adds_and_scales(older: bool) -> None:
    weight, a1, a2, b1, b2 = rand(12, 8), rand(8, 2), rand(2, 8), rand(12, 2), rand(2, 8)
    names = ("a2", "a1", "b2", "b1") if older else ("a1", "a2", "b1", "b2")
    tensors = dict(zip(names, (a1, a2, b1, b2), strict=True))
    expected = (weight @ a1 @ a2 + b1 @ b2) * 0.5
    torch.testing.assert_close(changed(tensors, weight, alpha=1.0), expected, atol=1e-4, rtol=1e-4)


def test_dora_by_input_channels() -> None:
    """As LyCORIS wrote it before it could choose: a length per input channel."""
    weight, up, down, lengths = rand(12, 8, 3, 3), rand(12, 2), rand(2, 72), rand(1, 8, 1, 1).abs()
    tensors = {"lora_up": up, "lora_down": down, "dora_scale": lengths}
    made = weight + changed(tensors, weight)
    torch.testing.assert_close(torch.linalg.vector_norm(made, dim=(0, 2, 3)), lengths.flatten())
    plain = weight + (up @ down).reshape(weight.shape)
    angles = nn.functional.cosine_similarity(
        made.transpose(0, 1).flatten(1), plain.transpose(0, 1).flatten(1)
    )
    torch.testing.assert_close(angles, torch.ones(8))


def test_a_lora_is_cut_to_its_first_ranks() -> None:
    up, down, weight = rand(12, 4), rand(4, 8), rand(12, 8)
    layer = Layer("layer", {"lora_up": up, "lora_down": down}, 2.0)
    for rank, kept in ((2, 2), (4, 4), (9, 4), (None, 4)):
        change = weight_change(layer.cut(rank), weight)
        torch.testing.assert_close(change, up[:, :kept] @ down[:kept] * 0.5)


def test_biases_of_loras_are_scaled_like_their_weights() -> None:
    layer = Layer("layer", {"lora_up": rand(12, 4), "lora_down": rand(4, 8), "lora_up_bias": rand(12)}, 2.0)
    torch.testing.assert_close(bias_change(layer, 12), rand(12) * 0.5)


@pytest.mark.parametrize(
    "tensors",
    [
        {"lora_up": rand(12, 4), "lora_down": rand(3, 8)},
        {"lora_up": rand(12, 4), "lora_down": rand(4, 9)},
        {"lora_up": rand(8, 4), "lora_down": rand(4, 12)},
        {"lokr_w1": rand(5, 2), "lokr_w2": rand(3, 4)},
        {"oft_blocks": rand(5, 4, 4)},
        {"weight": rand(7), "on_input": torch.tensor(0)},
        {"diff": rand(3, 3)},
        {"lora_up": rand(12, 4), "lora_down": rand(4, 8), "dora_scale": rand(5, 1)},
        {"a1": rand(3, 3), "a2": rand(3, 3), "b1": rand(3, 3), "b2": rand(3, 3)},
    ],
)
def test_what_does_not_fit_is_said(tensors: Tensors) -> None:
    with pytest.raises(MisfitError):
        weight_change(Layer("layer", tensors), rand(12, 8))


def test_layers_without_an_algorithm_are_incomplete() -> None:
    assert not is_complete(Layer("layer", {"weight": rand(12, 8)}))
    assert not is_complete(Layer("layer", {"hada_w1_a": rand(12, 8), "hada_w1_b": rand(12, 8)}))
    assert is_complete(Layer("layer", {"diff_b": rand(12)}))
