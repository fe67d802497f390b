"""LoRAs for SD3 and Flux, through diffusers' pipelines with merged weights and with peft's adapters."""

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from generation.engine.checkpoints import flow_load
from generation.engine.decoding import picture_decode
from generation.engine.exclusive import exclusive_run, running
from generation.engine.networks import Merged, NetworkUse, lora_load, merge
from generation.engine.slices import run_through
from generation.engine.spec import GenerationRequest, LoraUnit, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT
from tests.engine.networks.files import Tensors, saved
from tests.engine.tiny_flow import tiny_flux_folder, tiny_sd3_folder

CLASSES: Any = diffusers  # which is not typed
PIPELINES = {"sd3": "StableDiffusion3Pipeline", "flux": "FluxPipeline"}
STRENGTH = 0.6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {"sd3": tiny_sd3_folder(root / "sd3"), "flux": tiny_flux_folder(root / "flux")}


def lora(root: torch.nn.Module, name_of: Any) -> Tensors:
    """On the attention of all blocks."""
    draw = torch.Generator().manual_seed(3)
    tensors: Tensors = {}
    for name, module in root.named_modules():
        if isinstance(module, torch.nn.Linear) and name.endswith(("attn.to_q", "attn.to_v", "attn.to_out.0")):
            out, width = module.weight.shape
            tensors[f"{name_of(name)}.lora_A.weight"] = torch.randn(2, width, generator=draw)
            tensors[f"{name_of(name)}.lora_B.weight"] = torch.randn(out, 2, generator=draw)
    return tensors


def request(folder: Path, **values: Any) -> GenerationRequest:
    return GenerationRequest(
        checkpoint=ModelRef(path=folder), prompt="a red fox", width=64, height=64, steps=3,
        guidance_scale=3.5, seed=7, **values,
    )  # fmt: skip


@pytest.mark.parametrize("family", ["sd3", "flux"])
def test_equal_to_adapters(
    family: str, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents: list[torch.Tensor] = []

    def recording(vae: Any, row: torch.Tensor) -> Any:
        latents.append(row)
        return picture_decode(vae, row)

    monkeypatch.setattr(running, "picture_decode", recording)
    checkpoint = flow_load(folders[family], torch.float32)
    path = saved(lora(checkpoint.transformer, lambda name: f"transformer.{name}"), tmp_path / "l.safetensors")

    def painted(weights: Merged | None) -> torch.Tensor:
        run_through(exclusive_run(checkpoint, request(folders[family]), networks=weights))
        return latents[-1]

    before = painted(None)
    use = NetworkUse(lora_load(path), "l", STRENGTH)
    merged = run_through(merge(checkpoint.components, [use], dtype=torch.float32))
    made = painted(merged)
    assert torch.equal(painted(None), before)

    pipe = getattr(CLASSES, PIPELINES[family]).from_pretrained(folders[family], local_files_only=True)
    pipe.load_lora_weights(path, adapter_name="l")
    pipe.set_adapters(["l"], [STRENGTH])
    checkpoint = flow_load(folders[family], torch.float32)
    object.__setattr__(checkpoint, "transformer", pipe.transformer)
    expected = painted(None)
    assert (expected - before).abs().max() > 0.05
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)


def test_through_the_engine(folders: dict[str, Path], tmp_path: Path, engine: StepEngine) -> None:
    transformer = flow_load(folders["flux"], torch.float32).transformer
    path = saved(lora(transformer, lambda name: f"transformer.{name}"), tmp_path / "l.safetensors")
    unit = LoraUnit(model=ModelRef(path=path), denoiser=STRENGTH)
    requests = [request(folders["flux"]), request(folders["flux"], loras=(unit,))]
    alone = [engine.submit(each).result(TIMEOUT).images[0].tobytes() for each in requests]
    assert alone[0] != alone[1]
    together = [engine.submit(each) for each in requests]
    assert [each.result(TIMEOUT).images[0].tobytes() for each in together] == alone
