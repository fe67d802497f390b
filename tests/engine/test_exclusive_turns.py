"""SD3 and Flux take turns with everybody else: the baton, and what they wear only in their own turns."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from generation.engine.checkpoints import flow_load
from generation.engine.checkpoints.flow import FlowCheckpoint
from generation.engine.exclusive import exclusive_run
from generation.engine.exclusive.baton import sliced
from generation.engine.networks import LoraFile, Merged, NetworkUse, merge
from generation.engine.networks.layer import Layer
from generation.engine.slices import run_through
from tests.engine.test_exclusive import STEPS, helpers, request
from tests.engine.tiny_flow import tiny_flux_folder, tiny_sd3_folder


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FlowCheckpoint]:
    root: Path = tmp_path_factory.mktemp("models")
    made = {"sd3": tiny_sd3_folder(root / "sd3"), "flux": tiny_flux_folder(root / "flux")}
    return {name: flow_load(path, torch.float32) for name, path in made.items()}


def networks_of(checkpoint: FlowCheckpoint, *, layers: dict[str, str]) -> Merged:
    """A random network of rank 1 for the named layers, merged."""
    draw = torch.Generator().manual_seed(0)
    made = {}
    for component, name in layers.items():
        rows, columns = checkpoint.components[component].get_submodule(name).weight.shape  # type: ignore[misc]
        up, down = torch.randn(rows, 1, generator=draw), torch.randn(1, columns, generator=draw)
        layer = Layer(name, {"lora_up": up, "lora_down": down})
        made[component, name.replace(".", "_")] = layer
    use = NetworkUse(LoraFile("test", made), "test")
    return run_through(merge(checkpoint.components, [use], dtype=torch.float32))


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("flux", {"denoiser": "transformer_blocks.0.attn.to_q"}),
        ("sd3", {"denoiser": "transformer_blocks.0.attn.to_q"}),
        ("sd3", {"text_encoder_2": "text_model.encoder.layers.0.mlp.fc1"}),
    ],
)
def test_networks_are_worn_in_turns_alone(
    name: str, layers: dict[str, str], loaded: dict[str, FlowCheckpoint]
) -> None:
    checkpoint = loaded[name]
    networks = networks_of(checkpoint, layers=layers)
    [plain_picture] = run_through(exclusive_run(checkpoint, request()))
    [dressed_picture] = run_through(exclusive_run(checkpoint, request(), networks=networks))
    assert plain_picture.tobytes() != dressed_picture.tobytes()
    before = {key: id(each) for key, each in checkpoint.transformer.named_parameters()}
    dressed = exclusive_run(checkpoint, request(), networks=networks)
    plain = exclusive_run(checkpoint, request())
    for _ in range(STEPS):  # both at once, a step each
        next(dressed)
        assert {key: id(each) for key, each in checkpoint.transformer.named_parameters()} == before
        next(plain)
    assert run_through(plain)[0].tobytes() == plain_picture.tobytes()
    assert run_through(dressed)[0].tobytes() == dressed_picture.tobytes()


def test_caller_and_work_take_turns() -> None:
    log: list[str] = []

    def work(hand_over: Callable[[int], None]) -> str:
        for number in range(3):
            log.append(f"work {number}")
            assert torch.is_inference_mode_enabled()
            hand_over(number)
        return "done"

    turns = sliced(work)
    for number in range(3):
        assert next(turns) == number
        log.append(f"caller {number}")
    with pytest.raises(StopIteration) as end:
        next(turns)
    assert end.value.value == "done"
    assert log == [f"{who} {number}" for number in range(3) for who in ("work", "caller")]


def test_abandoned_work_cleans_up_and_cannot_refuse() -> None:
    log: list[str] = []

    def work(hand_over: Callable[[int], None]) -> None:
        try:
            hand_over(1)
        except Exception:
            log.append("took it for an error")
        finally:
            log.append("cleaned up")

    turns = sliced(work)
    next(turns)
    turns.close()
    assert log == ["cleaned up"]
    assert helpers() == []
