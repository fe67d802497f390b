"""Precision and memory: other ways to keep and to run the same weights make the same pictures, or nearly."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter

from generation.engine import placement
from generation.engine.checkpoints import load
from generation.engine.decoding import picture_decode
from generation.engine.errors import EngineError
from generation.engine.placement import FP8, Placement, offload
from generation.engine.spec import EngineConfig, FreeU, config_for
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.test_batching import submit_together

CPU = torch.device("cpu")


def difference(one: Any, other: Any) -> float:
    return float(np.abs(np.asarray(one, dtype=np.float32) - np.asarray(other, dtype=np.float32)).mean())


def test_fp8_halves_the_denoiser_and_hardly_changes_the_picture(
    tiny: Path, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    checkpoint = load(tiny, torch.float32)
    before = checkpoint.nbytes
    Placement(EngineConfig(storage="fp8"), CPU, torch.float32).place(checkpoint)
    dtypes = {name: parameter.dtype for name, parameter in checkpoint.unet.named_parameters()}
    assert dtypes["mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"] is FP8
    assert checkpoint.nbytes < before
    plain = make_engine().submit(make_request()).result(TIMEOUT).images[0]
    stored = make_engine(storage="fp8").submit(make_request()).result(TIMEOUT).images[0]
    assert 0 < difference(plain, stored) < 12


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_paints_nearly_the_same(
    precision: str, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    plain = make_engine().submit(make_request()).result(TIMEOUT)
    half = make_engine(precision=precision).submit(make_request()).result(TIMEOUT)
    assert half.dtype == {"bf16": "bfloat16", "fp16": "float16"}[precision]
    assert difference(plain.images[0], half.images[0]) < 12


def test_offloaded_layers_compute_the_same(
    tiny: Path, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    whole, layered = load(tiny, torch.float32), load(tiny, torch.float32)
    offload([layered.unet, layered.vae, layered.text_encoder], CPU)
    ids = torch.arange(77)[None]
    sample = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        text = [each.text_encoder(ids).last_hidden_state for each in (whole, layered)]
        assert torch.equal(*text)
        noise = [each.unet(sample, 5, torch.cat([text[0]] * 2)).sample for each in (whole, layered)]
        assert torch.equal(*noise)
        assert torch.equal(*[each.vae.decode(sample).sample for each in (whole, layered)])


def test_vae_tiles_paint_nearly_the_same(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    request = make_request(width=192, height=128, steps=2)
    plain = make_engine().submit(request).result(TIMEOUT).images[0]
    tiles = make_engine(vae_tiling=True).submit(request).result(TIMEOUT).images[0]
    assert 0 < difference(plain, tiles) < 12


def test_a_picture_that_does_not_fit_is_decoded_in_tiles(
    engine: StepEngine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generation.engine.scripts import painting

    tried: list[bool] = []

    def crowded(vae: Any, latents: torch.Tensor) -> Any:
        tried.append(vae.use_tiling)
        if not vae.use_tiling:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return picture_decode(vae, latents)

    with monkeypatch.context() as patched:
        patched.setattr(painting, "picture_decode", crowded)
        assert engine.submit(make_request(width=128)).result(TIMEOUT).images
    assert tried == [False, False, True]
    assert engine.submit(make_request(width=128)).result(TIMEOUT).images


@pytest.mark.parametrize("attention", ["math", "flash"])
def test_attention_kernels_agree(attention: str, make_engine: MakeEngine, make_request: MakeRequest) -> None:
    plain = make_engine().submit(make_request()).result(TIMEOUT).images[0]
    other = make_engine(attention=attention).submit(make_request()).result(TIMEOUT).images[0]
    assert difference(plain, other) < 1


def test_an_attention_kernel_that_is_not_there_is_an_invalid_configuration(
    make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    with pytest.raises(EngineError) as caught:
        make_engine(attention="cudnn").submit(make_request()).result(TIMEOUT)
    assert caught.value.code == "invalid_config"
    assert "auto" in caught.value.hint


def test_presets_are_switches_that_single_ones_override() -> None:
    low = config_for("low_memory", offload="none", compile=None)
    assert (low.storage, low.offload, low.vae_tiling, low.compile) == ("fp8", "none", True, False)
    assert config_for("fast").compile
    assert config_for("balanced") == EngineConfig()


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> CompileCounter:
    """Counts what is compiled; the graphs run as they are."""
    counter = CompileCounter()
    monkeypatch.setattr(placement, "BACKEND", counter)
    torch._dynamo.reset()
    return counter


def test_batches_prompts_and_loras_compile_nothing_anew(
    graphs: CompileCounter, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine(compile=True)
    plain = make_engine().submit(make_request(seed=1)).result(TIMEOUT)
    compiled = engine.submit(make_request(seed=1)).result(TIMEOUT)
    assert difference(plain.images[0], compiled.images[0]) < 1
    for future in submit_together(engine, [make_request(seed=seed) for seed in range(5)]):
        future.result(TIMEOUT)
    assert 1 <= graphs.frame_count <= 2
    known = graphs.frame_count
    engine.submit(make_request("a red fox " * 60, seed=3)).result(TIMEOUT)
    engine.submit(make_request(batch_size=3, sampler="Heun")).result(TIMEOUT)
    assert graphs.frame_count <= known + 1
    # What patches the network runs as it is.
    engine.submit(make_request(freeu=FreeU(), pag_scale=2.0)).result(TIMEOUT)
    assert graphs.frame_count <= known + 1


def test_a_network_that_cannot_be_compiled_runs_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(placement, "BACKEND", broken)
    torch._dynamo.reset()
    plain = torch.nn.Linear(4, 4)
    network = Placement(EngineConfig(compile=True), CPU, torch.float32).network(plain, [])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert torch.equal(network(torch.ones(1, 4)), plain(torch.ones(1, 4)))
    assert caplog.text.count("cannot be compiled") == 1
