"""Depth and segmentation by models that transformers defines, on tiny folders of the real classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BeitConfig,
    ConvNextConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    UperNetConfig,
    UperNetForSemanticSegmentation,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
)

from generation.engine.errors import EngineError
from generation.engine.preprocess.annotator import library
from generation.engine.preprocess.catalog import preprocessor_info
from generation.engine.preprocess.loading import FOLDER, annotator_load
from tests.engine.preprocess.drawing import made, photo, pixels, square
from tests.engine.preprocess.weights import saved

NAMES = ("depth_anything", "depth_anything_v2", "depth_zoe", "seg_ofade20k")


def _config(kind: Any, **values: Any) -> Any:
    """Of values that the classes take by other means than their annotations."""
    return kind(**values)


def _depth_anything() -> Any:
    backbone = _config(
        Dinov2Config,
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, image_size=70, patch_size=14,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = _config(
        DepthAnythingConfig,
        backbone_config=backbone, reassemble_hidden_size=32, patch_size=14, neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16, head_hidden_size=8,
    )  # fmt: skip
    return DepthAnythingForDepthEstimation(config)


def _zoe() -> Any:
    backbone = _config(
        BeitConfig,
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=64, image_size=64,
        patch_size=16, use_relative_position_bias=True, reshape_hidden_states=False,
        out_indices=[1, 2, 3, 4],
    )  # fmt: skip
    config = _config(
        ZoeDepthConfig,
        backbone_config=backbone, backbone_hidden_size=32, neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16, bottleneck_features=16, num_relative_features=8,
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0}],
    )  # fmt: skip
    return ZoeDepthForDepthEstimation(config)


def _upernet(kinds: int = 150) -> Any:
    backbone = _config(
        ConvNextConfig,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = _config(
        UperNetConfig,
        backbone_config=backbone, hidden_size=16, auxiliary_channels=8, num_labels=kinds,
        auxiliary_in_channels=16,
    )  # fmt: skip
    return UperNetForSemanticSegmentation(config)


BUILD = {
    "depth_anything": _depth_anything,
    "depth_anything_v2": _depth_anything,
    "depth_zoe": _zoe,
    "seg_ofade20k": _upernet,
}


def folder_of(name: str, helpers: Path) -> Path:
    return (helpers / FOLDER / preprocessor_info(name).files[0].name).parent


def written(name: str, helpers: Path, model: Any = None) -> Path:
    """The folder of a random model, as transformers saves it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = BUILD[name]() if model is None else model
        for weight in model.parameters():
            if weight.dim() > 1:  # transformers' own start is so small that nothing is to be seen
                torch.nn.init.kaiming_uniform_(weight)
    model.save_pretrained(folder_of(name, helpers))
    return folder_of(name, helpers)


@pytest.mark.parametrize("name", NAMES)
def test_it_sees_the_picture(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written(name, tmp_path)
    capfd.readouterr()
    chance = torch.random.get_rng_state()
    annotator = annotator_load(name, tmp_path)
    assert annotator is not None
    assert annotator.nbytes > 10_000
    first, again, other = (
        made(name, picture, annotator=annotator) for picture in (photo(), photo(), square())
    )
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.random.get_rng_state(), chance)
    assert (first.mode, first.size) == ("RGB", (192, 128))
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert pixels(first).std() > 5


@pytest.mark.parametrize("name", ["depth_anything", "depth_zoe"])
def test_depth_uses_all_greys(name: str, tmp_path: Path) -> None:
    written(name, tmp_path)
    depth = pixels(made(name, photo(), annotator=annotator_load(name, tmp_path)))
    assert (depth[:, :, 0] == depth[:, :, 1]).all()
    assert (depth.min(), depth.max()) == (0, 255)


def test_depth_is_inverse_for_the_one_and_metric_for_the_other(tmp_path: Path) -> None:
    for name in ("depth_anything", "depth_zoe"):
        written(name, tmp_path)
        annotator = annotator_load(name, tmp_path)
        assert annotator is not None
        seen = pixels(made(name, photo(), annotator=annotator))[:, :, 0]
        model: Any = annotator.modules[0]
        assert model.config.model_type in ("depth_anything", "zoedepth")
        mean, deviation = (
            ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if "any" in name else ((0.5,) * 3,) * 2
        )
        colours = (torch.from_numpy(pixels(photo()) / 255.0) - torch.tensor(mean)) / torch.tensor(deviation)
        batch = colours.permute(2, 0, 1)[None].float()
        batch = torch.nn.functional.interpolate(batch, (126, 196) if "any" in name else (128, 192))
        with torch.no_grad():
            depth = model(pixel_values=batch).predicted_depth[None]
        raw = torch.nn.functional.interpolate(depth, (128, 192))[0, 0].numpy()
        likeness = np.corrcoef(raw.ravel(), seen.ravel())[0, 1]
        assert likeness > 0.5 if "any" in name else likeness < -0.5


def test_every_kind_has_its_colour_of_ade20k(tmp_path: Path) -> None:
    model = _upernet()
    with torch.no_grad():
        model.decode_head.classifier.weight.zero_()
        model.decode_head.classifier.bias.copy_(torch.arange(150) == 12)
    folder = folder_of("seg_ofade20k", tmp_path)
    model.save_pretrained(folder)
    result = made("segmentation", photo(), annotator=annotator_load("segmentation", tmp_path))
    assert result.getcolors() == [(192 * 128, (150, 5, 61))]  # person
    palette = {tuple(colour) for colour in library("util").ade_palette()}
    written("seg_ofade20k", tmp_path)
    varied = made("segmentation", photo(), annotator=annotator_load("segmentation", tmp_path))
    colours = {colour for _, colour in varied.getcolors() or []}
    assert len(colours) > 1
    assert colours <= palette


def test_pickled_weights_are_read_without_running_them(tmp_path: Path) -> None:
    folder = written("seg_ofade20k", tmp_path)
    expected = made("seg_ofade20k", photo(), annotator=annotator_load("seg_ofade20k", tmp_path))
    from safetensors.torch import load_file

    saved(folder / "pytorch_model.bin", load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    assert preprocessor_info("seg_ofade20k").files[1].name.endswith("pytorch_model.bin")
    annotator = annotator_load("seg_ofade20k", tmp_path)
    assert made("seg_ofade20k", photo(), annotator=annotator).tobytes() == expected.tobytes()


def refusal(name: str, helpers: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        annotator_load(name, helpers)
    assert caught.value.field == "controlnet.preprocessor"
    return caught.value


def _change(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_folders_that_are_something_else_are_refused(tmp_path: Path) -> None:
    model = _depth_anything()
    folder = folder_of("depth_zoe", tmp_path)
    model.save_pretrained(folder)
    error = refusal("depth_zoe", tmp_path)
    assert error.code == "model_corrupt"
    assert "depth_anything" in error.message
    for config in (
        "{",
        "[]",
        "{}",
        json.dumps({"model_type": "no_such"}),
        json.dumps({"model_type": "bert"}),
    ):
        (folder / "config.json").write_text(config)
        assert refusal("depth_zoe", tmp_path).code == "model_corrupt"


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = written("depth_anything", tmp_path)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    assert refusal("depth_anything", tmp_path).code == "model_corrupt"
    (folder / "model.safetensors").write_bytes(whole)
    _change(folder, fusion_hidden_size=24)
    assert refusal("depth_anything", tmp_path).code == "model_corrupt"
    written("seg_ofade20k", tmp_path)
    other = folder_of("seg_ofade20k", tmp_path) / "model.safetensors"
    other.rename(folder / "model.safetensors")
    _change(folder, fusion_hidden_size=16)
    assert refusal("depth_anything", tmp_path).code == "model_corrupt"


def test_nothing_is_fetched_from_elsewhere(tmp_path: Path) -> None:
    folder = written("depth_anything", tmp_path)
    for change in ({"backbone": "resnet50"}, {"use_pretrained_backbone": True}):
        before = (folder / "config.json").read_text()
        _change(folder, **change)
        assert refusal("depth_anything", tmp_path).code == "model_corrupt"
        (folder / "config.json").write_text(before)
    annotator_load("depth_anything", tmp_path)


def test_more_kinds_than_colours_are_refused(tmp_path: Path) -> None:
    written("seg_ofade20k", tmp_path, _upernet(kinds=151))
    assert "151" in refusal("seg_ofade20k", tmp_path).message
