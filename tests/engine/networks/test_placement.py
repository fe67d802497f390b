"""Networks in weights that are stored in 8 bits, lie elsewhere, or are compiled with."""

from pathlib import Path

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from generation.engine import checkpoints
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.networks import NetworkUse, lora_load
from generation.engine.placement import FP8, Placement, offload
from generation.engine.spec import EngineConfig
from tests.engine.networks.conftest import denoised, merged
from tests.engine.networks.files import kohya, lora_tensors, saved
from tests.engine.tiny import TEXT_WIDTH

CPU = torch.device("cpu")
LAYER = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.fixture(scope="module")
def lora(sd15: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(lora_tensors(sd15.unet, kohya()), tmp_path_factory.mktemp("loras") / "mine.safetensors")


def test_stored_in_8_bits(tiny: Path, lora: Path) -> None:
    """Networks keep the precision that the checkpoint's own weights have lost, call after call."""
    checkpoint = checkpoints.load(tiny, torch.float32)
    Placement(EngineConfig(storage="fp8"), CPU, torch.float32).place(checkpoint)
    plain = denoised(checkpoint)
    made = merged(checkpoint, NetworkUse(lora_load(lora), "mine"))
    seen = []
    for _ in range(2):
        with made.applied("denoiser", checkpoint.unet):
            seen.append(denoised(checkpoint))
            with torch.no_grad():  # outside of inference mode, the hooks change tensors where they are
                checkpoint.unet(torch.zeros(1, 4, 8, 8), 5, torch.zeros(1, 77, 32))
    assert torch.equal(seen[0], seen[1])
    assert (seen[0] - plain).abs().max() > 0.01
    assert torch.equal(denoised(checkpoint), plain)
    assert checkpoint.unet.get_submodule(LAYER).weight.dtype is FP8


def test_kept_elsewhere(sd15: Checkpoint, tiny: Path, lora: Path) -> None:
    use = NetworkUse(lora_load(lora), "mine")
    with merged(sd15, use).applied("denoiser", sd15.unet):
        expected = denoised(sd15)
    plain = denoised(sd15)
    layered = checkpoints.load(tiny, torch.float32)
    offload([layered.unet], CPU)
    made = merged(layered, use)
    for _ in range(2):
        with made.applied("denoiser", layered.unet):
            assert torch.equal(denoised(layered), expected)
        assert torch.equal(denoised(layered), plain)


def test_nothing_is_compiled_anew(sd15: Checkpoint, lora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block of the U-Net; all of it takes a minute to trace."""
    counter = CompileCounter()
    monkeypatch.setattr("generation.engine.placement.BACKEND", counter)
    torch._dynamo.reset()
    block = sd15.unet.mid_block.attentions[0].transformer_blocks[0]
    placement = Placement(EngineConfig(compile=True), CPU, torch.float32)
    compiled = placement.network(block, [])
    draw = torch.Generator().manual_seed(0)
    hidden = torch.randn(2, 16, 64, generator=draw)
    text = torch.randn(2, 77, TEXT_WIDTH, generator=draw)
    with torch.inference_mode():
        plain = compiled(hidden, encoder_hidden_states=text)
        known = counter.frame_count
        assert known
        for strength in (0.3, -0.6):
            made = merged(sd15, NetworkUse(lora_load(lora), "mine", strength))
            with made.applied("denoiser", sd15.unet):
                seen = compiled(hidden, encoder_hidden_states=text)
                torch.testing.assert_close(seen, block(hidden, encoder_hidden_states=text))
            assert (seen - plain).abs().max() > 0.01
    assert counter.frame_count == known
