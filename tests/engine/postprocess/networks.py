"""Random networks of the real architectures, narrow enough for a CPU."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch


def seeded(build: Callable[[], torch.nn.Module], seed: int = 0) -> torch.nn.Module:
    """What ``build`` makes with this seed; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().eval()


def esrgan(scale: int = 4) -> torch.nn.Module:
    from spandrel.architectures.ESRGAN import ESRGAN

    network = seeded(lambda: ESRGAN(num_filters=16, num_blocks=2, scale=scale))
    with torch.no_grad():  # random ones are almost black
        *_, weight, bias = network.parameters()  # of the last layer
        weight.mul_(10.0)
        bias.add_(0.3)
    return network


def compact(channels: int = 3, scale: int = 2) -> torch.nn.Module:
    from spandrel.architectures.Compact import Compact

    return seeded(
        lambda: Compact(num_in_ch=channels, num_out_ch=channels, num_feat=16, num_conv=4, upscale=scale)
    )


def dat() -> torch.nn.Module:
    from spandrel.architectures.DAT import DAT

    return seeded(
        lambda: DAT(
            embed_dim=32, depth=[2, 2], num_heads=[4, 4], split_size=[8, 16], expansion_factor=2.0, upscale=2
        )
    )


def swinir() -> torch.nn.Module:
    from spandrel.architectures.SwinIR import SwinIR

    return seeded(
        lambda: SwinIR(
            embed_dim=24,
            depths=[2, 2],
            num_heads=[4, 4],
            window_size=8,
            mlp_ratio=2.0,
            upscale=2,
            upsampler="pixelshuffle",
        )
    )


def hat() -> torch.nn.Module:
    from spandrel.architectures.HAT import HAT

    return seeded(
        lambda: HAT(
            embed_dim=24,
            depths=(2, 2),
            num_heads=(4, 4),
            window_size=8,
            mlp_ratio=2.0,
            upscale=2,
            compress_ratio=3,
            squeeze_factor=8,
        )
    )


UPSCALERS: Final[dict[str, Callable[[], torch.nn.Module]]] = {
    "ESRGAN": esrgan,
    "RealESRGAN Compact": compact,
    "DAT": dat,
    "SwinIR": swinir,
    "HAT": hat,
}


def saved(network: torch.nn.Module, path: Path, key: str = "params_ema") -> Path:
    """The network's tensors as ``.safetensors``, or as ``.pth`` under the key that trainers use."""
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(tensors, path)
    else:
        torch.save({key: tensors}, path)
    return path


def basicsr() -> None:
    """Let basicsr be imported: it asks for a module that torchvision has renamed."""
    from torchvision.transforms.functional import rgb_to_grayscale  # type: ignore[import-untyped]

    name = "torchvision.transforms.functional_tensor"
    renamed: Any = types.ModuleType(name)
    renamed.rgb_to_grayscale = rgb_to_grayscale
    sys.modules.setdefault(name, renamed)
