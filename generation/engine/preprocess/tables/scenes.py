"""Preprocessors that understand what is in a picture: depth, surfaces, people, things. Needs no torch."""

from typing import Final

from generation.engine.preprocess.info import ParameterInfo, PreprocessorInfo
from generation.engine.preprocess.tables import files

DEPTHS: Final = (
    PreprocessorInfo(
        name="depth_midas",
        label="Depth (MiDaS)",
        control_types=("Depth", "T2I-Adapter"),
        description="How near everything is, near is light.",
        aliases=("depth", "midas"),
        files=(files.MIDAS,),
    ),
    PreprocessorInfo(
        name="depth_zoe",
        label="Depth (ZoeDepth)",
        control_types=("Depth",),
        description="Depth in true proportions.",
        aliases=("zoe",),
        files=files.ZOE,
    ),
    PreprocessorInfo(
        name="depth_leres",
        label="Depth (LeReS)",
        control_types=("Depth",),
        description="Depth with a detailed background; near and far can be left out.",
        aliases=("leres",),
        parameters=(
            ParameterInfo("remove_near", "Leave out the nearest (%)", "float", 0.0, 0.0, 100.0, 0.1),
            ParameterInfo("remove_background", "Leave out the farthest (%)", "float", 0.0, 0.0, 100.0, 0.1),
        ),
        files=(files.LERES,),
    ),
    PreprocessorInfo(
        name="depth_anything",
        label="Depth (Depth Anything)",
        control_types=("Depth",),
        description="Sharp depth by a small vision transformer.",
        files=files.DEPTH_ANYTHING,
    ),
    PreprocessorInfo(
        name="depth_anything_v2",
        label="Depth (Depth Anything 2)",
        control_types=("Depth",),
        description="Finer depth than the first version's, glass and thin things too.",
        files=files.DEPTH_ANYTHING_2,
    ),
)
SURFACES: Final = (
    PreprocessorInfo(
        name="normal_bae",
        label="Surface normals (BAE)",
        control_types=("NormalMap",),
        description="Which way every surface faces, as colours.",
        aliases=("normal", "normalbae"),
        files=(files.NORMAL_BAE,),
    ),
    PreprocessorInfo(
        name="normal_midas",
        label="Surface normals (MiDaS)",
        control_types=("NormalMap",),
        description="Normals worked out from MiDaS depth; the background can be left flat.",
        aliases=("normal_map",),
        parameters=(
            ParameterInfo("background_threshold", "Background threshold", "float", 0.4, 0.0, 1.0, 0.01),
        ),
        files=(files.MIDAS,),
    ),
    PreprocessorInfo(
        name="seg_ofade20k",
        label="Segmentation (ADE20K)",
        control_types=("Segmentation",),
        description="Every thing in the colour of its kind, 150 kinds.",
        aliases=("segmentation", "seg", "seg_ufade20k", "upernet", "oneformer_ade20k"),
        files=files.UPERNET,
        flat=True,
    ),
)
PEOPLE: Final = (
    PreprocessorInfo(
        name="openpose",
        label="Pose",
        control_types=("OpenPose", "T2I-Adapter"),
        description="People's bodies as stick figures.",
        aliases=("pose", "openpose_body"),
        files=(files.BODY,),
    ),
    PreprocessorInfo(
        name="openpose_hand",
        label="Pose with hands",
        control_types=("OpenPose",),
        description="Bodies and fingers.",
        files=(files.BODY, files.HAND),
    ),
    PreprocessorInfo(
        name="openpose_face",
        label="Pose with face",
        control_types=("OpenPose",),
        description="Bodies and the points of faces.",
        files=(files.BODY, files.FACE),
    ),
    PreprocessorInfo(
        name="openpose_faceonly",
        label="Face points alone",
        control_types=("OpenPose",),
        description="The points of faces without bodies.",
        files=(files.BODY, files.FACE),
    ),
    PreprocessorInfo(
        name="openpose_full",
        label="Pose with hands and face",
        control_types=("OpenPose",),
        description="Bodies, fingers and the points of faces.",
        files=(files.BODY, files.HAND, files.FACE),
    ),
    PreprocessorInfo(
        name="dw_openpose_full",
        label="Pose with hands and face (DWPose)",
        control_types=("OpenPose",),
        description="The same by a newer network, better with hands and crowds.",
        aliases=("dwpose", "dw_openpose"),
        parameters=(
            ParameterInfo("draw_body", "Bodies", "bool", default=True),
            ParameterInfo("draw_hands", "Hands", "bool", default=True),
            ParameterInfo("draw_face", "Faces", "bool", default=True),
        ),
        files=(files.YOLOX, files.DWPOSE),
    ),
    PreprocessorInfo(
        name="mediapipe_face",
        label="Face mesh (MediaPipe)",
        control_types=("Face",),
        description="Faces as coloured outlines of eyes, brows, lips and contour.",
        aliases=("face_mesh",),
        parameters=(
            ParameterInfo("max_faces", "Most faces", "int", 1, 1, 10),
            ParameterInfo("min_confidence", "Least confidence", "float", 0.5, 0.01, 1.0, 0.01),
        ),
        package="mediapipe",
    ),
)
SCENES: Final = DEPTHS + SURFACES + PEOPLE
