"""Detectors: real files of ultralytics read without running them, and the ones that come along."""

import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generation.engine.errors import EngineError
from generation.engine.postprocess.catalog import BUILTIN_DETECTORS
from generation.engine.postprocess.compat import ultralytics_tasks
from generation.engine.postprocess.detectors import detect, detector_load
from generation.engine.postprocess.yolo import yolo_load
from generation.engine.postprocess.yolo_file import yolo_read
from generation.engine.spec import limits
from tests.engine.postprocess.pictures import flat_art, photo, smileys

FACE = Path("models_hub/demo/detectors/face.pt")
SIDE = 192
SCENE = [(16, 20, 76, 80), (100, 50, 150, 100), (180, 24, 236, 80)]


@pytest.fixture(scope="module")
def random_yolo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Files of randomly initialised networks, saved as ultralytics saves them."""
    folder = tmp_path_factory.mktemp("yolo")

    def make(layout: str) -> Path:
        file = folder / layout / "random.pt"  # by their own names it would fetch some of them
        if not file.exists():
            file.parent.mkdir()
            ultralytics_tasks()
            from ultralytics import YOLO  # type: ignore[attr-defined]

            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                model: Any = YOLO(f"{layout}.yaml", verbose=False)
                _awaken(model.model)
            model.ckpt = {"train_args": {"imgsz": SIDE}}
            model.save(file)
        return file

    return make


def _picture() -> Image.Image:
    return photo().resize((SIDE, 120))


def _awaken(network: Any) -> None:
    """Let a fresh network find things: statistics of a picture, and last layers that tell places apart."""
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    pixels = torch.from_numpy(np.asarray(photo().resize((SIDE, 128))).copy()).permute(2, 0, 1)[None] / 255.0
    seen: dict[Any, torch.Tensor] = {}
    last = [part for part in network.model[-1].modules() if getattr(part, "bias", None) is not None]
    last = [part for part in last if isinstance(part, torch.nn.Conv2d)]
    with torch.no_grad():
        network.train()(pixels)
        hooks = [
            part.register_forward_pre_hook(lambda part, inputs: seen.update({part: inputs[0]}))
            for part in last
        ]
        network.eval()(pixels)
    for part, hook in zip(last, hooks, strict=True):
        hook.remove()
        is_score = part.out_channels == len(network.names)
        size = float(seen[part].square().mean().sqrt()) * part.in_channels**0.5
        torch.nn.init.normal_(part.weight, std=(1.0 if is_score else 0.2) / size)
        torch.nn.init.constant_(part.bias, -1.0 if is_score else 1.0)


@pytest.mark.parametrize("layout", ["yolov8n", "yolov8n-seg", "yolov10n", "yolo11n", "yolo26n"])
def test_a_network_made_anew_computes_what_ultralytics_own_one_does(
    layout: str, random_yolo: Callable[[str], Path]
) -> None:
    detector = yolo_load(random_yolo(layout))
    from ultralytics import YOLO  # type: ignore[attr-defined]

    model: Any = YOLO(random_yolo(layout))
    theirs = model.model.eval()
    if detector.network.end2end:
        theirs.end2end = True
    pixels = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, same = detector.network(pixels)[0], theirs(pixels)[0]
    for mine, other in zip(ours, same, strict=True) if detector.file.segments else [(ours, same)]:
        assert torch.equal(mine, other)
    assert detector.to(torch.device("cpu")).nbytes > 1_000_000
    assert len(detector.file.labels) == 80


@pytest.mark.parametrize("layout", ["face", "yolov8n-seg", "yolo11n"])
def test_what_is_found_equals_what_ultralytics_finds(
    layout: str, random_yolo: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    file = FACE if layout == "face" else random_yolo(layout)
    image = smileys(256, 128, SCENE) if layout == "face" else _picture()
    detector = yolo_load(file)
    ours = detect(image, detector, 0.3)
    assert capfd.readouterr() == ("", "")
    from ultralytics import YOLO  # type: ignore[attr-defined]

    options: Any = {"conf": 0.3, "max_det": limits.MAX_DETECTIONS, "verbose": False, "save": False}
    model: Any = YOLO(file)
    (theirs,) = model.predict(image, imgsz=detector.file.side, **options)
    assert len(ours) == len(theirs.boxes) > 0
    order = np.argsort(-theirs.boxes.conf.numpy(), kind="stable")
    assert np.allclose([region.score for region in ours], theirs.boxes.conf.numpy()[order], atol=1e-3)
    boxes = np.array([region.box for region in ours])
    assert np.allclose(boxes, theirs.boxes.xyxy.numpy()[order], atol=0.1)
    assert [region.label for region in ours] == [theirs.names[int(theirs.boxes.cls[i])] for i in order]
    if theirs.masks is not None:
        inside = theirs.masks.data[int(order[0])].numpy().mean()
        assert np.mean(np.asarray(ours[0].mask) > 0) == pytest.approx(inside * 128 / 120, rel=0.1)


def test_the_demo_detector_finds_drawn_faces() -> None:
    image = smileys(256, 128, SCENE)
    regions = detect(image, detector_load(FACE), 0.3)
    assert len(regions) == len(SCENE)
    for region, box in zip(sorted(regions, key=lambda each: each.box), SCENE, strict=True):
        assert np.abs(np.array(region.box) - box).max() <= 6
        assert region.label == "face"
        assert (region.mask.size, region.mask.mode) == (image.size, "L")
        assert region.mask.getbbox() == tuple(round(value) for value in region.box)
    assert [region.score for region in regions] == sorted((each.score for each in regions), reverse=True)
    assert detect(Image.new("RGB", (256, 128), "#2448d0"), detector_load(FACE), 0.3) == ()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_pictures_of_any_mode_are_searched(mode: str) -> None:
    assert len(detect(smileys(256, 128, SCENE).convert(mode), detector_load(FACE), 0.2)) >= 2


def test_outlines_lie_where_the_object_is(random_yolo: Callable[[str], Path]) -> None:
    image = _picture()
    for region in detect(image, yolo_load(random_yolo("yolov8n-seg")), 0.3):
        assert set(np.unique(np.asarray(region.mask))) <= {0, 255}
        outer = region.mask.getbbox()
        assert outer is not None
        left, top, right, bottom = region.box
        assert left - 2 <= outer[0] < outer[2] <= right + 2
        assert top - 2 <= outer[1] < outer[3] <= bottom + 2


def test_opencv_finds_faces_in_photographs() -> None:
    (region,) = detect(photo(), detector_load("opencv_face"), 0.3)
    left, top, right, bottom = region.box
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((224, 113), abs=12)
    assert 0.3 < region.score < 1.0
    assert detect(photo(), detector_load("opencv_face"), 0.99) == ()
    assert detect(flat_art(200, 200), detector_load("opencv_face"), 0.3) == ()


def test_a_missing_package_is_named() -> None:
    names = [name for name, builtin in BUILTIN_DETECTORS.items() if builtin.extra == "mediapipe"]
    for name in names:
        with pytest.raises(EngineError, match="mediapipe") as caught:
            detector_load(name)
        assert caught.value.code == "package_missing"
    with pytest.raises(EngineError) as caught:
        detector_load("mediapipe_foot")
    assert (caught.value.code, caught.value.field) == ("invalid_request", "adetailer.detector")


def _refusal(file: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        detector_load(file)
    assert caught.value.hint
    assert file.name in caught.value.message
    return caught.value


def test_other_and_damaged_files_are_refused(tmp_path: Path, random_yolo: Callable[[str], Path]) -> None:
    assert _refusal(tmp_path / "none.pt").code == "model_missing"
    (tmp_path / "text.pt").write_text("no model")
    assert _refusal(tmp_path / "text.pt").code == "model_corrupt"
    (tmp_path / "cut.pt").write_bytes(FACE.read_bytes()[:900_000])
    assert _refusal(tmp_path / "cut.pt").code == "model_corrupt"
    torch.save({"params": {"weight": torch.zeros(3)}}, tmp_path / "upscaler.pt")
    assert _refusal(tmp_path / "upscaler.pt").code == "model_unsupported"
    assert _refusal(random_yolo("yolov8n-cls")).code == "model_unsupported"


Change = Callable[[Any], None]


def _altered(path: Path, change: Change) -> Path:
    """The demo detector with something else in it. It is our own file, so it may be unpickled here."""
    ultralytics_tasks()
    content = torch.load(FACE, weights_only=False)
    change(content)
    torch.save(content, path)
    return path


def _drop_tensor(content: Any) -> None:
    del content["model"].model[0].conv._parameters["weight"]


def _huge(content: Any) -> None:
    content["model"].yaml["backbone"][0][3][0] = 2**40


def _wide(content: Any) -> None:
    content["model"].yaml["backbone"][-2][3][0] = 65_536
    content["model"].yaml["scales"]["n"] = [1.0, 64.0, 65_536]


def _endless(content: Any) -> None:
    content["model"].yaml["backbone"][2][1] = 10**9


def _no_labels(content: Any) -> None:
    content["model"].names = {}


def _loop(content: Any) -> None:
    content["model"]._modules["model"]._modules["again"] = content["model"]


@pytest.mark.parametrize("change", [_drop_tensor, _huge, _wide, _endless, _no_labels, _loop])
def test_files_that_contradict_themselves_are_refused_before_they_cost_anything(
    change: Change, tmp_path: Path
) -> None:
    assert _refusal(_altered(tmp_path / "odd.pt", change)).code == "model_corrupt"


def _activation(content: Any) -> None:
    content["model"].yaml["activation"] = "__import__('os').system('touch boom')"


def _layer(content: Any) -> None:
    content["model"].yaml["backbone"][0][2] = "TorchVision"


def _function(content: Any) -> None:
    content["model"].yaml["backbone"][0][2] = "yaml_model_load"


@pytest.mark.parametrize("change", [_activation, _layer, _function])
def test_a_layout_cannot_run_anything(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _altered(tmp_path / "odd.pt", change)
    monkeypatch.chdir(tmp_path)
    assert _refusal(file).code in {"model_corrupt", "model_unsupported"}
    assert not (tmp_path / "boom").exists()


class Calls:
    """Pickled as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def _hostile(mark: Path) -> dict[str, Calls]:
    command = f"touch {mark}"
    return {
        "system": Calls(os.system, command),
        "eval": Calls(eval, f"open({str(mark)!r}, 'w')"),
        "exec": Calls(exec, f"open({str(mark)!r}, 'w')"),
        "subprocess": Calls(subprocess.call, ["touch", str(mark)]),
        "torch.load": Calls(torch.load, str(FACE)),
        "import": Calls(__import__, "antigravity"),
        "unpickle": Calls(pickle.loads, pickle.dumps(Calls(os.system, command))),
    }


@pytest.mark.parametrize("name", _hostile(Path()))
def test_hostile_pickles_are_refused(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "boom"
    bomb = _hostile(mark)[name]
    torch.save({"model": bomb}, tmp_path / "bomb.pt")
    assert _refusal(tmp_path / "bomb.pt").code == "model_unsafe"
    hidden = _altered(tmp_path / "hidden.pt", lambda content: content.update(train_args={"imgsz": bomb}))
    assert _refusal(hidden).code == "model_unsafe"
    assert not mark.exists()


def test_calls_of_known_names_do_nothing(tmp_path: Path) -> None:
    """Everything that real files may name is a husk here: even a call of it makes no more than another."""
    tasks = ultralytics_tasks()
    calls = {
        "build": Calls(tasks.DetectionModel, "nowhere.yaml"),
        "load": Calls(tasks.load_checkpoint, str(FACE)),
        "getattr": Calls(getattr, torch.nn.Linear, "forward"),
        "large": Calls(torch.nn.Linear, 2**20, 2**20),
    }
    torch.save({"model": None, **calls}, tmp_path / "calls.pt")
    assert _refusal(tmp_path / "calls.pt").code == "model_unsupported"


def test_hooks_of_a_file_are_never_called(tmp_path: Path) -> None:
    def change(content: Any) -> None:
        content["model"].__dict__["forward"] = ultralytics_tasks().torch_safe_load
        content["model"]._forward_hooks = OrderedDict({0: ultralytics_tasks().torch_safe_load})

    detector = yolo_load(_altered(tmp_path / "hooked.pt", change))
    assert "forward" not in vars(detector.network)
    assert len(detect(smileys(256, 128, SCENE), detector, 0.3)) == len(SCENE)


def test_reading_leaves_no_trace_in_pytorchs_list() -> None:
    with torch.serialization.safe_globals([ultralytics_tasks().DetectionModel]):  # as its own loader does it
        before = set(torch.serialization.get_safe_globals())
        file = yolo_read(FACE)
        assert (file.labels, file.side, file.segments) == (("face",), 128, False)
        assert set(torch.serialization.get_safe_globals()) == before


QUIET_IMPORT = """
import os, socket, sys, torch, cv2
before, save, threads, files = dict(os.environ), torch.save, cv2.getNumThreads(), os.listdir()
def refuse(*arguments, **options): raise SystemExit("it asked for the network")
socket.socket.connect = socket.getaddrinfo = refuse
from pathlib import Path
from PIL import Image
from generation.engine.postprocess.detectors import detect, detector_load
detect(Image.new("RGB", (64, 64)), detector_load(Path(sys.argv[1])), 0.3)
assert dict(os.environ) == before, set(os.environ) ^ set(before)
assert torch.save is save and cv2.getNumThreads() == threads and os.listdir() == files
"""


def test_ultralytics_stays_quiet_offline_and_out_of_the_folder(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", QUIET_IMPORT, str(FACE.resolve())],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
