"""Preprocessors that draw edges and lines, white on black. Needs no torch."""

from typing import Final

from generation.engine.preprocess.info import ParameterInfo, PreprocessorInfo
from generation.engine.preprocess.tables import files

SAFE_STEPS: Final = ParameterInfo("safe_steps", "Steps of grey", "int", 2, 0, 10)

EDGES: Final = (
    PreprocessorInfo(
        name="canny",
        label="Canny edges",
        control_types=("Canny", "T2I-Adapter"),
        description="Thin edges where the brightness jumps.",
        parameters=(
            ParameterInfo("canny_low", "Low threshold", "int", 100, 1, 255),
            ParameterInfo("canny_high", "High threshold", "int", 200, 1, 255),
        ),
    ),
    PreprocessorInfo(
        name="mlsd",
        label="Straight lines (M-LSD)",
        control_types=("MLSD",),
        description="Straight lines alone: buildings, rooms, furniture.",
        aliases=("hough", "lines"),
        parameters=(
            ParameterInfo("mlsd_value", "Least score of a line", "float", 0.1, 0.01, 2.0, 0.01),
            ParameterInfo("mlsd_distance", "Least length of a line", "float", 0.1, 0.01, 20.0, 0.01),
        ),
        files=(files.MLSD,),
    ),
    PreprocessorInfo(
        name="softedge_hed",
        label="Soft edges (HED)",
        control_types=("SoftEdge",),
        description="Broad soft outlines with much detail.",
        aliases=("hed", "softedge"),
        files=(files.HED,),
    ),
    PreprocessorInfo(
        name="softedge_hedsafe",
        label="Soft edges (HED, few greys)",
        control_types=("SoftEdge",),
        description="HED in three shades, so that the picture cannot hide in the map.",
        aliases=("hed_safe",),
        files=(files.HED,),
    ),
    PreprocessorInfo(
        name="softedge_pidinet",
        label="Soft edges (PiDiNet)",
        control_types=("SoftEdge",),
        description="Cleaner outlines than HED's, with less detail.",
        aliases=("pidinet", "pidi"),
        files=(files.PIDINET,),
    ),
    PreprocessorInfo(
        name="softedge_pidisafe",
        label="Soft edges (PiDiNet, few greys)",
        control_types=("SoftEdge",),
        description="PiDiNet in three shades, so that the picture cannot hide in the map.",
        aliases=("pidinet_safe",),
        files=(files.PIDINET,),
    ),
    PreprocessorInfo(
        name="softedge_teed",
        label="Soft edges (TEED)",
        control_types=("SoftEdge",),
        description="Thin soft outlines by a very small network.",
        aliases=("teed",),
        parameters=(SAFE_STEPS,),
        files=(files.TEED,),
    ),
    PreprocessorInfo(
        name="softedge_anyline",
        label="Lines of all kinds (AnyLine)",
        control_types=("SoftEdge", "Lineart"),
        description="Outlines by TEED joined with fine dark lines of the picture.",
        aliases=("anyline",),
        resolution=1280,
        files=(files.ANYLINE,),
    ),
)
DRAWINGS: Final = (
    PreprocessorInfo(
        name="lineart_standard",
        label="Line drawing (no network)",
        control_types=("Lineart",),
        description="The dark lines of a drawing on a light ground.",
        aliases=("lineart_standard (from white bg & black line)",),
        parameters=(
            ParameterInfo("line_sigma", "Width of the surroundings", "float", 6.0, 0.1, 50.0, 0.1),
            ParameterInfo("line_threshold", "Faintest line that counts", "int", 8, 0, 64),
        ),
    ),
    PreprocessorInfo(
        name="lineart_realistic",
        label="Line drawing (realistic)",
        control_types=("Lineart",),
        description="A photo as a detailed drawing.",
        aliases=("lineart",),
        files=(files.LINEART,),
    ),
    PreprocessorInfo(
        name="lineart_coarse",
        label="Line drawing (coarse)",
        control_types=("Lineart",),
        description="A photo as a drawing with few heavy lines.",
        files=(files.LINEART_COARSE,),
    ),
    PreprocessorInfo(
        name="lineart_anime",
        label="Line drawing (anime)",
        control_types=("Lineart",),
        description="Clean lines of an anime picture.",
        files=(files.LINEART_ANIME,),
    ),
    PreprocessorInfo(
        name="scribble_hed",
        label="Scribble (HED)",
        control_types=("Scribble",),
        description="Outlines as if scribbled with a thick pen.",
        aliases=("scribble", "fake_scribble"),
        files=(files.HED,),
    ),
    PreprocessorInfo(
        name="scribble_pidinet",
        label="Scribble (PiDiNet)",
        control_types=("Scribble",),
        description="Fewer scribbled outlines than HED's.",
        files=(files.PIDINET,),
    ),
    PreprocessorInfo(
        name="scribble_xdog",
        label="Scribble (XDoG)",
        control_types=("Scribble",),
        description="Where a narrow and a broad blur differ; needs no network.",
        aliases=("xdog",),
        parameters=(ParameterInfo("xdog_threshold", "Threshold", "int", 32, 1, 64),),
    ),
    PreprocessorInfo(
        name="t2ia_sketch_pidi",
        label="Sketch (PiDiNet, black and white)",
        control_types=("T2I-Adapter",),
        description="Outlines without greys, for the sketch adapter.",
        aliases=("pidinet_sketch",),
        files=(files.PIDINET,),
    ),
)
LINES: Final = EDGES + DRAWINGS
