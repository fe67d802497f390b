"""Techniques: what a request adds to plain denoising, one file each.

A technique is an object per row. Rows share a denoiser call where their techniques' keys agree
(``Technique.key``), so everything that may differ between neighbours (masks, weights, pictures) is the
object's own, and everything that changes the network itself belongs into the key.
"""

from generation.engine.techniques.control import FeatureControl, ResidualControl
from generation.engine.techniques.free_u import FreeUpscaling
from generation.engine.techniques.guidance_rescale import GuidanceRescale
from generation.engine.techniques.image_prompt import ImagePrompt, ImagePrompts
from generation.engine.techniques.inpainting import InpaintChannels, MaskBlend
from generation.engine.techniques.networks import NetworkWeights
from generation.engine.techniques.perturbed_attention import PerturbedAttention
from generation.engine.techniques.technique import Technique
from generation.engine.techniques.tiling import Tiling

__all__ = [
    "FeatureControl",
    "FreeUpscaling",
    "GuidanceRescale",
    "ImagePrompt",
    "ImagePrompts",
    "InpaintChannels",
    "MaskBlend",
    "NetworkWeights",
    "PerturbedAttention",
    "ResidualControl",
    "Technique",
    "Tiling",
]
