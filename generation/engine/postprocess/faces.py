"""Face restoration: each face is found, aligned, painted anew by GFPGAN or CodeFormer, and put back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np
import torch
from PIL import Image

from generation.engine.postprocess.face_finding import (
    DETECTION,
    FACE_SIDE,
    PARSING,
    Array,
    Face,
    face_mask,
    faces_find,
    helper_load,
)
from generation.engine.postprocess.networks import Network, network_load, unsupported
from generation.engine.resident import modules_nbytes
from generation.engine.slices import Portion, Slices

WANTED: Final = "a face restorer (GFPGAN or CodeFormer)"
TEMPLATE: Final = np.array(
    [[192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935],
     [201.26117, 371.41043], [313.08905, 371.15118]]
)  # fmt: skip
"""Where eyes, nose and mouth are in the aligned faces of 512 pixels that both were trained on."""
GREY: Final = (132.0, 133.0, 135.0)
"""What they saw beyond the border of a picture."""


@dataclass(slots=True, eq=False)
class FaceRestorer:
    """A network that paints aligned faces anew, and the two that find and cut them out."""

    network: Network
    finder: torch.nn.Module
    parser: torch.nn.Module

    @property
    def nbytes(self) -> int:
        return modules_nbytes([self.network.model, self.finder, self.parser])

    def to(self, device: torch.device) -> Self:
        self.network.to(device)
        self.finder.to(device)
        self.parser.to(device)
        return self

    def paint(self, face: torch.Tensor, fidelity: float) -> torch.Tensor:
        """An aligned face (1, 3, 512, 512), fp32, -1 to 1, anew. The same face gives the same result."""
        seen = face.to(self.network.dtype)
        with torch.inference_mode():
            result: torch.Tensor
            if self.network.architecture.id == "CodeFormer":
                result = self.network.model(seen, weight=fidelity)[0]
            else:
                # With the noise of the file, not with new one.
                result = self.network.model(seen, return_rgb=False, randomize_noise=False)[0]
        return result.float().clamp(-1.0, 1.0)


def face_restorer_load(path: Path, helpers: Path, dtype: torch.dtype) -> FaceRestorer:
    """GFPGAN (the clean architecture, versions 1.2 to 1.4) or CodeFormer, by its tensors.

    ``<helpers>/faces/`` holds facexlib's ``detection_Resnet50_Final.pth`` and ``parsing_parsenet.pth``.
    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe``, ``model_corrupt`` or
    ``model_unsupported``.
    """
    finder, parser = (helper_load(helpers, name) for name in (DETECTION, PARSING))
    network = network_load(path, dtype, wanted=WANTED)
    if network.architecture.id not in {"GFPGAN", "CodeFormer"}:
        raise unsupported(path, WANTED, f"a network of the kind {network.architecture.name}")
    return FaceRestorer(network, finder, parser)


def restore(
    image: Image.Image, restorer: FaceRestorer, visibility: float, fidelity: float
) -> Slices[Image.Image]:
    """``image`` with its faces painted anew, in the same size and mode (palettes become colours); a face per
    slice. Without faces it is the picture itself.

    ``visibility`` is the share of the new face in the blend, 0 to 1. ``fidelity`` is CodeFormer's weight:
    0 the best looking face, 1 the truest; GFPGAN has none.
    """
    yield Portion(0, 1)
    before = np.asarray(image.convert("RGB"))
    faces = faces_find(before, restorer.finder)
    after = before.astype(np.float32)
    for number, face in enumerate(faces):
        yield Portion(number, len(faces))
        _repaint(after, before, face, restorer, (visibility, fidelity))
    if not faces:
        return image
    restored = Image.fromarray(after.round().clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or image.has_transparency_data:
        restored.putalpha(image.convert("RGBA").getchannel("A"))
    return restored.convert(image.mode) if image.mode in {"L", "LA"} else restored


def _repaint(
    after: Array, before: Array, face: Face, restorer: FaceRestorer, options: tuple[float, float]
) -> None:
    """Put one face of ``before``, painted anew, into ``after`` (H, W, 3), fp32, 0 to 255."""
    # The least median of squares bears one landmark in the wrong place.
    matrix, _ = cv2.estimateAffinePartial2D(face.points, TEMPLATE, method=cv2.LMEDS)
    if matrix is None or abs(np.linalg.det(matrix[:, :2])) < 1e-6:
        return  # five points on one spot
    visibility, fidelity = options
    side = (FACE_SIDE, FACE_SIDE)
    aligned = cv2.warpAffine(before, matrix, side, borderMode=cv2.BORDER_CONSTANT, borderValue=GREY)
    device = next(restorer.finder.parameters()).device
    seen = torch.from_numpy(aligned).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    painted = restorer.paint(seen, fidelity)
    mask = face_mask(painted, restorer.parser)
    pixels = ((painted[0].permute(1, 2, 0) + 1.0) * 127.5).cpu().numpy()
    back, size = cv2.invertAffineTransform(matrix), (before.shape[1], before.shape[0])
    share = visibility * cv2.warpAffine(mask, back, size, flags=cv2.INTER_AREA)[..., None]
    after += share * (cv2.warpAffine(pixels, back, size) - after)
