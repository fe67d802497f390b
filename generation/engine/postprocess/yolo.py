"""Detectors of ultralytics: networks made anew from a file's layout and tensors, and what they find."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import cv2
import numpy as np
import torch
from PIL import Image

from generation.engine.checkpoints.header import corrupt
from generation.engine.errors import EngineError
from generation.engine.postprocess.compat import ultralytics_tasks
from generation.engine.postprocess.regions import Region, box_mask
from generation.engine.postprocess.yolo_file import WANTED, YoloFile, yolo_read
from generation.engine.resident import modules_nbytes
from generation.engine.spec import limits

SAME_OBJECT: Final = 0.7
"""Overlap (intersection over union) at which the less sure of two boxes is dropped, as ultralytics does."""
PADDING_GREY: Final = 114
LAYOUT_KEYS: Final = frozenset(
    {"nc", "scales", "scale", "depth_multiple", "width_multiple", "backbone", "head", "activation", "reg_max",
     "end2end"}
)  # fmt: skip
ACTIVATION: Final = re.compile(r"(torch\.)?nn\.[A-Za-z0-9]{1,40}\([\w., =-]{0,40}\)")
WORD: Final = re.compile(r"[\w.-]{0,40}")
MAX_LAYERS: Final = 200
MAX_REPEATS: Final = 64
MAX_NUMBER: Final = 65_536
PLAIN_LAYERS: Final = frozenset(
    {"nn.Upsample", "nn.ConvTranspose2d", "nn.Conv2d", "nn.BatchNorm2d", "nn.MaxPool2d", "nn.Identity"}
)


@dataclass(slots=True, eq=False)
class YoloDetector:
    """A network that finds boxes, or boxes and outlines, in fp32."""

    network: Any
    file: YoloFile

    @property
    def nbytes(self) -> int:
        return modules_nbytes([self.network])

    def to(self, device: torch.device) -> Self:
        self.network.to(device)
        self.network.stride = self.network.stride.to(device)
        return self

    def find(self, image: Image.Image, confidence: float) -> list[Region]:
        """Regions of an RGB picture, at most ``MAX_DETECTIONS``, the surest first."""
        from ultralytics.utils.nms import non_max_suppression

        frame = _Frame.around(image.size, self.file.side, int(self.network.stride.max()))
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            found = self.network(frame.fill(image).to(device))
            found, outlines = found[0] if self.file.segments else (found[0], None)
            (rows,) = non_max_suppression(
                found,
                conf_thres=confidence,
                iou_thres=SAME_OBJECT,
                max_det=limits.MAX_DETECTIONS,
                nc=len(self.file.labels),
                end2end=self.network.end2end,
            )
            shapes = None if outlines is None else _outlines(outlines[0], rows, frame)
        rows = rows.cpu()
        regions = []
        for number, row in enumerate(rows.tolist()):
            box = frame.unmap(row[:4])
            mask = box_mask(image.size, box) if shapes is None else frame.cut(shapes[number])
            regions.append(Region(box=box, mask=mask, score=row[4], label=self.file.labels[int(row[5])]))
        return [region for region in regions if region.mask.getbbox()]


def yolo_load(path: Path) -> YoloDetector:
    """The detector in a ``.pt`` file of ultralytics, on the CPU.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe``, ``model_corrupt`` or
    ``model_unsupported``.
    """
    file = yolo_read(path)
    tasks = ultralytics_tasks()
    layout = _layout(path, file)
    try:
        with torch.device("meta"):  # the layout decides how large it is: look before building it
            layers, _ = tasks.parse_model(deepcopy(layout), ch=3, verbose=False)
        wanted = {f"model.{name}": tensor.shape for name, tensor in layers.state_dict().items()}
        if wanted != {name: tensor.shape for name, tensor in file.tensors.items()}:
            raise ValueError("tensors and layout differ")
        build = tasks.SegmentationModel if file.segments else tasks.DetectionModel
        network = build(deepcopy(layout), ch=3, verbose=False)
        network.load_state_dict({name: tensor.float() for name, tensor in file.tensors.items()})
    except (
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        AssertionError,
    ) as error:
        raise corrupt(path, "its tensors do not make the network that it describes") from error
    if layout.get("end2end"):
        network.end2end = (
            True  # built for both ways; the library asks for this one when it is about to predict
        )
    network.requires_grad_(requires_grad=False)
    return YoloDetector(network.eval(), file)


def _layout(path: Path, file: YoloFile) -> dict[str, Any]:
    """The file's layout, with nothing in it but what layouts are made of."""
    from ultralytics.nn import modules

    layout = {key: deepcopy(value) for key, value in file.layout.items() if key in LAYOUT_KEYS}
    rows = [*_listed(layout.get("backbone")), *_listed(layout.get("head"))]
    layers = {row[2] for row in rows if isinstance(row, list) and len(row) == 4 and isinstance(row[2], str)}
    # TorchVision fetches weights from the network.
    unknown = layers - (set(modules.__all__) - {"TorchVision"}) - PLAIN_LAYERS - {"Silence"}
    last = str(rows[-1][2]) if layers else ""
    if unknown or last not in ({"Segment", "Segment26"} if file.segments else {"Detect", "v10Detect"}):
        raise EngineError(
            "model_unsupported",
            f"{path.name} is not {WANTED} with layers that are known here: {sorted(unknown) or [last]}.",
            hint="Choose a model of YOLOv5u to YOLO26 that was trained to detect or to segment.",
        )
    activation = layout.pop("activation", None)
    few = len(rows) <= MAX_LAYERS and all(len(row) == 4 and _repeats(row[1]) for row in rows)
    if not few or not _is_plain(layout) or layout.get("nc") != len(file.labels):
        raise corrupt(path, "its layout makes no sense")
    if activation is not None:
        if not isinstance(activation, str) or not ACTIVATION.fullmatch(activation):
            raise corrupt(path, "its layout makes no sense")
        layout["activation"] = activation
    return layout


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _repeats(value: object) -> bool:
    return isinstance(value, int) and 1 <= value <= MAX_REPEATS


def _is_plain(value: object, depth: int = 0) -> bool:
    """Whether there is nothing in it but moderate numbers, short words, lists and tables of them."""
    if isinstance(value, str):
        return WORD.fullmatch(value) is not None
    if value is None or isinstance(value, (int, float)):
        return value is None or abs(value) <= MAX_NUMBER
    if depth > 6 or not isinstance(value, (list, Mapping)) or len(value) > MAX_LAYERS:
        return False
    parts = [*value, *value.values()] if isinstance(value, Mapping) else value
    return all(_is_plain(part, depth + 1) for part in parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a picture lies in what the network sees: scaled, in the middle of a grey frame."""

    size: tuple[int, int]
    """Of the picture: width, height; likewise the others."""
    scaled: tuple[int, int]
    offset: tuple[int, int]
    whole: tuple[int, int]

    @classmethod
    def around(cls, size: tuple[int, int], side: int, stride: int) -> Self:
        """The longer side becomes ``side``; both are filled up to multiples of ``stride``."""
        side = -(-side // stride) * stride
        ratio = side / max(size)
        width, height = (max(1, round(length * ratio)) for length in size)
        whole = (-(-width // stride) * stride, -(-height // stride) * stride)
        # Rounded as ultralytics does, where half a pixel goes to the far side.
        offset = (round((whole[0] - width) / 2 - 0.1), round((whole[1] - height) / 2 - 0.1))
        return cls(size, (width, height), offset, whole)

    def fill(self, image: Image.Image) -> torch.Tensor:
        """(1, 3, H, W), fp32, 0 to 1."""
        left, top = self.offset
        pixels = np.full((self.whole[1], self.whole[0], 3), PADDING_GREY, np.uint8)
        scaled = cv2.resize(np.asarray(image), self.scaled, interpolation=cv2.INTER_LINEAR)
        pixels[top : top + self.scaled[1], left : left + self.scaled[0]] = scaled
        return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255.0

    def unmap(self, box: list[float]) -> tuple[float, float, float, float]:
        """A box of the frame in pixels of the picture, within it."""
        values = [
            min(max((value - self.offset[axis]) * self.size[axis] / self.scaled[axis], 0.0), self.size[axis])
            for value, axis in zip(box, (0, 1, 0, 1), strict=True)
        ]
        left, top, right, bottom = values
        return left, top, right, bottom

    def cut(self, mask: np.ndarray[Any, Any]) -> Image.Image:
        """A mask of the frame (H, W), 0 or 1, as one of the picture: mode L, 0 or 255."""
        left, top = self.offset
        inner = mask[top : top + self.scaled[1], left : left + self.scaled[0]] * np.uint8(255)
        smooth = cv2.resize(inner, self.size, interpolation=cv2.INTER_LINEAR)
        return Image.fromarray(np.where(smooth > 127, np.uint8(255), np.uint8(0)))


def _outlines(prototypes: torch.Tensor, rows: torch.Tensor, frame: _Frame) -> np.ndarray[Any, Any]:
    """(n, H, W), 0 or 1: each found object within its box, as large as the frame."""
    from ultralytics.utils.ops import process_mask

    shape = (frame.whole[1], frame.whole[0])
    masks = process_mask(prototypes, rows[:, 6:], rows[:, :4], shape, upsample=True)
    return np.asarray(masks.byte().cpu())
