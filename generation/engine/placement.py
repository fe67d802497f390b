"""Where weights lie and how they are computed with: storage in fp8, offloading, VAE tiles, compilation, the
attention kernel.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch._dynamo.exc import TorchDynamoException
from torch.nn.attention import SDPBackend, sdpa_kernel

from generation.engine.errors import EngineError
from generation.engine.resident import Resident
from generation.engine.spec import Attention, EngineConfig

if TYPE_CHECKING:
    from generation.engine.techniques import Technique

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Resident)

BACKEND: Any = "inductor"
"""What ``torch.compile`` makes code with."""
FP8: Final = torch.float8_e4m3fn
"""Four bits of exponent, three of mantissa: what weights, which lie around zero, lose least in."""
_KERNELS: Final[dict[Attention, SDPBackend]] = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
_BESIDE: Final = ("vae", "text_encoder", "text_encoder_2", "text_encoder_3", "preview_decoder")
"""A checkpoint's parts besides the denoiser: needed for a moment at the start and at the end of a picture."""


class Placement:
    """One configuration's way with weights on one device. Belongs to the device thread.

    Raises ``EngineError("invalid_config")`` for an attention kernel that the device does not have.
    """

    def __init__(self, config: EngineConfig, device: torch.device, dtype: torch.dtype) -> None:
        self._config = config
        self._device = device
        self._dtype = dtype
        self._compiled: WeakKeyDictionary[torch.nn.Module, _Compiled] = WeakKeyDictionary()
        self._require_kernel()

    def place(self, model: R) -> R:
        """Bring a freshly loaded model to where its weights belong. May raise ``torch.OutOfMemoryError``."""
        denoiser = _denoiser(model)
        if denoiser is None:
            return model.to(self._device)
        if self._config.storage == "fp8":
            denoiser.enable_layerwise_casting(storage_dtype=FP8, compute_dtype=self._dtype)
        vae = getattr(model, "vae", None)
        if self._config.vae_tiling and vae is not None:
            vae.enable_tiling()
        if self._config.offload == "none" or self._device.type == "cpu":
            return model.to(self._device)
        beside = [part for name in _BESIDE if (part := getattr(model, name, None)) is not None]
        offload([*beside, denoiser] if self._config.offload == "group" else beside, self._device)
        if self._config.offload == "model":
            denoiser.to(self._device)
        return model

    def network(self, denoiser: torch.nn.Module, techniques: "Sequence[Technique]") -> Callable[..., Any]:
        """What to call in a tick: ``denoiser``, compiled where that was asked for and nothing patches it."""
        if not self._config.compile or any(technique.patches_network for technique in techniques):
            return denoiser
        if denoiser not in self._compiled:
            self._compiled[denoiser] = _Compiled(denoiser)
        return self._compiled[denoiser]

    def attention(self) -> AbstractContextManager[None]:
        """Scaled dot-product attention by the configured kernel; a call that it cannot do takes the plain
        one.
        """
        kernel = _KERNELS.get(self._config.attention)
        return nullcontext() if kernel is None else sdpa_kernel([kernel, SDPBackend.MATH])

    def _require_kernel(self) -> None:
        kernel = _KERNELS.get(self._config.attention)
        if kernel is None:
            return
        probe = torch.zeros(1, 1, 8, 64, device=self._device, dtype=self._dtype)
        try:
            with sdpa_kernel([kernel]):
                torch.nn.functional.scaled_dot_product_attention(probe, probe, probe)
        except RuntimeError as error:
            raise EngineError(
                "invalid_config",
                f"This device has no {self._config.attention} attention for {self._dtype}.",
                hint="Set the attention to auto.",
            ) from error


class _Compiled:
    """A network compiled at its first call, for any batch size and text length, or as it is where that
    fails.
    """

    def __init__(self, plain: torch.nn.Module) -> None:
        self._plain = plain
        # One graph for all batches: compiled anew for each, every newcomer would hold up everybody.
        self._call: Callable[..., Any] = torch.compile(plain, dynamic=True, backend=BACKEND)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        try:
            return self._call(*arguments, **options)
        except TorchDynamoException as error:
            logger.warning("The denoiser cannot be compiled here and runs as it is: %s", error)
            self._call = self._plain
            return self._plain(*arguments, **options)


def offload(modules: Sequence[Any], device: torch.device) -> None:
    """Keep the modules in RAM and bring each layer to ``device`` while it computes (diffusers' group
    offloading, layer by layer). Not ahead of time: that would put the layers' own weights over those that a
    LoRA has changed.
    """
    from diffusers.hooks.group_offloading import apply_group_offloading

    for module in modules:
        apply_group_offloading(module, onload_device=device, offload_type="leaf_level", use_stream=False)


@contextmanager
def tiled(vae: Any) -> Iterator[None]:
    """A VAE that works in tiles, for once: what fits where whole pictures do not."""
    before = vae.use_tiling
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.use_tiling = before


def _denoiser(model: object) -> Any:
    """The U-Net or transformer of a checkpoint, None for other models."""
    return getattr(model, "unet", None) or getattr(model, "transformer", None)
