"""Preprocessors with networks: real loading code on real architectures with small files of random weights.

Random weights draw no meaningful map, so the maps are compared with those that controlnet-aux makes with its
own loading code of the same files. ``SDWEB_TEST_WEIGHTS`` may name a folder with trained weights that cannot
be part of this project; the tests of what they see are skipped without it.
"""

import os
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from generation.engine.errors import EngineError
from generation.engine.preprocess.annotator import quiet
from generation.engine.preprocess.catalog import preprocessor_info
from generation.engine.preprocess.loading import FOLDER, NETWORKS, annotator_load
from generation.engine.preprocess.subject import pixels_at
from generation.engine.spec import Parameter
from tests.engine.preprocess import networks
from tests.engine.preprocess.drawing import made, photo, pixels, square
from tests.engine.preprocess.networks import RELEASED, Released
from tests.engine.preprocess.weights import saved, state

ONE_PER_NETWORK = {preprocessor_info(name).files: name for name in NETWORKS}.values()
FROM_TORCH = [
    name for name in ONE_PER_NETWORK if preprocessor_info(name).files[0].name.endswith((".pth", ".pt"))
]


@pytest.fixture(scope="session")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine's folder of helper files, with all that controlnet-aux has but people's poses."""
    folder = tmp_path_factory.mktemp("helpers")
    for released in RELEASED:
        released.write(folder)
    return folder


class Case(NamedTuple):
    """A preprocessor, and how the library is asked for the same."""

    name: str
    released: Released
    parameters: dict[str, Parameter] = {}
    options: dict[str, Any] = {}


CASES = (
    Case("softedge_hed", networks.HED),
    Case("softedge_hedsafe", networks.HED, options={"safe": True}),
    Case("scribble_hed", networks.HED, options={"scribble": True}),
    Case("softedge_pidinet", networks.PIDINET),
    Case("softedge_pidisafe", networks.PIDINET, options={"safe": True}),
    Case("scribble_pidinet", networks.PIDINET, options={"scribble": True}),
    Case("t2ia_sketch_pidi", networks.PIDINET, options={"apply_filter": True}),
    Case("mlsd", networks.MLSD),
    Case("mlsd", networks.MLSD, {"mlsd_value": 0.6, "mlsd_distance": 15}, {"thr_v": 0.6, "thr_d": 15}),
    Case("softedge_teed", networks.TEED),
    Case("softedge_teed", networks.TEED, {"safe_steps": 0}, {"safe_steps": 0}),
    Case("softedge_anyline", networks.ANYLINE),
    Case("lineart_realistic", networks.LINEART),
    Case("lineart_coarse", networks.LINEART_COARSE),
    Case("lineart_anime", networks.LINEART_ANIME),
    Case("depth_midas", networks.MIDAS),
    Case("normal_bae", networks.NORMAL_BAE),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.name, *case.parameters]))
def test_the_map_is_that_of_the_library(
    case: Case, helpers: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    name = case.name
    annotator = annotator_load(name, helpers)
    ours = made(name, photo(), resolution=64, parameters=case.parameters, annotator=annotator)
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn] == []
    assert ours.size == (128, 64)
    assert case.released.detector is not None
    keeps_size = name in {"softedge_teed", "softedge_anyline"}
    sizes = {"detect_resolution": 64} | ({} if keeps_size else {"image_resolution": 64})
    detector = case.released.detector(helpers)
    with quiet():
        theirs = detector(pixels_at(photo(), 64), output_type="np", **sizes, **case.options)
    difference = np.abs(pixels(ours) - theirs)
    # Weights that lie differently in memory are summed up in another order: rounding may differ by one.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize(
    "name",
    ["softedge_hed", "softedge_pidinet", "mlsd", "softedge_teed", "lineart_realistic", "depth_leres"],
)
def test_the_map_depends_on_the_picture_and_on_nothing_else(name: str, helpers: Path) -> None:
    chance = torch.random.get_rng_state()
    annotator = annotator_load(name, helpers)
    assert annotator is not None
    assert annotator.nbytes > 200_000
    assert annotator.to(torch.device("cpu")) is annotator
    first, again, other = (
        made(name, picture, annotator=annotator, resolution=64) for picture in (photo(), photo(), square())
    )
    assert first.mode == "RGB"
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert not any(weight.requires_grad for module in annotator.modules for weight in module.parameters())
    assert not any(module.training for module in annotator.modules)
    assert torch.equal(torch.random.get_rng_state(), chance)


def test_depth_is_cut_off_near_and_far(helpers: Path) -> None:
    annotator = annotator_load("depth_leres", helpers)
    whole, no_near, no_far = (
        pixels(made("depth_leres", photo(), resolution=64, annotator=annotator, parameters=parameters))
        for parameters in ({}, {"remove_near": 40.0}, {"remove_background": 40.0})
    )
    # The near 40 percent go to the farthest value before the map is inverted, hence white.
    assert (no_near[whole > 0.61 * 255] == 255).all()
    assert (no_near[whole < 0.59 * 255] == whole[whole < 0.59 * 255]).all()
    assert not no_far[whole < 0.39 * 255].any()
    assert (no_far[whole > 0.41 * 255] == whole[whole > 0.41 * 255]).all()
    assert 0.05 < (whole > 0.6 * 255).mean() < 0.95


def test_normals_of_the_background_are_flat(helpers: Path) -> None:
    annotator = annotator_load("normal_midas", helpers)
    bare, flat = (
        pixels(
            made(
                "normal_midas",
                photo(),
                resolution=64,
                annotator=annotator,
                parameters={"background_threshold": threshold},
            )
        )
        for threshold in (0.0, 1.0)
    )
    towards_us = np.array([255, 127, 127])  # blue, green, red in the library's order
    assert (np.abs(flat - towards_us).max(axis=2) <= 1).mean() > 0.99
    assert (np.abs(bare - towards_us).max(axis=2) > 1).mean() > 0.01


def test_safetensors_of_the_same_name_come_first(tmp_path: Path) -> None:
    expected = networks.PIDINET.write(tmp_path, seed=1)
    first = made("pidinet", photo(), annotator=annotator_load("pidinet", tmp_path))
    weights = {
        name: weight.contiguous() for name, weight in state(networks.PIDINET.construct, seed=2).items()
    }
    save_file(weights, expected.with_suffix(".safetensors"))
    second = made("pidinet", photo(), annotator=annotator_load("pidinet", tmp_path))
    expected.unlink()
    alone = made("pidinet", photo(), annotator=annotator_load("pidinet", tmp_path))
    assert first.tobytes() != second.tobytes() == alone.tobytes()


def test_half_precision_files_are_computed_in_full(tmp_path: Path) -> None:
    halves = {name: weight.half() for name, weight in state(networks.PIDINET.construct).items()}
    saved(tmp_path / FOLDER / "table5_pidinet.pth", halves)
    annotator = annotator_load("softedge_pidinet", tmp_path)
    assert annotator is not None
    assert {weight.dtype for weight in annotator.modules[0].parameters()} == {torch.float32}
    made("softedge_pidinet", photo(), annotator=annotator)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_missing_file_is_named_with_its_source(name: str, tmp_path: Path) -> None:
    file = preprocessor_info(name).files[0]
    for helpers in (tmp_path, None):
        with pytest.raises(EngineError) as caught:
            annotator_load(name, helpers)
        assert (caught.value.code, caught.value.field) == ("model_missing", "controlnet.preprocessor")
        assert file.name in caught.value.message
        assert file.url in caught.value.hint
        assert f"annotators/{file.name}" in caught.value.hint
        assert "models hub" in caught.value.hint


class Hostile:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def refused(name: str, helpers: Path) -> str:
    """The code of the error that loading raises."""
    with pytest.raises(EngineError) as caught:
        annotator_load(name, helpers)
    assert caught.value.field == "controlnet.preprocessor"
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("name", FROM_TORCH)
def test_hostile_and_broken_files_are_refused(name: str, tmp_path: Path) -> None:
    harmed = tmp_path / "harmed"
    paths = [tmp_path / FOLDER / file.name for file in preprocessor_info(name).files]
    for path in paths:
        saved(path, {"weight": torch.ones(3)})
    whole = paths[0].read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no weights at all"):
        paths[0].write_bytes(content)
        assert refused(name, tmp_path) in {"model_corrupt", "model_unsafe"}
    paths[0].write_bytes(pickle.dumps({"weight": Hostile(harmed)}, protocol=2))
    assert refused(name, tmp_path) == "model_unsafe"
    torch.save({"state_dict": {"weight": Hostile(harmed)}}, paths[0])
    assert refused(name, tmp_path) == "model_unsafe"
    assert not harmed.exists()


@pytest.mark.parametrize("name", FROM_TORCH)
def test_weights_of_another_network_are_refused(name: str, tmp_path: Path) -> None:
    for file in preprocessor_info(name).files:
        saved(tmp_path / FOLDER / file.name, {"state_dict": {"weight": torch.ones(3)}, "epoch": 4})
    assert refused(name, tmp_path) == "model_corrupt"


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    weights = state(networks.PIDINET.construct)
    name = next(iter(weights))
    saved(tmp_path / FOLDER / "table5_pidinet.pth", weights | {name: torch.ones(1, 2, 3)})
    assert refused("softedge_pidinet", tmp_path) == "model_corrupt"


TRAINED = Path(os.environ.get("SDWEB_TEST_WEIGHTS", "/nowhere"))


@pytest.mark.skipif(not (TRAINED / "table5_pidinet.pth").is_file(), reason="no trained weights at hand")
def test_trained_pidinet_sees_the_square(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "table5_pidinet.pth").symlink_to(TRAINED / "table5_pidinet.pth")
    annotator = annotator_load("softedge_pidinet", tmp_path)
    edges = pixels(made("softedge_pidinet", square(), annotator=annotator))[:, :, 0]
    border = [edges[60, 40], edges[60, 100], edges[30, 70], edges[90, 70]]
    assert min(border) > 150
    assert edges[50:70, 60:80].max() < 60
    assert edges[100:, 130:].max() < 60
    safe = pixels(made("softedge_pidisafe", square(), annotator=annotator_load("pidinet_safe", tmp_path)))
    assert len(np.unique(safe)) <= 4
    sketch = pixels(
        made("t2ia_sketch_pidi", square(), annotator=annotator_load("t2ia_sketch_pidi", tmp_path))
    )
    assert set(np.unique(sketch)) == {0, 255}


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["softedge_hed", "lineart_realistic", "mlsd", "depth_midas", "normal_bae"])
def test_a_gpu_draws_the_same(name: str, helpers: Path) -> None:
    annotator = annotator_load(name, helpers)
    assert annotator is not None
    on_cpu = pixels(made(name, photo(), annotator=annotator, resolution=64))
    moved = annotator.to(torch.device("cuda"))
    on_gpu = [pixels(made(name, photo(), annotator=moved, resolution=64)) for _ in range(2)]
    assert np.abs(on_gpu[0] - on_cpu).mean() < 3
    assert (on_gpu[0] == on_gpu[1]).all()
