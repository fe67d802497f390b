"""Files of weights that preprocessors need. Needs no torch.

Names are those that the original releases gave them and that controlnet-aux and A1111 look for.
"""

from typing import Final

from generation.engine.preprocess.info import FileInfo

ANNOTATORS: Final = "lllyasviel/Annotators"
"""The collection of the ControlNet author, which most interfaces download from."""


def annotator(name: str, nbytes: int, licence: str = "") -> FileInfo:
    """A file at the top of that collection."""
    return FileInfo(name, ANNOTATORS, name, nbytes, licence)


def transformers_folder(repository: str, weights: str, nbytes: int, licence: str) -> tuple[FileInfo, ...]:
    """A model that transformers loads: ``config.json`` and weights in a folder of the repository's name."""
    folder = repository.partition("/")[2]
    return (
        FileInfo(f"{folder}/config.json", repository, "config.json", 2_000, licence),
        FileInfo(f"{folder}/{weights}", repository, weights, nbytes, licence),
    )


HED: Final = annotator("ControlNetHED.pth", 29_444_406, "Apache-2.0")
PIDINET: Final = annotator("table5_pidinet.pth", 2_871_148, "research only")
LINEART: Final = annotator("sk_model.pth", 17_173_511, "MIT")
LINEART_COARSE: Final = annotator("sk_model2.pth", 17_173_511, "MIT")
LINEART_ANIME: Final = annotator("netG.pth", 217_668_587, "MIT")
MLSD: Final = annotator("mlsd_large_512_fp32.pth", 6_341_481, "Apache-2.0")
MIDAS: Final = annotator("dpt_hybrid-midas-501f0c75.pt", 492_757_791, "MIT")
LERES: Final = annotator("res101.pth", 530_731_201)
NORMAL_BAE: Final = annotator("scannet.pt", 291_098_691, "MIT")
BODY: Final = annotator("body_pose_model.pth", 209_267_595, "non-commercial (CMU OpenPose)")
HAND: Final = annotator("hand_pose_model.pth", 147_341_049, "non-commercial (CMU OpenPose)")
FACE: Final = annotator("facenet.pth", 153_718_792, "non-commercial (CMU OpenPose)")
TEED: Final = FileInfo("5_model.pth", "fal-ai/teed", "5_model.pth", 251_000, "MIT")
ANYLINE: Final = FileInfo("MTEED.pth", "TheMistoAI/MistoLine", "Anyline/MTEED.pth", 251_000)
YOLOX: Final = FileInfo("yolox_l.onnx", "yzd-v/DWPose", "yolox_l.onnx", 216_746_733, "Apache-2.0")
DWPOSE: Final = FileInfo(
    "dw-ll_ucoco_384.onnx", "yzd-v/DWPose", "dw-ll_ucoco_384.onnx", 134_399_116, "Apache-2.0"
)
DEPTH_ANYTHING: Final = transformers_folder(
    "LiheYoung/depth-anything-small-hf", "model.safetensors", 99_200_000, "Apache-2.0"
)
DEPTH_ANYTHING_2: Final = transformers_folder(
    "depth-anything/Depth-Anything-V2-Small-hf", "model.safetensors", 99_200_000, "Apache-2.0"
)
ZOE: Final = transformers_folder("Intel/zoedepth-nyu-kitti", "model.safetensors", 1_380_000_000, "MIT")
UPERNET: Final = transformers_folder(
    "openmmlab/upernet-convnext-small", "pytorch_model.bin", 328_000_000, "MIT"
)
