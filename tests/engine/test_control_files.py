"""What cannot steer is refused with a reason and the field, and nothing else suffers."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from generation.engine.checkpoints.control import ControlNet, T2IAdapter, control_load
from generation.engine.checkpoints.controlnet_layout import controlnet_config
from generation.engine.errors import EngineError
from generation.engine.spec import ControlUnit, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeRequest
from tests.engine.test_starting_pictures import drawing
from tests.engine.tiny_control import tiny_controlnet, tiny_controlnet_file, tiny_t2i_adapter


@pytest.fixture(scope="module")
def folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_controlnet(tiny, tmp_path_factory.mktemp("control") / "one")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "diffusion_pytorch_model.safetensors")


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("it ran",))


def bad_files(root: Path, folder: Path) -> dict[str, tuple[str, str]]:
    """By file name the code and a word of the message that it must be refused with."""
    whole = weights(folder)
    misshapen = {**whole, "conv_in.weight": whole["conv_in.weight"][:, :, :2]}
    missing = {
        name: tensor for name, tensor in whole.items() if "down_blocks.1.resnets.0.conv1.w" not in name
    }
    for name, content in (
        ("misshapen", misshapen),
        ("missing", missing),
        ("union", {**whole, "task_embedding": torch.zeros(8)}),
        ("lora", {"lora_unet_down.lora_up.weight": torch.zeros(4)}),
        ("other", {"something.weight": torch.zeros(4)}),
    ):
        save_file({key: tensor.contiguous() for key, tensor in content.items()}, root / f"{name}.safetensors")
    data = (folder / "diffusion_pytorch_model.safetensors").read_bytes()
    (root / "short.safetensors").write_bytes(data[:-100])
    (root / "hostile.pth").write_bytes(pickle.dumps({"conv_in.weight": Harmful()}))
    return {
        "misshapen.safetensors": ("model_corrupt", "conv_in.weight has shape"),
        "missing.safetensors": ("model_corrupt", "down_blocks.1.resnets.0.conv1.weight"),
        "union.safetensors": ("model_unsupported", "Union"),
        "lora.safetensors": ("model_unsupported", "LoRA"),
        "other.safetensors": ("model_unsupported", "neither"),
        "short.safetensors": ("model_corrupt", "bytes"),
        "hostile.pth": ("model_unsafe", "program"),
        "nowhere.safetensors": ("model_missing", "nowhere"),
    }


def test_bad_files_are_refused(folder: Path, tmp_path: Path) -> None:
    for name, (code, word) in bad_files(tmp_path, folder).items():
        with pytest.raises(EngineError) as caught:
            control_load(tmp_path / name, torch.float32)
        assert (caught.value.code, caught.value.field) == (code, "controlnet"), name
        assert word in caught.value.message, name


def test_another_familys_network_is_refused_and_the_engine_goes_on(
    tiny: Path, tiny_xl: Path, folder: Path, tmp_path: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    adapter = tiny_t2i_adapter(tmp_path / "adapter")
    wide = tiny_controlnet(tiny, tmp_path / "wide", block_out_channels=(64, 64))
    xl = tiny_controlnet(tiny_xl, tmp_path / "xl")
    for model, path in ((tiny_xl, folder), (tiny, xl), (tiny_xl, adapter), (tiny, wide)):
        unit = ControlUnit(model=ModelRef(path=path), image=drawing())
        with pytest.raises(EngineError) as caught:
            engine.submit(make_request(model=model, controls=(unit,))).result(TIMEOUT)
        assert (caught.value.code, caught.value.field) == ("model_unsupported", "controlnet")
    assert engine.submit(make_request()).result(TIMEOUT).images


def test_an_unknown_preprocessor_costs_no_load(
    folder: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    unit = ControlUnit(model=ModelRef(path=folder), image=drawing(), preprocessor="cannny")
    with pytest.raises(EngineError) as caught:
        engine.submit(make_request(controls=(unit,))).result(TIMEOUT)
    assert (caught.value.code, caught.value.field) == ("unknown_preprocessor", "controlnet.preprocessor")
    assert engine.stats().loads == 0


def test_a_preprocessor_without_its_files_says_which(
    folder: Path, engine: StepEngine, make_request: MakeRequest
) -> None:
    unit = ControlUnit(model=ModelRef(path=folder), image=drawing(), preprocessor="openpose_full")
    with pytest.raises(EngineError) as caught:
        engine.submit(make_request(controls=(unit,))).result(TIMEOUT)
    assert (caught.value.code, caught.value.field) == ("model_missing", "controlnet.preprocessor")


def test_shapes_show_the_published_configurations() -> None:
    """Of ``lllyasviel/control_v11p_sd15_canny`` and ``diffusers/controlnet-canny-sdxl-1.0``."""
    import diffusers

    classes: Any = diffusers  # which is not typed
    published: dict[str, dict[str, Any]] = {
        "sd15": {"cross_attention_dim": 768},
        "sdxl": {
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "transformer_layers_per_block": [1, 2, 10],
            "attention_head_dim": [5, 10, 20],
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        "small": {
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D",) * 3,
            "mid_block_type": "UNetMidBlock2D",
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
    }
    for config in published.values():
        with torch.device("meta"):
            network = classes.ControlNetModel(**config)
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        found = controlnet_config(shapes)
        with torch.device("meta"):
            again = classes.ControlNetModel.from_config(found)
        assert {name: tuple(tensor.shape) for name, tensor in again.state_dict().items()} == shapes
        for name in set(found) & set(config):
            assert _plain(found[name]) == _plain(config[name]), name


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def test_half_precision_and_the_name_shuffle(folder: Path, tmp_path: Path) -> None:
    file = tiny_controlnet_file(folder, tmp_path / "control_v11e_sd15_shuffle.safetensors", original=True)
    (file.with_suffix(".config") / "config.json").unlink()
    network = control_load(file, torch.float16)
    assert isinstance(network, ControlNet)
    assert network.pooled
    assert network.nbytes == sum(tensor.numel() for tensor in weights(folder).values()) * 2
    adapter = control_load(tiny_t2i_adapter(tmp_path / "light", kind="light_adapter"), torch.float32)
    assert isinstance(adapter, T2IAdapter)
