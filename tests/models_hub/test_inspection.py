"""What files are taken for, and everything a hostile one may try."""

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models_hub import inspection
from models_hub.inspection import file_inspect, folder_inspect
from models_hub.models import ModelFile
from models_hub.safetensors_header import header_read
from sdweb.errors import PortalError
from tests.models_hub import making
from tests.models_hub.making import Shapes, folder_write, raw_write, safetensors_write

Kind = ModelFile.Kind
Family = ModelFile.Family
UNET_IN = "model.diffusion_model.input_blocks.0.0.weight"


@pytest.mark.parametrize(
    ("shapes", "kind", "family", "native_size"),
    [
        (making.SD15, Kind.CHECKPOINT, Family.SD15, 512),
        (making.SDXL, Kind.CHECKPOINT, Family.SDXL, 1024),
        (making.SD3, Kind.CHECKPOINT, Family.SD3, 1024),
        (making.FLUX, Kind.CHECKPOINT, Family.FLUX, 1024),
        (making.LORA_SD15, Kind.LORA, Family.SD15, 512),
        (making.LORA_SDXL, Kind.LORA, Family.SDXL, 1024),
        (making.VAE, Kind.VAE, Family.UNKNOWN, 512),
        (making.CONTROLNET, Kind.CONTROLNET, Family.UNKNOWN, 512),
        (making.EMBEDDING, Kind.EMBEDDING, Family.SD15, 512),
    ],
)
def test_it_recognises(tmp_path: Path, shapes: Shapes, kind: Kind, family: Family, native_size: int) -> None:
    found = file_inspect(safetensors_write(tmp_path / "x.safetensors", shapes))
    assert (found.kind, found.family, found.native_size) == (kind, family, native_size)
    assert found.format == ModelFile.Format.SAFETENSORS


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({**making.SD15, UNET_IN: (32, 8, 3, 3)}, "8 channels"),
        ({**making.SDXL, UNET_IN: (32, 5, 3, 3)}, "5 channels"),
        ({**making.FLUX, "model.diffusion_model.img_in.weight": (24, 128)}, "control picture"),
        ({name: shape for name, shape in making.XL_REFINER.items() if "stage" not in name}, "no VAE"),
        ({"model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3)}, "no VAE and no text encoder"),
        (
            {name: shape for name, shape in making.SDXL.items() if ".embedders.1." not in name},
            "no second text encoder",
        ),
        ({"something.weight": (4,)}, "no kind of model"),
        ({}, "no kind of model"),
    ],
)
def test_it_says_why_not(tmp_path: Path, shapes: Shapes, reason: str) -> None:
    with pytest.raises(PortalError, match=reason) as caught:
        file_inspect(safetensors_write(tmp_path / "x.safetensors", shapes))
    assert caught.value.code == "unknown_model_type"


@pytest.mark.parametrize(
    ("shapes", "family", "variant"),
    [
        (making.SD15, Family.SD15, "base"),
        (making.INPAINTING, Family.SD15, "inpainting"),
        ({**making.SDXL, UNET_IN: (32, 9, 3, 3)}, Family.SDXL, "inpainting"),
        (making.XL_REFINER, Family.SDXL, "refiner"),
        ({**making.FLUX, "img_in.weight": (24, 64)}, Family.FLUX, "base"),
        ({**making.FLUX, "model.diffusion_model.img_in.weight": (24, 384)}, Family.FLUX, "inpainting"),
        (making.SD2, Family.SD2, "base"),
        ({**making.SD2, UNET_IN: (32, 9, 3, 3)}, Family.SD2, "inpainting"),
        (making.LORA_SD15, Family.SD15, "base"),
    ],
)
def test_it_tells_what_a_checkpoint_is_made_for(
    tmp_path: Path, shapes: Shapes, family: Family, variant: str
) -> None:
    found = file_inspect(safetensors_write(tmp_path / "x.safetensors", shapes))
    assert (found.family, found.variant) == (family, variant)


def entry(dtype: Any = "F16", shape: Any = (2,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HOSTILE_HEADERS = [
    ("empty", b""),
    ("not JSON", b"{"),
    ("not an object", b"[]"),
    ("a number", b"1"),
    ("not UTF-8", b'{"\xff": {}}'),
    ("more lists than fit in memory", b'{"a": [' + b"[]," * 1_000_001 + b"1]}"),
    ("more texts than fit in memory", b'{"a": [' + b'"",' * 500_001 + b"1]}"),
    ("deep", b"[" * 100_000),
    ("deep in an entry", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    ("a name twice", b'{"a": {"dtype":"F16","shape":[2],"data_offsets":[0,4]}, "a": {}}'),
    ("NaN", b'{"a": NaN}'),
    ("a huge number", b'{"a": {"dtype":"F16","shape":[' + b"9" * 10_000 + b'],"data_offsets":[0,4]}}'),
    ("no tensor", b'{"a": 1}'),
    ("no dtype", json.dumps({"a": {"shape": [2], "data_offsets": [0, 4]}}).encode()),
    ("unknown dtype", json.dumps({"a": entry(dtype="OBJ")}).encode()),
    ("dtype of a wrong type", json.dumps({"a": entry(dtype=["F16"])}).encode()),
    ("negative shape", json.dumps({"a": entry(shape=[-2])}).encode()),
    ("shape overflow", json.dumps({"a": entry(shape=[2**62, 2**62])}).encode()),
    ("shape of truths", json.dumps({"a": entry(shape=[True, 2])}).encode()),
    ("shape of halves", json.dumps({"a": entry(shape=[2.0])}).encode()),
    ("many dimensions", json.dumps({"a": entry(shape=[1] * 1000 + [2])}).encode()),
    ("offsets reversed", json.dumps({"a": entry(offsets=[4, 0])}).encode()),
    ("three offsets", json.dumps({"a": entry(offsets=[0, 4, 8])}).encode()),
    ("offsets missing", json.dumps({"a": {"dtype": "F16", "shape": [2]}}).encode()),
    ("offset beyond the file", json.dumps({"a": entry(shape=[2**40], offsets=[0, 2**41])}).encode()),
    ("length that does not fit", json.dumps({"a": entry(shape=[1])}).encode()),
    ("overlap", json.dumps({"a": entry(), "b": entry(offsets=[2, 6])}).encode()),
    ("the same place twice", json.dumps({"a": entry(), "b": entry()}).encode()),
    ("a hole", json.dumps({"a": entry(offsets=[0, 4]), "b": entry(offsets=[6, 10])}).encode()),
    ("starts late", json.dumps({"a": entry(offsets=[4, 8])}).encode()),
    ("metadata that are no texts", json.dumps({"__metadata__": {"a": 1}, "a": entry()}).encode()),
    ("metadata that are a list", json.dumps({"__metadata__": [], "a": entry()}).encode()),
]


@pytest.mark.parametrize(
    "header", [case[1] for case in HOSTILE_HEADERS], ids=[case[0] for case in HOSTILE_HEADERS]
)
def test_hostile_headers_are_refused(tmp_path: Path, header: bytes) -> None:
    path = raw_write(tmp_path / "x.safetensors", header, b"\0" * 4)
    with pytest.raises(PortalError) as caught:
        file_inspect(path)
    assert caught.value.code == "broken_file"


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40, 17 * 2**20, 3])
def test_a_lie_about_the_length_is_refused_without_reading_it(tmp_path: Path, length: int) -> None:
    path = raw_write(tmp_path / "x.safetensors", b"{}", length=length)
    with pytest.raises(PortalError) as caught:
        file_inspect(path)
    assert caught.value.code == "broken_file"


@pytest.mark.parametrize("cut", [0, 7, 8, 20, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    path = safetensors_write(tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(PortalError, match="not a whole safetensors file"):
        file_inspect(path)


def test_a_file_that_goes_on_is_refused(tmp_path: Path) -> None:
    path = safetensors_write(tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes() + b"#!/bin/sh")
    with pytest.raises(PortalError, match="goes on after"):
        file_inspect(path)


def test_an_empty_tensor_is_allowed(tmp_path: Path) -> None:
    header = header_read(safetensors_write(tmp_path / "x.safetensors", {"a": (0, 4), "b": (2,), "c": ()}))
    assert header.shape("a") == (0, 4)
    assert header.shape("c") == header.shape("absent") == ()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_in_good_order(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(PortalError):
        file_inspect(path)


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


def pickled(tmp_path: Path, *, zipped: bool) -> bytes:
    payload = pickle.dumps(Bomb(tmp_path / "exploded"))
    if not zipped:
        return payload
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("archive/data.pkl", payload)
    return (tmp_path / "zip").read_bytes()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".bin", ".pkl", ".CKPT", ".safetensors"])
def test_pickles_are_refused_and_never_run(tmp_path: Path, suffix: str, zipped: bool) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(pickled(tmp_path, zipped=zipped))
    with pytest.raises(PortalError) as caught:
        file_inspect(path)
    assert caught.value.code == "unsafe_format"
    assert "pickle" in caught.value.message
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_behind_an_honest_length_is_refused(tmp_path: Path) -> None:
    payload = pickled(tmp_path, zipped=False)
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(payload)) + payload)
    with pytest.raises(PortalError, match="not JSON"):
        file_inspect(tmp_path / "x.safetensors")


# --- Folders
# ---------------------------------------------------------------------------------------------------------


def test_it_recognises_a_folder(tmp_path: Path) -> None:
    found = folder_inspect(folder_write(tmp_path / "demo"))
    assert (found.kind, found.family) == (Kind.CHECKPOINT, Family.SD15)
    assert (found.format, found.native_size) == (ModelFile.Format.DIFFUSERS, 128)


@pytest.mark.parametrize(
    ("index", "code"),
    [
        ({"_class_name": "os.system"}, "unknown_model_type"),
        ({"_class_name": ["StableDiffusionPipeline"]}, "unknown_model_type"),
        ({"_class_name": None}, "unknown_model_type"),
        ({"text_encoder_2": ["transformers", "CLIPTextModel"]}, "unknown_model_type"),
        ({"unet": ["os", "system"]}, "unsafe_format"),
        ({"unet": ["my_module", "UNet"]}, "unsafe_format"),
        ({"unet": {"library": "os"}}, "unknown_model_type"),
        ({"unet": [None, None]}, "unknown_model_type"),
        ({"unet": ["diffusers"]}, "unsafe_format"),
        ({"unet": [["diffusers"], "UNet"]}, "unsafe_format"),
        ({"unet": ["diffusers", 5]}, "unsafe_format"),
        ({"../../secrets": ["diffusers", "UNet"]}, "broken_file"),
        ({"absent": ["diffusers", "UNet"]}, "broken_file"),
    ],
)
def test_hostile_folders_are_refused(tmp_path: Path, index: dict[str, Any], code: str) -> None:
    (tmp_path / "secrets").mkdir()
    with pytest.raises(PortalError) as caught:
        folder_inspect(folder_write(tmp_path / "a" / "demo", **index))
    assert caught.value.code == code


def xl_folder(path: Path, *, refiner: bool, channels: Any = 4) -> Path:
    """As diffusers saves SDXL and its refiner."""
    both = {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer_2": ["transformers", "CLIPTokenizer"]}  # fmt: skip
    first = {"text_encoder": [None, None], "tokenizer": [None, None]} if refiner else {}
    name = "StableDiffusionXLImg2ImgPipeline" if refiner else "StableDiffusionXLInpaintPipeline"
    folder = folder_write(path, _class_name=name, **both, **first)
    safetensors_write(folder / "text_encoder_2" / "model.safetensors", {"w": (4,)})
    (folder / "tokenizer_2").mkdir()
    (folder / "tokenizer_2" / "vocab.json").write_text("{}")
    (folder / "unet" / "config.json").write_text(json.dumps({"in_channels": channels}))
    return folder


def test_folders_tell_what_a_checkpoint_is_made_for(tmp_path: Path) -> None:
    refiner = folder_inspect(xl_folder(tmp_path / "refiner", refiner=True))
    assert (refiner.family, refiner.variant) == (Family.SDXL, "refiner")
    inpainting = folder_inspect(xl_folder(tmp_path / "inpainting", refiner=False, channels=9))
    assert (inpainting.family, inpainting.variant) == (Family.SDXL, "inpainting")
    folder = folder_write(tmp_path / "sd", _class_name="StableDiffusionInpaintPipeline")
    assert (folder_inspect(folder).family, folder_inspect(folder).variant) == (Family.SD15, "base")
    (folder / "unet" / "config.json").write_text('{"cross_attention_dim": 1024, "in_channels": 9}')
    found = folder_inspect(folder)
    assert (found.family, found.variant, found.native_size) == (Family.SD2, "inpainting", 768)


@pytest.mark.parametrize(("width", "variant"), [(64, "base"), (384, "inpainting"), ([384], "base")])
def test_a_folder_of_flux_may_be_made_for_filling(tmp_path: Path, width: Any, variant: str) -> None:
    parts = {"unet": [None, None], "transformer": ["diffusers", "FluxTransformer2DModel"]}
    folder = folder_write(tmp_path / "x", _class_name="FluxFillPipeline", **parts)
    (folder / "unet").rename(folder / "transformer")
    (folder / "transformer" / "config.json").write_text(json.dumps({"in_channels": width}))
    found = folder_inspect(folder)
    assert (found.family, found.variant) == (Family.FLUX, variant)


@pytest.mark.parametrize("channels", [5, "4", None, [4], True, 10**400])
def test_a_folder_that_takes_something_else_is_refused(tmp_path: Path, channels: Any) -> None:
    with pytest.raises(PortalError, match="channels: 4 draw") as caught:
        folder_inspect(xl_folder(tmp_path / "x", refiner=False, channels=channels))
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b" " * (2**20 + 1)])
def test_a_broken_index_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = folder_write(tmp_path / "demo")
    (folder / "model_index.json").write_bytes(content)
    with pytest.raises(PortalError) as caught:
        folder_inspect(folder)
    assert caught.value.code == "broken_file"


def test_weights_in_a_folder_must_be_safetensors(tmp_path: Path) -> None:
    folder = folder_write(tmp_path / "demo")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(
        folder / "unet" / "diffusion_pytorch_model.bin"
    )
    with pytest.raises(PortalError) as caught:
        folder_inspect(folder)
    assert caught.value.code == "unsafe_format"


def test_weights_in_a_folder_must_be_there(tmp_path: Path) -> None:
    folder = folder_write(tmp_path / "demo")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(PortalError, match="has no weights"):
        folder_inspect(folder)


def test_weights_in_a_folder_are_checked(tmp_path: Path) -> None:
    folder = folder_write(tmp_path / "demo")
    raw_write(folder / "vae" / "diffusion_pytorch_model.safetensors", b"{")
    with pytest.raises(PortalError) as caught:
        folder_inspect(folder)
    assert caught.value.code == "broken_file"


@pytest.mark.parametrize("size", [None, "64", -1, 10**9, True, [64, 64]])
def test_an_absurd_native_size_is_not_believed(tmp_path: Path, size: Any) -> None:
    folder = folder_write(tmp_path / "demo")
    (folder / "unet" / "config.json").write_text(json.dumps({"sample_size": size}))
    assert folder_inspect(folder).native_size == inspection.NATIVE_SIZES[Family.SD15]
