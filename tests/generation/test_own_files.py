"""Features that want a file of one's own, through the whole stack: another VAE, a refiner, an embedding."""

import shutil
from pathlib import Path
from typing import Any, Final

import pytest
from safetensors.torch import load_file, save_file

from gallery.models import Image
from models_hub.services import library_scan
from tests.generation.test_features import (
    PLAIN,
    Make,
    demo_family,
    differ,
    engine,
    infotext,
    make,
    pixels,
    worker,
)

__all__ = ["demo_family", "engine", "make", "worker"]

pytestmark = pytest.mark.django_db(transaction=True)

BASE: Final = Path(__file__).resolve().parents[2] / "models_hub/demo/base"
WEIGHTS: Final = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def files(make: Make, settings: Any) -> Path:
    """A models folder with each of them, made of the demo base, and scanned."""
    root = Path(settings.MODELS_PATH)
    other = root / "other"
    shutil.copytree(BASE, other)
    _changed(BASE / "unet" / WEIGHTS, other / "unet" / WEIGHTS, "conv_out.weight")
    _changed(BASE / "vae" / WEIGHTS, root / "darker.safetensors", "decoder.conv_out.bias")
    words = load_file(BASE / "text_encoder/model.safetensors")
    [table] = [tensor for name, tensor in words.items() if name.endswith("token_embedding.weight")]
    save_file({"emb_params": table[100:102].float().contiguous()}, root / "blobby.safetensors")
    library_scan()
    return root


def _changed(source: Path, target: Path, name: str) -> None:
    tensors = load_file(source)
    tensors[name] = tensors[name] * 0.8 - 0.1
    save_file({each: tensor.contiguous() for each, tensor in tensors.items()}, target)


ASKED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "vae": ({"vae": "darker"}, "VAE: darker"),
    "refiner": ({"refiner": {"model": "other", "switch_at": 0.5}}, "Refiner: other"),
    "embedding": ({"prompt": "red apple blobby"}, "TI hashes"),
}


def test_each_changes_the_picture_and_is_named(make: Make, files: Path) -> None:
    plain = pixels(make(**PLAIN))
    for name, (changes, said) in ASKED.items():
        job = make(**{**PLAIN, **changes})
        assert differ(pixels(job), plain), name
        assert said in infotext(job), name
        assert Image.objects.get(job_id=job.pk).recipe["prompt"] == job.params["prompt"]
        assert not differ(pixels(make(**PLAIN)), plain), name
