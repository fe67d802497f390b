"""Face restoration by the real networks at random: found, aligned, painted and put back where they were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generation.engine.errors import EngineError
from generation.engine.postprocess import face_finding
from generation.engine.postprocess.face_finding import (
    DETECTION,
    FOLDER,
    PARSING,
    faces_find,
    helper_load,
)
from generation.engine.postprocess.faces import TEMPLATE, FaceRestorer, face_restorer_load, restore
from generation.engine.postprocess.networks import Network
from generation.engine.postprocess.upscaling import upscaler_load
from generation.engine.scripts import finishing
from generation.engine.slices import run_through
from generation.engine.spec import FaceRestoration, ModelRef, ProcessRequest, Progress
from tests.engine.conftest import TIMEOUT, MakeEngine
from tests.engine.postprocess import networks
from tests.engine.postprocess.pictures import flat_art, furthest

SIZE = (64, 60)
"""So small that RetinaFace's largest boxes are all the same face."""


@pytest.fixture(scope="module")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RetinaFace at random, but sure of one face in the middle, and ParseNet at random."""
    from facexlib.detection.retinaface import RetinaFace

    folder = tmp_path_factory.mktemp("helpers")
    (folder / FOLDER).mkdir()
    finder = networks.seeded(lambda: RetinaFace("resnet50", device=torch.device("cpu")))
    with torch.no_grad():
        _one_face(finder)
    tensors = {
        f"module.{key}": value for key, value in finder.state_dict().items()
    }  # as the real file has them
    torch.save(tensors, folder / FOLDER / DETECTION)
    torch.save(parsenet(base_ch=64, ch_range=[32, 256]).state_dict(), folder / FOLDER / PARSING)
    return folder


def parsenet(**sizes: Any) -> torch.nn.Module:
    from facexlib.parsing.parsenet import ParseNet

    return networks.seeded(lambda: ParseNet(in_size=512, out_size=512, parsing_ch=19, **sizes))


def _one_face(finder: Any) -> None:
    """Only the coarsest grid's boxes of 256 pixels are sure; eyes, nose and mouth lie around their middle."""
    for boxes in finder.BboxHead:
        boxes.conv1x1.weight.zero_()
        boxes.conv1x1.bias.zero_()
    for level, (scores, points) in enumerate(zip(finder.ClassHead, finder.LandmarkHead, strict=True)):
        scores.conv1x1.weight.zero_()
        scores.conv1x1.bias.copy_(torch.tensor([0.0, 9.0 if level == 2 else -9.0, 0.0, -9.0]))
        points.conv1x1.weight.zero_()
        shares = (torch.from_numpy(TEMPLATE).float() / 512.0 - 0.5) * 0.2  # a tenth to a quarter of the box
        points.conv1x1.bias.copy_((shares / 0.1).flatten().repeat(2))


@pytest.fixture(scope="module")
def gfpgan() -> Network:
    """The real class, narrower than any published one: spandrel itself knows full width alone."""
    from spandrel import ImageModelDescriptor
    from spandrel.architectures.GFPGAN import GFPGAN, GFPGANArch

    model = networks.seeded(lambda: GFPGAN(narrow=0.125))
    descriptor: Network = ImageModelDescriptor(
        model, model.state_dict(), GFPGANArch(), "FaceSR", [],
        supports_half=False, supports_bfloat16=True, scale=1, input_channels=3, output_channels=3,
    )  # fmt: skip
    return descriptor


@pytest.fixture(scope="module")
def parser() -> torch.nn.Module:
    """The real class at its narrowest, sure that every pixel is skin."""
    network = parsenet(base_ch=4, ch_range=[4, 16], res_depth=1).requires_grad_(requires_grad=False)
    network.get_parameter("out_mask_conv.conv2d.bias")[1] = 1e4
    return network


@pytest.fixture(scope="module")
def restorer(helpers: Path, gfpgan: Network, parser: torch.nn.Module) -> FaceRestorer:
    return FaceRestorer(gfpgan, helper_load(helpers, DETECTION), parser)


def restored(
    image: Image.Image, restorer: FaceRestorer, visibility: float = 1.0, fidelity: float = 0.5
) -> Image.Image:
    return run_through(restore(image, restorer, visibility, fidelity))


def test_the_face_changes_and_nothing_else(restorer: FaceRestorer) -> None:
    image = flat_art(*SIZE)
    (face,) = faces_find(np.asarray(image), restorer.finder)
    result = restored(image, restorer)
    assert (result.size, result.mode) == (image.size, "RGB")
    change = np.abs(np.asarray(result, np.int64) - np.asarray(image)).max(axis=2)
    x, y = face.points.mean(axis=0).round().astype(int)
    assert change[y, x] > 5
    reach = np.abs(face.points[:2, 0] - face.points[2, 0]).max() * 5.2
    rows, columns = np.nonzero(change)
    assert np.abs(columns - x).max() <= reach
    assert np.abs(rows - y).max() <= reach
    assert (change == 0).any()
    assert furthest(restored(image, restorer), result) == 0  # no noise of its own


def test_visibility_blends(restorer: FaceRestorer) -> None:
    image = flat_art(*SIZE)
    whole = np.asarray(restored(image, restorer), np.float64)
    half = np.asarray(restored(image, restorer, visibility=0.5), np.float64)
    assert np.abs(half - (whole + np.asarray(image)) / 2).max() <= 1
    assert furthest(restored(image, restorer, visibility=0.0), image) == 0


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_modes_and_transparency_are_kept(restorer: FaceRestorer, mode: str) -> None:
    image = flat_art(*SIZE).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(SIZE))
    result = restored(image, restorer)
    assert (result.mode, result.size) == (mode, SIZE)
    if mode == "RGBA":
        assert furthest(result.getchannel("A"), image.getchannel("A")) == 0


def test_a_face_that_is_painted_as_it_was_comes_back_to_its_place(
    restorer: FaceRestorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FaceRestorer, "paint", lambda self, face, fidelity: face)
    image = flat_art(*SIZE).resize(SIZE, Image.Resampling.BICUBIC)
    smooth = image.resize((16, 15)).resize(SIZE, Image.Resampling.BICUBIC)
    assert furthest(restored(smooth, restorer), smooth) <= 6


def test_a_picture_without_faces_stays_itself(restorer: FaceRestorer) -> None:
    bias = restorer.finder.get_parameter("ClassHead.2.conv1x1.bias")
    before = bias.clone()
    bias[1] = -9.0
    try:
        image = flat_art(*SIZE)
        assert restored(image, restorer) is image
    finally:
        bias.copy_(before)


def test_every_face_of_several_is_a_slice(restorer: FaceRestorer) -> None:
    image = flat_art(160, 64, seed=2)
    faces = faces_find(np.asarray(image), restorer.finder)
    assert 2 <= len(faces) <= 4
    slices = restore(image, restorer, 1.0, 0.5)
    assert next(slices).done == 0
    assert [next(slices).done for _ in faces] == list(range(len(faces)))
    slices.close()
    assert not torch.is_inference_mode_enabled()


def test_faces_are_found_where_facexlibs_own_search_finds_them(helpers: Path) -> None:
    from facexlib.detection.retinaface import RetinaFace

    network: Any = networks.seeded(lambda: RetinaFace("resnet50", device=torch.device("cpu")), seed=5)
    network.requires_grad_(requires_grad=False)
    pixels = np.asarray(flat_art(120, 90, seed=4))
    with torch.no_grad():
        for head in (*network.ClassHead, *network.BboxHead, *network.LandmarkHead):
            head.conv1x1.weight /= 100.0  # random features are large, and would make every place sure
        image = torch.from_numpy(pixels[..., ::-1].astype(np.float32)).permute(2, 0, 1)[None]
        scores = network(image - network.mean_tensor)[1][0, :, 1]
    sure = float(scores.sort().values[-40:-38].mean())
    theirs = network.detect_faces(pixels[..., ::-1], sure, 0.4)
    theirs = theirs[np.linalg.norm(theirs[:, 5:7] - theirs[:, 7:9], axis=1) >= 5]
    ours = faces_find(pixels, network, sure)
    assert len(ours) == len(theirs) > 0
    assert np.allclose([face.score for face in ours], theirs[:, 4], atol=1e-5)
    assert np.allclose([face.points.flatten() for face in ours], theirs[:, 5:], atol=1e-2)


def test_large_pictures_are_searched_smaller(restorer: FaceRestorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_finding, "SEARCH_SIDE", 64)
    small = faces_find(np.asarray(flat_art(64, 64)), restorer.finder)
    large = faces_find(np.asarray(Image.new("RGB", (128, 128))), restorer.finder)
    assert len(small) == len(large)
    assert np.allclose(large[0].points, 2 * small[0].points, atol=1e-3)


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("restorers")

    def make(name: str) -> Path:
        from spandrel.architectures.GFPGAN import GFPGAN
        from spandrel_extra_arches.architectures.CodeFormer import CodeFormer

        file = folder / f"{name}.pth"
        if not file.exists():
            model = networks.seeded({"GFPGANv1.4": GFPGAN, "codeformer": CodeFormer}[name])
            networks.saved(model.half(), file)
        return file

    return make


@pytest.mark.parametrize(("name", "kind"), [("GFPGANv1.4", "GFPGAN"), ("codeformer", "CodeFormer")])
def test_both_kinds_are_recognised(
    name: str, kind: str, full_size: Callable[[str], Path], helpers: Path
) -> None:
    loaded = face_restorer_load(full_size(name), helpers, torch.float32)
    assert loaded.network.architecture.id == kind
    assert loaded.network.dtype == torch.float32
    assert loaded.to(torch.device("cpu")).nbytes > 300 * 2**20


def test_codeformer_paints_with_its_weight(
    full_size: Callable[[str], Path], helpers: Path, parser: torch.nn.Module
) -> None:
    loaded = face_restorer_load(full_size("codeformer"), helpers, torch.float32)
    with pytest.raises(EngineError, match="face restorer") as caught:
        upscaler_load(full_size("codeformer"), torch.float32)
    assert caught.value.code == "model_unsupported"
    loaded.parser = parser
    seen: list[Any] = []  # a second picture for comparison would take half a minute
    fuse = loaded.network.model.get_submodule("fuse_convs_dict.32")
    fuse.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    image = flat_art(*SIZE)
    assert furthest(restored(image, loaded, fidelity=0.75), image) > 5
    assert seen == [0.75]


def _refusal(path: Path, helpers: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        face_restorer_load(path, helpers, torch.float32)
    return caught.value


def test_what_is_missing_wrong_or_damaged_is_said(helpers: Path, tmp_path: Path) -> None:
    upscaler = Path("models_hub/demo/upscalers/x2.safetensors")
    wrong = _refusal(upscaler, helpers)
    assert (wrong.code, "RealESRGAN Compact" in wrong.message) == ("model_unsupported", True)
    missing = _refusal(upscaler, tmp_path)
    assert missing.code == "model_missing"
    assert DETECTION in missing.message
    assert "https://" in missing.hint
    assert str(tmp_path / FOLDER) in missing.hint
    (tmp_path / FOLDER).mkdir()
    networks.saved(networks.compact(), tmp_path / FOLDER / DETECTION)
    assert _refusal(upscaler, tmp_path).code == "model_corrupt"
    (tmp_path / FOLDER / DETECTION).write_bytes((helpers / FOLDER / DETECTION).read_bytes()[:50_000_000])
    assert _refusal(upscaler, tmp_path).code == "model_corrupt"
    torch.save({"state": Path.cwd}, tmp_path / FOLDER / DETECTION)
    assert _refusal(upscaler, tmp_path).code == "model_unsafe"


def test_the_engine_restores_a_face_per_slice(
    restorer: FaceRestorer, helpers: Path, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The smallest network that spandrel would read from a file has 350 MB.
    monkeypatch.setattr(finishing, "face_restorer_load", lambda *_: restorer)
    engine = make_engine(helpers=helpers)
    seen: list[Progress] = []
    step = FaceRestoration(model=ModelRef(path=helpers / "gfpgan.pth", digest="g"), visibility=0.5)
    request = ProcessRequest(images=(flat_art(*SIZE),), steps=(step,))
    [image] = engine.submit(request, on_progress=seen.append).result(TIMEOUT).images
    assert image.tobytes() == restored(flat_art(*SIZE), restorer, visibility=0.5).tobytes()
    assert "restoring" in {progress.status for progress in seen}


@pytest.mark.parametrize("known", [True, False])
def test_the_engine_says_what_face_restoration_lacks(
    known: bool, make_engine: MakeEngine, tmp_path: Path
) -> None:
    engine = make_engine(helpers=tmp_path if known else None)
    step = FaceRestoration(model=ModelRef(path=tmp_path / "gfpgan.pth"))
    with pytest.raises(EngineError) as caught:
        engine.submit(ProcessRequest(images=(flat_art(*SIZE),), steps=(step,))).result(TIMEOUT)
    assert caught.value.code == "model_missing"
    assert "faces" in caught.value.hint
