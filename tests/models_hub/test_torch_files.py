"""PyTorch files: what is read from them, that no instruction of theirs is carried out, and that whatever is
taken in is what PyTorch's restricted unpickler loads too.
"""

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models_hub.inspection import file_inspect
from models_hub.models import ModelFile
from models_hub.services import library_scan, model_path
from models_hub.torch_files import machine, tensors_read
from sdweb.errors import PortalError
from tests.models_hub import making
from tests.models_hub.making import Shapes

Kind = ModelFile.Kind


def zeros(shapes: Shapes) -> "OrderedDict[str, torch.Tensor]":
    """A state dict, as a module of torch gives it."""
    state = OrderedDict((name, torch.zeros(shape)) for name, shape in shapes.items())
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined] # as torch.nn does
    return state


def saved(path: Path, content: Any, *, old: bool = False) -> Path:
    """A real file of PyTorch, in the form of today or that of before 1.6."""
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    return path


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (zeros(making.COMPACT_X2), Kind.UPSCALER),
        ({"params_ema": zeros(making.COMPACT_X2), "params": zeros(making.COMPACT_X2)}, Kind.UPSCALER),
        ({"params": {f"module.{name}": value for name, value in zeros(making.COMPACT_X2).items()}},
         Kind.UPSCALER),
        ({"params_ema": zeros(making.GFPGAN), "iter": 5, "best": 0.5, "done": True}, Kind.FACE_RESTORER),
        ({"params_ema": zeros(making.CODEFORMER)}, Kind.FACE_RESTORER),
        ({"string_to_token": {"*": 265}, "string_to_param": {"*": torch.zeros(2, 768)}, "name": "x",
          "step": 1, "sd_checkpoint": None}, Kind.EMBEDDING),
        ({"<cat-toy>": torch.zeros(768)}, Kind.EMBEDDING),
        ({"clip_l": torch.nn.Parameter(torch.zeros(2, 768)), "clip_g": torch.zeros(2, 1280).half()},
         Kind.EMBEDDING),
    ],
)  # fmt: skip
def test_it_recognises(tmp_path: Path, content: Any, kind: Kind, old: bool) -> None:
    found = file_inspect(saved(tmp_path / "x.pth", content, old=old))
    assert (found.kind, found.format) == (kind, ModelFile.Format.TORCH)


@pytest.mark.parametrize("old", [False, True])
def test_names_types_and_shapes_are_those_of_torch(tmp_path: Path, old: bool) -> None:
    whole = torch.zeros(6, 4)
    content = {
        "half": torch.zeros(3, dtype=torch.float16), "brain": torch.zeros(1, 2, dtype=torch.bfloat16),
        "long": torch.tensor(5), "bool": torch.zeros(2, dtype=torch.bool), "empty": torch.zeros(0, 3),
        "a part": whole[2:, 1:3], "turned": whole.T, "whole": whole,
    }  # fmt: skip
    read = tensors_read(saved(tmp_path / "x.pt", content, old=old))
    assert {name: tensor.shape for name, tensor in read.tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in content.items()
    }
    assert [read.tensors[name].dtype for name in ("half", "brain", "long", "bool", "whole")] == [
        "F16", "BF16", "I64", "BOOL", "F32",
    ]  # fmt: skip


def test_other_kinds_have_to_be_safetensors(tmp_path: Path) -> None:
    for shapes in (making.LORA_SD15, making.VAE, making.CONTROLNET, making.SD15):
        with pytest.raises(PortalError, match=r"\.safetensors") as caught:
            file_inspect(saved(tmp_path / "x.pt", zeros(shapes)))
        assert caught.value.code == "unsafe_format"


# --- Hostile files
# ---------------------------------------------------------------------------------------------------------


def archived(payload: bytes, **records: bytes) -> bytes:
    """A pickle where PyTorch has its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", payload)
        archive.writestr("archive/version", b"3\n")
        for name, content in records.items():
            archive.writestr(f"archive/data/{name}", content)
    return buffer.getvalue()


def legacy(payload: bytes) -> bytes:
    """A pickle behind the honest beginning of a file of before 1.6."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    return b"".join(pickle.dumps(one, protocol=2) for one in head) + payload


class Calls:
    """Reduces to any call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


def dumped(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2)


EXPLODE: Final = b"cposix\nsystem\n(X\x10\x00\x00\x00touch exploded!!tR"
STORAGE: Final = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04t"
)
TENSOR_HEAD: Final = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((" + STORAGE[1:] + b"Q"

HOSTILE: Final = {
    "os.system by REDUCE": (dumped(Calls(os.system, "touch exploded")), "imports posix.system"),
    "in a table": (dumped({"params": {"w": Calls(os.system, "x")}}), "posix.system"),
    "in a list, in a tuple": (dumped([({"a": (Calls(os.system, "x"),)},)]), "posix.system"),
    "eval": (dumped(Calls(eval, "1")), "eval"),
    "getattr": (dumped(Calls(getattr, torch, "load")), "getattr"),
    "a newer protocol": (pickle.dumps(Calls(os.system, "x"), protocol=4), "posix.system"),
    "the newest protocol, framed": (pickle.dumps(Calls(exec, "1"), protocol=5), "exec"),
    "after the memo was rewritten": (
        b"\x80\x02ccollections\nOrderedDict\nq\x00cposix\nsystem\nq\x00h\x00(U\x01xtR.", "posix.system",
    ),
    "a name with dots": (b"\x80\x02ctorch\nserialization.os.system\n.", "serialization.os.system"),
    "a module that is allowed, another name": (b"\x80\x02ctorch._utils\n_import_dotted_name\n.", "dotted"),
    "a name of the stack": (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "posix.system"),
    "a class by INST": (b"\x80\x02(iposix\nsystem\n.", "posix.system"),
    "an allowed class by INST": (b"\x80\x02(icollections\nOrderedDict\n.", "makes an object"),
    "an object by OBJ": (b"\x80\x02(ccollections\nOrderedDict\no.", "instruction OBJ"),
    "an object by NEWOBJ": (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "instruction NEWOBJ"),
    "an extension": (b"\x80\x02\x82\x01.", "instruction EXT1"),
    "bytes loaded again": (b"\x80\x02ctorch.storage\n_load_from_bytes\nU\x01x\x85R.", "_load_from_bytes"),
    "a call of what a call made": (b"\x80\x02ccollections\nOrderedDict\n)R)R.", "something that it made"),
    "a storage called": (b"\x80\x02ctorch\nFloatStorage\n)R.", "calls torch.FloatStorage"),
    "state for a class": (b"\x80\x02ccollections\nOrderedDict\n}b.", "no table"),
    "items for a class": (b"\x80\x02ccollections\nOrderedDict\nU\x01aK\x01s.", "no table"),
    "state for a plain table": (b"\x80\x02}}b.", "no table"),
    "state for a tensor": (TENSOR_HEAD + b"K\x00K\x04\x85K\x01\x85\x89NtR}b.", "no table"),
    "a persistent id that is a path": (b"\x80\x02X\x0b\x00\x00\x00/etc/passwdQ.", "not in the file"),
    "a persistent id as text": (b"P/etc/passwd\n.", "instruction PERSID"),
    "a storage of another class": (
        b"\x80\x02(U\x07storageccollections\nOrderedDict\nU\x010U\x03cpuK\x04tQ.", "stores collections",
    ),
    "an array of numpy": (dumped(torch.zeros(2).numpy()), "numpy"),
    "a module": (dumped(torch.nn.Linear(1, 1)), "torch.nn"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
@pytest.mark.parametrize("wrap", [archived, legacy, bytes])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_program_is_refused_by_the_name_of_what_it_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, wrap: Callable[[bytes], bytes], suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    payload, reason = HOSTILE[name]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(wrap(payload))
    with pytest.raises(PortalError) as caught:
        file_inspect(path)
    assert caught.value.code == "unsafe_format"
    assert reason in caught.value.message
    assert len(caught.value.message) < 400
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def two_records() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("archive/data.pkl", b"\x80\x02" + EXPLODE + b".")
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N" * 2**24)
    return buffer.getvalue()


def records(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"\x80\x02}.")
    return buffer.getvalue()


TENSOR: Final = TENSOR_HEAD + b"K\x00K\x04\x85K\x01\x85\x89NtR."
FOUR: Final = struct.pack("<Q", 4)
BROKEN: Final = {
    "nothing": b"",
    "text": b"hello, world",
    "an archive cut off": archived(TENSOR, **{"0": b"\0" * 16})[:-30],
    "an archive of something else": records("word/document.xml"),
    "an archive of two": records("a/data.pkl", "b/data.pkl"),
    "an archive without a folder": records("data.pkl"),
    "two records of one name": two_records(),
    "a compressed pickle": bomb(),
    "a storage that is missing": archived(TENSOR),
    "a storage that is too short": archived(TENSOR, **{"0": b"\0" * 15}),
    "a tensor larger than its storage": archived(
        TENSOR_HEAD + b"K\x00J\x00\x00\x00\x7f\x85K\x00\x85\x89NtR.", **{"0": b"\0" * 16}
    ),
    "a tensor behind its storage": archived(
        TENSOR_HEAD + b"K\x01K\x04\x85K\x01\x85\x89NtR.", **{"0": b"\0" * 16}
    ),
    "a negative size": archived(TENSOR_HEAD + b"K\x00J\xff\xff\xff\xff\x85K\x01\x85\x89NtR."),
    "many dimensions": archived(TENSOR_HEAD + b"K\x00(" + b"K\x01" * 99 + b"t)\x89NtR."),
    "a size that is true": archived(TENSOR_HEAD + b"K\x00\x88\x85K\x01\x85\x89NtR."),
    "a tensor of nothing": archived(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\x00K\x04\x85)tR."),
    "no table": archived(b"\x80\x02]."),
    "a key that takes long to hash": archived(b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 64 + b"}h\x00Ns."),
    "a pickle without an end": archived(b"\x80\x02}"),
    "a pickle that takes from an empty stack": archived(b"\x80\x02s."),
    "a mark that is missing": archived(b"\x80\x02}u."),
    "half an item": archived(b"\x80\x02}(K\x01u."),
    "a memory of nothing": archived(b"\x80\x02h\x07."),
    "an argument that is cut off": archived(b"\x80\x02X\xff\xff\xff\x00abc."),
    "a text that is none": archived(b"\x80\x02X\x01\x00\x00\x00\xff."),
    "something left over": archived(b"\x80\x02}}."),
    "a newer protocol without a program": archived(pickle.dumps({"a": 1}, protocol=4)),
    "no protocol": archived(b"}."),
    "only its beginning": legacy(b""),
    "a version to come": b"".join(map(dumped, (0x1950A86A20F9469CFC6C, 1002, {}, {}, []))),
    "a pickle of something": dumped({"a": 1}),
    "weights that are cut off": legacy(TENSOR + dumped(["0"]) + FOUR + b"\0" * 15),
    "a storage of another size": legacy(TENSOR + dumped(["0"]) + b"\0" * 24),
    "a storage that is not listed": legacy(TENSOR + dumped([]) + FOUR + b"\0" * 16),
    "a storage that nobody knows": legacy(TENSOR + dumped(["0", "1"]) + FOUR + b"\0" * 16),
    "storages that are no names": legacy(TENSOR + dumped([[[]]]) + FOUR + b"\0" * 16),
    "a storage in two sizes": legacy(
        b"\x80\x02(" + STORAGE + b"Q" + STORAGE.replace(b"K\x04", b"K\x05") + b"Qt."
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(BROKEN[name])
    with pytest.raises(PortalError) as caught:
        file_inspect(path)
    assert caught.value.code == "broken_file"


def named(tensor: bytes) -> bytes:
    """A table with the one tensor that the pickle makes."""
    return b"\x80\x02}U\x01w" + tensor[2:-1] + b"s."


VIEW: Final = TENSOR_HEAD + b"K\x00K\x02\x85"
ONE_STEP: Final = TENSOR_HEAD + b"K\x00K\x04\x85K\x01\x85"
REFUSED_BY_TORCH: Final = {
    "a view that leaves its storage": (VIEW + b"K\x04\x85\x89NtR.", "larger than its storage"),
    "a view of gigabytes": (VIEW + b"J\xff\xff\xff\x7f\x85\x89NtR.", "larger than its storage"),
    "a step too many": (VIEW + b"K\x01K\x01\x86\x89NtR.", "wrong strides"),
    "a step back": (VIEW + b"J\xff\xff\xff\xff\x85\x89NtR.", "wrong strides"),
    "a step that is true": (VIEW + b"\x88\x85\x89NtR.", "wrong strides"),
    "a gradient that is a number": (ONE_STEP + b"K\x01NtR.", "details"),
    "a tensor without the rest": (ONE_STEP + b"tR.", "details"),
    "a tensor with a mark": (ONE_STEP + b"\x89NK\x01tR.", "details"),
    "a parameter without the rest": (
        b"\x80\x02ctorch._utils\n_rebuild_parameter\n(" + TENSOR[2:-1] + b"tR.", "incomplete",
    ),
    "a device that is no name": (TENSOR.replace(b"X\x03\x00\x00\x00cpu", b"N"), "no name"),
    "a part of a storage": (TENSOR.replace(b"K\x04t", b"K\x04(K\x00tt", 1), "a part of another"),
    "attributes that are a number": (
        b"\x80\x02ccollections\nOrderedDict\n)RK\x01b.", "attributes of one of its tables",
    ),
}  # fmt: skip


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("name", REFUSED_BY_TORCH)
def test_what_torch_would_refuse_or_make_room_for_is_broken(tmp_path: Path, name: str, old: bool) -> None:
    payload, reason = REFUSED_BY_TORCH[name]
    path = tmp_path / "x.pth"
    behind = named(payload) + dumped(["0"]) + FOUR + b"\0" * 16
    path.write_bytes(legacy(behind) if old else archived(named(payload), **{"0": b"\0" * 16}))
    with pytest.raises(PortalError, match=reason) as caught:
        tensors_read(path)
    assert caught.value.code == "broken_file"


def test_a_legacy_file_made_by_hand_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(legacy(named(TENSOR) + dumped(["0"]) + FOUR + b"\0" * 16))
    assert tensors_read(path).shape("w") == (4,)


def test_long_pickles_are_not_followed_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(archived(b"\x80\x02}" + b"(u" * 2000 + b"."))
    assert tensors_read(path).tensors == {}
    monkeypatch.setattr(machine, "MAX_INSTRUCTIONS", 1000)
    with pytest.raises(PortalError, match="more instructions"):
        tensors_read(path)
    monkeypatch.setattr(machine, "MAX_PICKLE_BYTES", 1000)
    with pytest.raises(PortalError, match="longer than any real one"):
        tensors_read(path)
    path.write_bytes(archived(b"\x80\x02X" + struct.pack("<I", 2**32 - 1)))
    with pytest.raises(PortalError, match="longer than any real one"):
        tensors_read(path)
    path.write_bytes(archived(b"\x80\x02c" + b"x" * 2000))
    with pytest.raises(PortalError, match="longer than any real one"):
        tensors_read(path)


def test_a_long_list_of_records_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(archived(b"\x80\x02}.", **{str(number): b"" for number in range(5000)}))
    assert tensors_read(path).tensors == {}
    monkeypatch.setattr("models_hub.torch_files.reading.MAX_DIRECTORY_BYTES", 100_000)
    with pytest.raises(PortalError, match="list of records"):
        tensors_read(path)


SMALL: Final = {"params": OrderedDict({"a": torch.zeros(2, 3), "b": torch.nn.Parameter(torch.zeros(4))})}


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), old=st.booleans())
def test_what_is_taken_in_is_what_torch_loads(tmp_path: Path, data: st.DataObject, old: bool) -> None:
    """Bytes of a real file's pickle are changed at random: where we say yes, PyTorch's restricted unpickler
    takes the file as workers have it do, and finds the same tensors.
    """
    path = saved(tmp_path / "x.pth", SMALL, old=old)
    parts = {} if old else parts_of(path)
    content = bytearray(path.read_bytes() if old else parts.pop("data.pkl"))
    start = content.index(b"\x80\x02")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(start, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    # An archive is made anew: its checksum would give every change away.
    path.write_bytes(content if old else archived(bytes(content), **parts))
    try:
        found = tensors_read(path)
    except PortalError:
        return
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    shapes = {tuple(one.shape) for one in loaded.get("params", loaded).values() if hasattr(one, "shape")}
    assert {tensor.shape for tensor in found.tensors.values()} <= shapes


def parts_of(path: Path) -> dict[str, bytes]:
    """The pickle and the storages of an archive, by the last part of their names."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/data/" in name or name.endswith("data.pkl")]
        return {name.rpartition("/")[2]: archive.read(name) for name in names}


# --- In the library
# ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_models_folder_takes_them_in(library: Path, shipped: Path) -> None:
    for folder in ("ESRGAN", "GFPGAN", "embeddings"):
        (library / folder).mkdir()
    upscaler = saved(library / "ESRGAN" / "x2.pth", {"params": zeros(making.COMPACT_X2)})
    saved(library / "GFPGAN" / "GFPGANv1.4.pth", {"params_ema": zeros(making.GFPGAN)}, old=True)
    saved(library / "embeddings" / "toy.pt", {"string_to_param": {"*": torch.zeros(1, 768)}})
    (library / "bad.pt").write_bytes(archived(HOSTILE["os.system by REDUCE"][0]))
    result = library_scan(builtin_root=shipped)
    assert dict(ModelFile.objects.values_list("name", "kind")) == {
        "x2": "upscaler", "GFPGANv1.4": "face_restorer", "toy": "embedding",
    }  # fmt: skip
    assert [(one.path, one.code) for one in result.refused] == [("bad.pt", "unsafe_format")]
    assert "posix.system" in result.refused[0].reason
    assert model_path(ModelFile.objects.get(name="x2")) == upscaler


@pytest.mark.django_db
def test_the_database_keeps_them_to_three_kinds(library: Path, shipped: Path) -> None:
    saved(library / "x2.pth", {"params": zeros(making.COMPACT_X2)})
    library_scan(builtin_root=shipped)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelFile.objects.update(kind="lora")
