"""Engines on a tiny random checkpoint."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch

from generation.engine import checkpoints
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.decoding import picture_decode
from generation.engine.scripts import painting
from generation.engine.spec import EngineConfig, GenerationRequest, ModelRef
from generation.engine.step_engine import StepEngine
from tests.engine.tiny import SIDE, tiny_folder, tiny_single_file, tiny_xl_folder, tiny_xl_single_file

TIMEOUT = 180.0
"""Seconds a test waits for a future before it calls the engine stuck."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # Tiny tensors gain nothing from a second thread and lose much when the other core is busy.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other weights, v-prediction."""
    folder = tmp_path_factory.mktemp("models") / "other"
    return tiny_folder(folder, seed=1, prediction_type="v_prediction")


@pytest.fixture(scope="session")
def tiny_file(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_single_file(tiny, tmp_path_factory.mktemp("models") / "tiny.safetensors")


@pytest.fixture(scope="session")
def tiny_xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_xl_folder(tmp_path_factory.mktemp("models") / "tiny_xl")


@pytest.fixture(scope="session")
def tiny_xl_file(tiny_xl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_xl_single_file(tiny_xl, tmp_path_factory.mktemp("models") / "tiny_xl.safetensors")


class MakeRequest(Protocol):
    def __call__(
        self, prompt: str = ..., *, model: Path | None = ..., **values: Any
    ) -> GenerationRequest: ...


@pytest.fixture
def make_request(tiny: Path) -> MakeRequest:
    def make(prompt: str = "a red fox", *, model: Path | None = None, **values: Any) -> GenerationRequest:
        checkpoint = ModelRef(path=model or tiny)
        return GenerationRequest(
            checkpoint=checkpoint, prompt=prompt, **{"width": SIDE, "height": SIDE, "steps": 4, **values}
        )

    return make


class MakeEngine(Protocol):
    def __call__(self, **values: Any) -> StepEngine: ...


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    engines: list[StepEngine] = []

    def make(**values: Any) -> StepEngine:
        engines.append(StepEngine(EngineConfig(**{"device": "cpu", **values})))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> StepEngine:
    return make_engine()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The latents of every picture that an engine decodes, in order; decoding itself is the real one."""
    latents: list[torch.Tensor] = []

    def recording(vae: Any, row: torch.Tensor) -> Any:
        latents.append(row.clone())
        return picture_decode(vae, row)

    monkeypatch.setattr(painting, "picture_decode", recording)
    return latents


@dataclass
class Denoiser:
    """The loaded U-Nets' calls seen from outside: their batch sizes, and a fault to raise before each."""

    batches: list[int] = field(default_factory=list)
    before: Callable[[torch.Tensor], None] = lambda sample: None

    def wrap(self, checkpoint: Checkpoint) -> Checkpoint:
        checkpoint.unet.register_forward_pre_hook(self._called)
        return checkpoint

    def _called(self, _: torch.nn.Module, positional: tuple[Any, ...]) -> None:
        self.batches.append(len(positional[0]))
        self.before(positional[0])


@pytest.fixture
def denoiser(monkeypatch: pytest.MonkeyPatch) -> Denoiser:
    """Watches and disturbs the real U-Net; ask for it before the engine."""
    denoiser = Denoiser()
    load = checkpoints.load
    monkeypatch.setattr(checkpoints, "load", lambda path, dtype: denoiser.wrap(load(path, dtype)))
    return denoiser
