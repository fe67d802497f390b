"""Networks for another family, broken and hostile ones: refused with a reason, and nothing else breaks."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.engine.checkpoints.components import Checkpoint
from generation.engine.errors import EngineError
from generation.engine.networks import NetworkUse, lora_load
from tests.engine.networks.conftest import denoised, merged
from tests.engine.networks.files import Tensors, kohya, lora_tensors, saved


def refusal(path: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        lora_load(path)
    assert path.name in caught.value.message
    assert caught.value.hint
    return caught.value


def some(**changes: torch.Tensor) -> Tensors:
    layer = "lora_unet_mid_block_attentions_0_proj_in"
    tensors = {
        "lora_down.weight": torch.ones(4, 64, 1, 1),
        "lora_up.weight": torch.ones(64, 4, 1, 1),
        "alpha": torch.tensor(1.0),
    }
    return {f"{layer}.{role}": tensor for role, tensor in (tensors | changes).items()}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_that_are_none_are_refused(bad: float, dtype: torch.dtype, tmp_path: Path) -> None:
    broken = torch.ones(64, 4, 1, 1, dtype=dtype)
    broken[3, 2] = bad
    path = saved(some(**{"lora_up.weight": broken}), tmp_path / "nan.safetensors")
    assert refusal(path).code == "model_corrupt"


@pytest.mark.parametrize(
    "tensors",
    [
        {"lora_unet_x.lora_down.weight": torch.ones(4, 8)},
        some() | {"lora_unet_x.hada_w1_a": torch.ones(4, 8)},
        some(alpha=torch.ones(3)),
        some()
        | {"lora_unet_x.lora_down.weight": torch.ones(0, 8), "lora_unet_x.lora_up.weight": torch.ones(8, 0)},
    ],
)
def test_incomplete_files_are_refused(tensors: Tensors, tmp_path: Path) -> None:
    error = refusal(saved(tensors, tmp_path / "part.safetensors"))
    assert error.code in {"model_corrupt", "model_unsupported"}


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    path = saved(some(), tmp_path / "cut.safetensors")
    whole = path.read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert refusal(path).code == "model_corrupt"


class Hostile:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("hostile-was-here"),))


def test_hostile_pickles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pt"
    torch.save(some() | {"extra": Hostile()}, path)
    assert refusal(path).code == "model_unsafe"
    path.write_bytes(pickle.dumps(Hostile()))
    assert refusal(path).code in {"model_unsafe", "model_corrupt"}
    disguised = path.rename(tmp_path / "hostile.safetensors")
    assert refusal(disguised).code == "model_unsafe"
    assert not (tmp_path / "hostile-was-here").exists()


@pytest.mark.parametrize("wrapper", [None, "state_dict"])
def test_harmless_pickles_are_read(wrapper: str | None, tmp_path: Path) -> None:
    content: dict[str, Any] = {**some(), "epoch": 3}
    torch.save({wrapper: content} if wrapper else content, tmp_path / "old.pt")
    assert len(lora_load(tmp_path / "old.pt").layers) == 1


@pytest.mark.parametrize(
    "tensors",
    [
        {"model.diffusion_model.input_blocks.0.0.weight": torch.ones(3, 3)},
        {"clip_l": torch.ones(3, 3), "clip_g": torch.ones(3, 3)},
        {"lora_unet_x": torch.ones(3)},
    ],
)
def test_other_kinds_of_files_are_refused(tensors: Tensors, tmp_path: Path) -> None:
    error = refusal(saved(tensors, tmp_path / "other.safetensors"))
    assert (error.code, error.field) == ("model_unsupported", "loras")


def refused_by(checkpoint: Checkpoint, path: Path) -> EngineError:
    plain = denoised(checkpoint)
    with pytest.raises(EngineError) as caught:
        merged(checkpoint, NetworkUse(lora_load(path), path.stem))
    assert torch.equal(denoised(checkpoint), plain)
    assert path.stem in caught.value.message
    assert (caught.value.code, caught.value.field) == ("model_unsupported", "loras")
    return caught.value


def test_networks_of_the_other_family_are_refused(sd15: Checkpoint, sdxl: Checkpoint, tmp_path: Path) -> None:
    for_sd15 = saved(lora_tensors(sd15.unet, kohya()), tmp_path / "sd15.safetensors")
    for_sdxl = saved(lora_tensors(sdxl.unet, kohya()), tmp_path / "sdxl.safetensors")
    refused_by(sdxl, for_sd15)
    refused_by(sd15, for_sdxl)
    flux = {
        "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": torch.ones(2, 8),
        "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight": torch.ones(24, 2),
    }
    refused_by(sd15, saved(flux, tmp_path / "flux.safetensors"))


def test_layers_that_the_model_has_not_are_counted(
    sd15: Checkpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    extra = {
        "lora_unet_nowhere.lora_down.weight": torch.ones(2, 8),
        "lora_unet_nowhere.lora_up.weight": torch.ones(8, 2),
    }
    path = saved(some() | extra, tmp_path / "extra.safetensors")
    assert "denoiser" in merged(sd15, NetworkUse(lora_load(path), "extra"))
    assert "1 of 2 layers of extra are not in this model" in caplog.text


def test_whole_weights_beside_a_network_are_left_alone(sd15: Checkpoint, tmp_path: Path) -> None:
    path = saved(some() | {"unet.conv_in.weight": torch.ones(32, 4, 3, 3)}, tmp_path / "more.safetensors")
    assert len(lora_load(path).layers) == 1
