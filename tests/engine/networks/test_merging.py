"""Sets of networks in a checkpoint's weights: what they add, and that nothing of them stays."""

from pathlib import Path

import pytest
import torch
from torch import nn

from generation.engine import checkpoints
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.errors import EngineError
from generation.engine.networks import Merged, NetworkUse, lora_load, merge, set_key
from generation.engine.slices import run_through
from tests.engine.networks.conftest import denoised, merged, modules_of
from tests.engine.networks.files import kohya, lora_tensors, saved


def use(path: Path, denoiser: float = 1.0, text_encoder: float = 1.0, rank: int | None = None) -> NetworkUse:
    return NetworkUse(lora_load(path), path.stem, denoiser, text_encoder, rank)


@pytest.fixture(scope="module")
def files(sd15: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three LoRAs for the U-Net, the first one for the text encoder too."""
    folder = tmp_path_factory.mktemp("loras")
    tensors = [lora_tensors(sd15.unet, kohya(), seed=seed) for seed in range(3)]
    tensors[0] |= lora_tensors(sd15.text_encoder, kohya("lora_te_text_model"), seed=9)
    return [saved(each, folder / f"{number}.safetensors") for number, each in enumerate(tensors)]


def weights(root: nn.Module) -> dict[str, tuple[int, torch.Tensor]]:
    return {name: (id(each), each.detach().clone()) for name, each in root.named_parameters()}


def assert_untouched(before: dict[str, tuple[int, torch.Tensor]], root: nn.Module) -> None:
    after = weights(root)
    assert after.keys() == before.keys()
    for name, (identity, tensor) in after.items():
        assert identity == before[name][0]
        assert torch.equal(tensor, before[name][1])


def test_nothing_stays(sd15: Checkpoint, files: list[Path]) -> None:
    plain, before = denoised(sd15), weights(sd15.unet)
    made = merged(sd15, use(files[0], 0.8), use(files[1], -0.5))
    assert torch.equal(denoised(sd15), plain)
    with made.applied("denoiser", sd15.unet):
        changed = denoised(sd15)
    assert (changed - plain).abs().max() > 0.01
    assert torch.equal(denoised(sd15), plain)
    assert_untouched(before, sd15.unet)
    with made.applied("denoiser", sd15.unet):
        assert torch.equal(denoised(sd15), changed)


def test_nothing_stays_after_an_error(sd15: Checkpoint, files: list[Path]) -> None:
    before, made = weights(sd15.unet), merged(sd15, use(files[0]))
    with pytest.raises(ZeroDivisionError), made.applied("denoiser", sd15.unet):
        raise ZeroDivisionError
    assert_untouched(before, sd15.unet)


def test_sets_alternate_but_never_stack(sd15: Checkpoint, files: list[Path]) -> None:
    before = weights(sd15.unet)
    one, other = merged(sd15, use(files[0])), merged(sd15, use(files[1]))
    seen = []
    for made in (one, other, one, other):
        with made.applied("denoiser", sd15.unet):
            seen.append(denoised(sd15))
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert not torch.equal(seen[0], seen[1])
    for inner in (one, other):
        with (
            one.applied("denoiser", sd15.unet),
            pytest.raises(RuntimeError, match="already"),
            inner.applied("denoiser", sd15.unet),
        ):
            pass
    assert_untouched(before, sd15.unet)


def test_a_set_survives_the_checkpoint_it_was_made_from(tiny: Path, files: list[Path]) -> None:
    first = checkpoints.load(tiny, torch.float32)
    made = merged(first, use(files[0]))
    with made.applied("denoiser", first.unet):
        expected = denoised(first)
    again = checkpoints.load(tiny, torch.float32)
    del first
    with made.applied("denoiser", again.unet):
        assert torch.equal(denoised(again), expected)


def test_changes_add_up_in_any_order(sd15: Checkpoint, files: list[Path]) -> None:
    uses = [use(files[0], 0.8), use(files[1], -0.5), use(files[2], 0.3)]
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    expected = sd15.unet.get_submodule(name).weight.clone()
    for each in uses:
        layer = each.file.layers["denoiser", name.replace(".", "_")]
        expected += each.denoiser * (layer["lora_up"] @ layer["lora_down"]) * 0.5
    seen = []
    for order in (uses, uses[::-1], [uses[1], uses[2], uses[0]]):
        with merged(sd15, *order).applied("denoiser", sd15.unet):
            torch.testing.assert_close(sd15.unet.get_submodule(name).weight.data, expected)
            seen.append(denoised(sd15))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])


def test_strengths_are_of_their_component(sd15: Checkpoint, files: list[Path]) -> None:
    assert "text_encoder" not in merged(sd15, use(files[0], 1.0, 0.0))
    only_text = merged(sd15, use(files[0], 0.0, 1.0))
    assert "denoiser" not in only_text
    ids = torch.tensor([[5, 6, 7]])
    plain = sd15.text_encoder(ids).last_hidden_state
    with only_text.applied("text_encoder", sd15.text_encoder), only_text.applied("denoiser", sd15.unet):
        assert (sd15.text_encoder(ids).last_hidden_state - plain).abs().max() > 0.01
    assert torch.equal(sd15.text_encoder(ids).last_hidden_state, plain)


def test_no_strength_is_nothing(sd15: Checkpoint, files: list[Path]) -> None:
    for uses in ((), (use(files[0], 0, 0),), (use(files[0], 0.7, 0.2), use(files[0], -0.7, -0.2))):
        assert set_key(uses) == ()
        made = merged(sd15, *uses)
        assert made.nbytes == 0
        with made.applied("denoiser", sd15.unet):
            pass


def test_keys_tell_sets_apart(files: list[Path]) -> None:
    one, other = use(files[0], 0.8, 0.5), use(files[1], 0.3, 0.0)
    assert set_key([one, other]) == set_key([other, one])
    assert set_key([one]) != set_key([use(files[0], 0.7, 0.5)])
    assert set_key([one]) != set_key([use(files[0], 0.8, 0.5, rank=2)])
    assert set_key([one, other], text_only=True) == set_key([use(files[0], 0.1, 0.5)], text_only=True)
    assert set_key([other], text_only=True) == ()
    assert set_key([use(files[0], 0.4), use(files[0], 0.4)]) == set_key([use(files[0], 0.8, 2.0)])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(tiny: Path, files: list[Path], dtype: torch.dtype) -> None:
    exact, checkpoint = checkpoints.load(tiny, torch.float32), checkpoints.load(tiny, dtype)
    for each in exact.unet.parameters():
        each.data = each.data.to(dtype).float()
    uses = (use(files[0], 0.8), use(files[1], 0.4))
    with merged(exact, *uses).applied("denoiser", exact.unet):
        expected = {name: each.to(dtype) for name, each in exact.unet.named_parameters()}
    with merged(checkpoint, *uses).applied("denoiser", checkpoint.unet):
        for name, each in checkpoint.unet.named_parameters():
            assert each.dtype == dtype
            assert torch.equal(each, expected[name])


def test_weights_stored_in_8_bits_become_ordinary(tiny: Path, files: list[Path]) -> None:
    checkpoint = checkpoints.load(tiny, torch.bfloat16)
    stored = checkpoint.unet.mid_block.resnets[0].conv1
    stored.weight = nn.Parameter(stored.weight.to(torch.float8_e4m3fn), requires_grad=False)
    expected = stored.weight.float()
    layer = use(files[0]).file.layers["denoiser", "mid_block_resnets_0_conv1"]
    expected += ((layer["lora_up"].flatten(1) @ layer["lora_down"].flatten(1)) * 0.5).reshape(expected.shape)
    with merged(checkpoint, use(files[0])).applied("denoiser", checkpoint.unet):
        assert torch.equal(stored.weight, expected.to(torch.bfloat16))
    assert stored.weight.dtype == torch.float8_e4m3fn


def test_a_bias_that_was_not_there_goes_again(sd15: Checkpoint, tmp_path: Path) -> None:
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    layer = sd15.unet.get_submodule(name)
    assert layer.bias is None
    path = saved({f"{kohya()(name)}.diff_b": torch.full((32,), 0.5)}, tmp_path / "bias.safetensors")
    with merged(sd15, use(path, 0.5)).applied("denoiser", sd15.unet):
        assert torch.equal(layer.get_parameter("bias"), torch.full((32,), 0.25))
    assert layer.bias is None


def test_merging_pauses(sd15: Checkpoint, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = merged(sd15, use(files[0]))
    monkeypatch.setattr("generation.engine.networks.merging.SLICE_WEIGHTS", 10_000)
    portions = list(merge(modules_of(sd15), [use(files[0])], dtype=torch.float32))
    assert len(portions) > 5
    assert [each.done for each in portions] == sorted({each.done for each in portions})
    made = run_through(merge(modules_of(sd15), [use(files[0])], dtype=torch.float32))
    assert made.nbytes == expected.nbytes


def test_the_caller_may_infer(sd15: Checkpoint, files: list[Path]) -> None:
    """Tensors of inference mode cannot be moved or compiled like others."""
    with torch.inference_mode():
        made: Merged = merged(sd15, use(files[0]))
    with made.applied("denoiser", sd15.unet):
        assert not any(each.is_inference() for each in sd15.unet.parameters())
    assert made.to(torch.device("cpu")).nbytes == made.nbytes > 0


def test_overflow_is_refused(tiny: Path, files: list[Path]) -> None:
    checkpoint = checkpoints.load(tiny, torch.float16)
    with pytest.raises(EngineError) as caught:
        merged(checkpoint, use(files[0], 1e6))
    assert (caught.value.code, caught.value.field) == ("invalid_request", "loras")
