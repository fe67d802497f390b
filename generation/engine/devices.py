"""Where the engine computes, in which number format, and what running out of memory looks like there."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import torch

from generation.engine.errors import EngineError
from generation.engine.spec import Device, DeviceFacts, Precision

T = TypeVar("T")

_DTYPES: Final[dict[Precision, torch.dtype]] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
_CPU_ALLOCATOR_WORDS: Final = ("can't allocate memory", "not enough memory")
"""The CPU allocator raises a plain RuntimeError; these words are in its message on Linux and on Windows."""


def device_resolve(choice: Device) -> torch.device:
    """The device meant by ``choice``; raises ``EngineError("device_missing")``."""
    if choice == "cuda" and not torch.cuda.is_available():
        raise EngineError(
            "device_missing",
            "A CUDA device was asked for, and this machine has none that PyTorch can use.",
            hint="Set the device to auto or cpu, or install the NVIDIA driver and a CUDA build of PyTorch.",
        )
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def dtype_resolve(precision: Precision, device: torch.device) -> torch.dtype:
    """The dtype meant by ``precision``: fp32 on the CPU, bf16 on CUDA, fp16 on cards before Ampere."""
    if precision != "auto":
        return _DTYPES[precision]
    if device.type == "cpu":
        return torch.float32
    # bf16 has the range of fp32, so that no VAE overflows to black pictures; older cards only emulate it.
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def device_facts(device: torch.device) -> DeviceFacts:
    """What the device is and how much of its memory is taken. For any thread."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        label = f"cuda:{device.index if device.index is not None else torch.cuda.current_device()}"
        name = torch.cuda.get_device_name(device)
        return DeviceFacts(device=label, name=name, memory_total=total, memory_used=total - free)
    total, available = _ram("MemTotal"), _ram("MemAvailable")
    used = max(0, total - available)
    return DeviceFacts(
        device=str(device),
        name=_facts_file("/proc/cpuinfo").get("model name", ""),
        memory_total=total,
        memory_used=used,
    )


def _ram(name: str) -> int:
    """Bytes, from lines such as ``MemTotal: 16384 kB``; 0 where the system has no such file."""
    amount = _facts_file("/proc/meminfo").get(name, "").split(" ")[0]
    return int(amount) * 1024 if amount.isdigit() else 0


def _facts_file(path: str) -> dict[str, str]:
    """``name: value`` lines; the last of equal names. Empty where there is no such file."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_ALLOCATOR_WORDS)


def memory_release(device: torch.device) -> None:
    """Give memory that nothing refers to any more back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def memory_retry(work: Callable[[], T], make_room: Callable[[], None]) -> T:
    """The result of ``work``; when it runs out of memory, once more after ``make_room``."""
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside the handler: there the traceback would keep the failed attempt's tensors alive.
    make_room()
    return work()


def engine_error(error: BaseException, doing: str) -> EngineError:
    """``error`` as the one type that leaves the engine; ``doing`` completes "... while ..."."""
    if isinstance(error, EngineError):
        return error
    if is_out_of_memory(error):
        return EngineError(
            "out_of_memory",
            f"The device ran out of memory while {doing}.",
            hint="Choose a smaller size or batch. Half precision or a smaller model cache free memory too.",
        )
    return EngineError(
        "engine_failed",
        f"Something went wrong while {doing}: {type(error).__name__}: {error}",
        hint="Try again; if it happens again, tell the administrator. The worker's log has the details.",
        permanent=False,
    )
