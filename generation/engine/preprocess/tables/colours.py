"""Preprocessors that keep, change or move a picture's colours. Needs no torch."""

from typing import Final

from generation.engine.preprocess.info import CONTROL_TYPES, ParameterInfo, PreprocessorInfo

GAMMA: Final = ParameterInfo("gamma", "Gamma", "float", 1.0, 0.1, 2.0, 0.01)

PLAIN: Final = (
    PreprocessorInfo(
        name="none",
        label="None: the picture is the map",
        control_types=CONTROL_TYPES,
        description="Takes the picture as it is.",
        aliases=("passthrough", "disabled"),
        takes_resolution=False,
    ),
    PreprocessorInfo(
        name="invert",
        label="Invert",
        control_types=("Lineart", "Scribble", "Canny", "MLSD"),
        description="Turns black lines on white into white lines on black.",
        aliases=("invert (from white bg & black line)",),
        takes_resolution=False,
    ),
    PreprocessorInfo(
        name="threshold",
        label="Black and white",
        control_types=("Scribble", "Lineart"),
        description="White where the picture is lighter than the threshold.",
        aliases=("binary",),
        parameters=(ParameterInfo("threshold", "Threshold", "int", 127, 0, 255),),
        flat=True,
    ),
)
COLOURS: Final = (
    *PLAIN,
    PreprocessorInfo(
        name="tile_resample",
        label="Tile",
        control_types=("Tile",),
        description="The picture itself, made smaller so that details are invented anew.",
        aliases=("tile",),
        parameters=(ParameterInfo("downsampling", "Downsampling", "float", 1.0, 1.0, 8.0, 0.01),),
        takes_resolution=False,
    ),
    PreprocessorInfo(
        name="blur_gaussian",
        label="Blur",
        control_types=("Tile",),
        description="The picture out of focus.",
        aliases=("blur",),
        parameters=(ParameterInfo("sigma", "Radius", "float", 9.0, 0.01, 64.0, 0.01),),
    ),
    PreprocessorInfo(
        name="shuffle",
        label="Shuffle",
        control_types=("Shuffle",),
        description="The colours swirled around: keeps the palette, loses the composition.",
        aliases=("content_shuffle",),
        parameters=(ParameterInfo("shuffle_grain", "Size of the swirls", "int", 256, 16, 1024),),
    ),
    PreprocessorInfo(
        name="t2ia_color_grid",
        label="Colour grid",
        control_types=("T2I-Adapter",),
        description="The mean colours of large squares.",
        aliases=("color", "colour", "color_grid"),
        parameters=(ParameterInfo("grid_cell", "Side of a square", "int", 64, 8, 256),),
        flat=True,
    ),
    PreprocessorInfo(
        name="recolor_luminance",
        label="Recolour (luminance)",
        control_types=("Recolor",),
        description="Greyscale by how light people see a colour.",
        parameters=(GAMMA,),
        takes_resolution=False,
    ),
    PreprocessorInfo(
        name="recolor_intensity",
        label="Recolour (intensity)",
        control_types=("Recolor",),
        description="Greyscale by the strongest of red, green and blue.",
        parameters=(GAMMA,),
        takes_resolution=False,
    ),
    PreprocessorInfo(
        name="inpaint_only",
        label="Inpaint",
        control_types=("Inpaint",),
        description="The picture with a hole where the mask is; the hole is painted to fit.",
        aliases=("inpaint", "inpaint_global_harmonious"),
        needs_mask=True,
        takes_resolution=False,
    ),
)
