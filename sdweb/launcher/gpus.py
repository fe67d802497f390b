"""The GPUs of this machine and the workers that share them, found without PyTorch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from sdweb.launcher.shell import answer_of


@dataclass(frozen=True, slots=True)
class Seat:
    """One GPU worker: its name, and what its environment has beyond everybody's."""

    name: str
    env: Mapping[str, str]


def gpus_visible(device: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs that workers may use, as CUDA_VISIBLE_DEVICES names them; none where the device is the CPU.

    A CUDA_VISIBLE_DEVICES that is set decides, otherwise nvidia-smi.
    """
    if device == "cpu":
        return ()
    chosen = environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        chosen = answer_of(["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]).replace("\n", ",")
    names = [name.strip() for name in chosen.split(",")]
    # What CUDA does with it: everything from the first that is none is not seen.
    end = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
    return tuple(names[:end])


def seats(gpus: tuple[str, ...], workers: int | None, environ: Mapping[str, str]) -> list[Seat]:
    """One worker for each GPU (on a machine without, one), or ``workers`` of them.

    More workers than GPUs share them in turn; on the CPU they share the cores, unless OMP_NUM_THREADS says
    how many each may have.
    """
    count = workers or max(1, len(gpus))
    names = ["gpu"] if count == 1 else [f"gpu{index}" for index in range(count)]
    if gpus:
        # In nvidia-smi's order: CUDA's own puts the fastest first.
        return [
            Seat(name, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)]})
            for index, name in enumerate(names)
        ]
    if count == 1 or "OMP_NUM_THREADS" in environ:
        return [Seat(name, {}) for name in names]
    share = max(1, _cores() // count)
    return [Seat(name, {"OMP_NUM_THREADS": str(share)}) for name in names]


def _cores() -> int:
    """Those that this process may use, where the system knows."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
