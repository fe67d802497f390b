"""Where faces are and which pixels are face: RetinaFace and ParseNet of facexlib, from local files."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from facexlib.detection.retinaface import RetinaFace
from facexlib.parsing.parsenet import ParseNet
from torchvision.ops import nms  # type: ignore[import-untyped]

from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.tensors import weights_read
from generation.engine.errors import EngineError
from generation.engine.spec import limits

Array = np.ndarray[Any, Any]

DETECTION: Final = "detection_Resnet50_Final.pth"
PARSING: Final = "parsing_parsenet.pth"
SOURCES: Final = {
    DETECTION: "https://github.com/xinntao/facexlib/releases/download/v0.1.0/detection_Resnet50_Final.pth",
    PARSING: "https://github.com/xinntao/facexlib/releases/download/v0.2.2/parsing_parsenet.pth",
}
FOLDER: Final = "faces"
LEVELS: Final = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""RetinaFace's grids: pixels between places, and the sides of the two boxes that each place starts from."""
VARIANCES: Final = (0.1, 0.2)
MEAN_BGR: Final = (104.0, 117.0, 123.0)
SURE: Final = 0.97
SAME_FACE: Final = 0.4
MAX_CANDIDATES: Final = 2000
SEARCH_SIDE: Final = 640
"""Larger pictures are searched at this shorter side: the largest faces are then within the grids' reach."""
MIN_EYE_DISTANCE: Final = 5.0
"""Pixels; smaller faces hold too little to restore."""
FACE_CLASSES: Final = (*range(1, 14), 15)
"""What ParseNet calls skin, brows, eyes, glasses, ears, nose, mouth, ...; hair, hat, neck and cloth stay."""
FACE_SIDE: Final = 512


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a picture."""

    points: Array
    """(5, 2) pixels: the eyes, the nose and the corners of the mouth, x before y."""
    score: float


def helper_load(helpers: Path, name: str) -> torch.nn.Module:
    """The network in ``<helpers>/faces/<name>``, frozen, fp32, on the CPU; ``name`` is ``DETECTION`` or
    ``PARSING``.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe`` or ``model_corrupt``.
    """
    path = helpers / FOLDER / name
    if not path.is_file():
        raise EngineError(
            "model_missing",
            f"Face restoration needs the file {name}, which is not there.",
            hint=f"Get it from {SOURCES[name]} and put it into {path.parent}.",
            field="face_restoration.model",
        )
    weights = {key.removeprefix("module."): tensor for key, tensor in weights_read(path).items()}
    build = _retinaface if name == DETECTION else _parsenet
    with torch.device("meta"), warnings.catch_warnings(action="ignore"):
        network = build()
    try:
        network.load_state_dict(weights, assign=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise corrupt(path, "its tensors are not those of this network") from error
    return network.requires_grad_(requires_grad=False).float().eval()


def _retinaface() -> torch.nn.Module:
    network: torch.nn.Module = RetinaFace("resnet50", device=torch.device("meta"))
    return network


def _parsenet() -> torch.nn.Module:
    network: torch.nn.Module = ParseNet(in_size=FACE_SIDE, out_size=FACE_SIDE, parsing_ch=19)
    return network


def faces_find(pixels: Array, network: torch.nn.Module, sure: float = SURE) -> list[Face]:
    """The faces in an RGB picture (H, W, 3) of 8 bits, the surest first, at most ``MAX_DETECTIONS``.

    RetinaFace, Deng et al. 2020, arXiv:1905.00641.
    """
    height, width = pixels.shape[:2]
    ratio = min(1.0, SEARCH_SIDE / min(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    seen = pixels if ratio == 1.0 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    device = next(network.parameters()).device
    image = torch.from_numpy(np.ascontiguousarray(seen[..., ::-1])).to(device).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        offsets, scores, landmarks = network(image - torch.tensor(MEAN_BGR, device=device)[:, None, None])
        chosen = scores[0, :, 1].topk(min(MAX_CANDIDATES, scores.shape[1])).indices
        chosen = chosen[scores[0, chosen, 1] > sure]
        priors = _priors(size[1], size[0]).to(device)[chosen]
        boxes = _decode_boxes(offsets[0, chosen], priors)
        kept = nms(boxes, scores[0, chosen, 1], SAME_FACE)[: limits.MAX_DETECTIONS]
        points = priors[kept, None, :2] + landmarks[0, chosen[kept]].view(-1, 5, 2) * (
            VARIANCES[0] * priors[kept, None, 2:]
        )
        sures = scores[0, chosen[kept], 1].tolist()
    back = np.array([width / size[0], height / size[1]])
    faces = [
        Face(points=each * back, score=score)
        for each, score in zip(points.double().cpu().numpy(), sures, strict=True)
    ]
    return [face for face in faces if np.linalg.norm(face.points[0] - face.points[1]) >= MIN_EYE_DISTANCE]


def _priors(height: int, width: int) -> torch.Tensor:
    """(n, 4): middle and size in pixels of the boxes to start from, in the order of the network's output."""
    levels = []
    for step, sides in LEVELS:
        y, x = ((torch.arange(-(-length // step)) + 0.5) * step for length in (height, width))
        places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 1, 2)
        boxes = torch.tensor(sides, dtype=torch.float32)[None, :, None].expand(len(places), -1, 2)
        levels.append(torch.cat([places.expand(-1, len(sides), -1), boxes], dim=-1).reshape(-1, 4))
    return torch.cat(levels)


def _decode_boxes(offsets: torch.Tensor, priors: torch.Tensor) -> torch.Tensor:
    """(n, 4): left, top, right, bottom in pixels."""
    middle = priors[:, :2] + offsets[:, :2] * VARIANCES[0] * priors[:, 2:]
    size = priors[:, 2:] * torch.exp(offsets[:, 2:] * VARIANCES[1])
    return torch.cat([middle - size / 2, middle + size / 2], dim=1)


def face_mask(face: torch.Tensor, network: torch.nn.Module) -> Array:
    """How much of each pixel of an aligned face (1, 3, 512, 512), range -1 to 1, is face: (512, 512), fp32,
    0 to 1, soft, and 0 at the borders.
    """
    with torch.inference_mode():
        classes = network(face)[0].argmax(dim=1)[0].cpu().numpy()
    mask: Array = np.isin(classes, FACE_CLASSES).astype(np.float32)
    for _ in range(2):  # as wide as facexlib's, so that the border of the face is nowhere visible
        mask = cv2.GaussianBlur(mask, (101, 101), 11)
    border = 10
    inner = np.zeros_like(mask)
    inner[border:-border, border:-border] = mask[border:-border, border:-border]
    return inner
