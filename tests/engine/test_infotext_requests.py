"""Everything that a request says, written in A1111's words and read back."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sd_parsers import ParserManager

from generation.engine import spec
from generation.engine.catalog import SAMPLERS, SCHEDULES, resolve_sampler, schedule_info
from generation.engine.infotext import (
    document_read,
    document_write,
    exif_write,
    infotext_write,
    parameters_split,
    recipe_fields,
    recipe_of,
    recipe_read,
    unit_read,
)
from generation.engine.infotext.a1111 import recipe_from_parameters
from generation.engine.spec import GenerationRequest, ModelRef

DIGEST: Final = "0123456789abcdef" * 4
PICTURE: Final = Image.new("RGB", (64, 64))


def model(name: str) -> ModelRef:
    return ModelRef(path=Path(f"/models/{name}.safetensors"), digest=DIGEST, name=name)


def write(request: GenerationRequest, **values: Any) -> str:
    given_values = {"seed": 7, "model_hash": DIGEST, "model_name": request.checkpoint.name, "version": "1.0"}
    return infotext_write(request, **{**given_values, **values})


FULL: Final = GenerationRequest(
    checkpoint=model("demo"),
    prompt="a (red:1.2) fox <lora:ink:0.5>",
    negative_prompt="blurry",
    steps=20,
    guidance_scale=7.0,
    sampler="DPM++ 2M",
    clip_skip=1,
    init=spec.InitImage(
        image=PICTURE,
        strength=0.6,
        resize_mode="crop",
        mask=spec.Mask(image=PICTURE, blur=8, invert=True, fill="latent_noise", only_masked=True, padding=16),
        outpaint=spec.Margins(left=64),
    ),
    variation=spec.Variation(seed=99, strength=0.25),
    tiling=True,
    controls=(
        spec.ControlUnit(model=model("canny"), image=PICTURE, preprocessor="canny", weight=0.8, end=0.9,
                         parameters={"low_threshold": 100, "high_threshold": 200}, mode="control"),
        spec.ControlUnit(model=model("a, b"), image=PICTURE),
    ),
    ip_adapters=(spec.IpAdapterUnit(model=model("ip"), image_encoder=model("clip"), images=(PICTURE,)),),
    loras=(spec.LoraUnit(model=model("gold"), denoiser=0.7, text_encoder=0.3),
           spec.LoraUnit(model=model("ink"), denoiser=0.5, text_encoder=0.5)),
    embeddings=(spec.Embedding(model=model("toy"), name="toy"),),
    vae=model("clear"),
    freeu=spec.FreeU(),
    pag_scale=3.0,
    cfg_rescale=0.7,
    refiner=spec.Refiner(checkpoint=model("fine"), switch_at=0.75),
    postprocess=(
        spec.FaceRestoration(model=model("GFPGANv1.4"), visibility=0.8),
        spec.Detailing(detector="haar_face", top_k=2, prompt="a face", steps=12, guidance_scale=4.0,
                       width=512, height=512, merge="merge", offset_x=3, min_ratio=0.1, max_ratio=0.5),
        spec.Detailing(detector=model("hand"), dilate=-2),
        spec.Upscale(scale=2.0, model=model("x2")),
    ),
)  # fmt: skip


TWICE: Final = replace(
    FULL,
    init=None,
    hires=spec.HiresFix(
        scale=1.5, steps=8, strength=0.4, upscaler=model("x4"), sampler="Euler", schedule="karras",
        prompt="fox, close", negative_prompt="fog", guidance_scale=5.0,
    ),
)  # fmt: skip


def test_every_key_stands_where_a1111_and_its_extensions_put_it() -> None:
    assert write(FULL).splitlines() == [
        "a (red:1.2) fox <lora:ink:0.5> <lora:gold:0.3:0.7>",
        "Negative prompt: blurry",
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 7, "
        "Face restoration: GFPGANv1.4, Size: 512x512, Model hash: 0123456789, Model: demo, "
        "VAE hash: 0123456789, VAE: clear, Variation seed: 99, Variation seed strength: 0.25, "
        "Denoising strength: 0.6, Clip skip: 2, RNG: CPU, Tiling: True, Resize mode: Crop and Resize, "
        "Masked content: latent noise, Mask mode: Inpaint not masked, Inpaint area: Only masked, "
        "Masked area padding: 16, Mask blur: 8, Outpaint left: 64, "
        'ControlNet 0: "Module: canny, Model: canny [01234567], Weight: 0.8, '
        "Resize Mode: Crop and Resize, Processor Res: 512, Threshold A: 100, Threshold B: 200, "
        "Guidance Start: 0.0, Guidance End: 0.9, Pixel Perfect: False, "
        'Control Mode: ControlNet is more important", '
        'ControlNet 2: "Module: ip-adapter-auto, Model: ip [01234567], Weight: 1.0, '
        'Guidance Start: 0.0, Guidance End: 1.0", '
        "Refiner: fine [0123456789], Refiner switch at: 0.75, "
        "freeu_enabled: True, freeu_b1: 1.3, freeu_b2: 1.4, freeu_s1: 0.9, freeu_s2: 0.2, "
        "PerturbedAttentionGuidance_enabled: True, PerturbedAttentionGuidance_scale: 3, CFG rescale: 0.7, "
        "Face restoration visibility: 0.8, Face restoration fidelity: 0.5, "
        "ADetailer model: haar_face, ADetailer prompt: a face, ADetailer confidence: 0.3, "
        "ADetailer method to decide top k masks: Confidence, ADetailer mask only top k: 2, "
        "ADetailer mask min ratio: 0.1, ADetailer mask max ratio: 0.5, ADetailer x offset: 3, "
        "ADetailer dilate erode: 4, ADetailer mask merge invert: Merge, ADetailer mask blur: 4, "
        "ADetailer denoising strength: 0.4, ADetailer inpaint only masked: True, "
        "ADetailer inpaint padding: 32, ADetailer use inpaint width height: True, "
        "ADetailer inpaint width: 512, ADetailer inpaint height: 512, "
        "ADetailer use separate steps: True, ADetailer steps: 12, "
        "ADetailer use separate CFG scale: True, ADetailer CFG scale: 4, "
        "ADetailer model 2nd: hand, ADetailer confidence 2nd: 0.3, ADetailer dilate erode 2nd: -2, "
        "ADetailer mask blur 2nd: 4, ADetailer denoising strength 2nd: 0.4, "
        "ADetailer inpaint only masked 2nd: True, ADetailer inpaint padding 2nd: 32, "
        "Postprocess upscale by: 2, Postprocess upscaler: x2, "
        'Lora hashes: "gold: 0123456789ab, ink: 0123456789ab", TI hashes: "toy: 0123456789ab", Version: 1.0',
    ]


FORM: Final[dict[str, Any]] = {
    "prompt": "a (red:1.2) fox <lora:ink:0.5> <lora:gold:0.3:0.7>",
    "negative_prompt": "blurry",
    "model": "demo",
    "steps": 20,
    "sampler": "DPM++ 2M",
    "scheduler": "Karras",
    "cfg_scale": 7.0,
    "seed": 7,
    "width": 512,
    "height": 512,
    "clip_skip": 1,
    "strength": 0.6,
    "vae": "clear",
    "resize_mode": "crop",
    "mask_blur": 8,
    "mask_invert": True,
    "inpaint_fill": "latent_noise",
    "inpaint_only_masked": True,
    "inpaint_padding": 16,
    "outpaint": {"left": 64},
    "variation": {"seed": 99, "strength": 0.25},
    "tiling": True,
    "refiner": {"model": "fine", "switch_at": 0.75},
    "freeu": {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2},
    "pag_scale": 3.0,
    "cfg_rescale": 0.7,
    "controlnet": [{"preprocessor": "canny", "model": "canny", "weight": 0.8, "resize_mode": "crop",
                    "preprocessor_resolution": 512, "start_percent": 0.0, "stop_percent": 0.9,
                    "control_mode": "control"}],
    "ip_adapter": [{"model": "ip", "scale": 1.0, "start": 0.0, "end": 1.0}],
    "face_restoration": {"model": "GFPGANv1.4", "visibility": 0.8, "fidelity": 0.5},
    "adetailer": [
        {"detector": "haar_face", "prompt": "a face", "confidence": 0.3, "top_k": 2, "min_ratio": 0.1,
         "max_ratio": 0.5, "offset_x": 3, "dilate": 4, "merge": "merge", "blur": 4, "strength": 0.4,
         "padding": 32, "width": 512, "height": 512, "steps": 12, "cfg_scale": 4.0},
        {"detector": "hand", "confidence": 0.3, "dilate": -2, "blur": 4, "strength": 0.4, "padding": 32},
    ],
    "upscale": {"scale": 2.0, "method": "x2"},
}  # fmt: skip


def test_a_form_gets_all_of_it_back() -> None:
    recipe = recipe_from_parameters(write(FULL))
    assert recipe is not None
    assert recipe_fields(recipe) == FORM


def test_our_own_document_says_the_same() -> None:
    own = document_read(document_write(recipe_of(FULL, seed=7)))
    assert own == recipe_of(FULL, seed=7)
    assert own is not None
    assert (own.source, own.prompt, own.model_hash) == ("sdweb", FULL.prompt, DIGEST)
    fields = recipe_fields(own)
    assert fields.pop("loras") == [{"name": "gold", "weight": 0.7}]
    assert fields == {**FORM, "prompt": FULL.prompt}


def test_hires_fix_has_its_keys_and_the_denoising_strength() -> None:
    text = write(TWICE)
    assert "Denoising strength: 0.4, " in text
    assert (
        "Hires upscale: 1.5, Hires steps: 8, Hires upscaler: x4, Hires sampler: Euler, "
        'Hires schedule type: Karras, Hires prompt: "fox, close", Hires negative prompt: fog, '
        "Hires CFG Scale: 5, " in text
    )
    recipe = recipe_from_parameters(text)
    assert recipe is not None
    form = recipe_fields(recipe)
    assert "strength" not in form
    assert form["hires"] == {
        "scale": 1.5, "steps": 8, "strength": 0.4, "upscaler": "x4", "sampler": "Euler",
              "scheduler": "Karras", "prompt": "fox, close", "negative_prompt": "fog", "cfg_scale": 5.0,
    }  # fmt: skip
    assert "strength" not in recipe_fields(recipe_of(replace(FULL, init=None), seed=1))


def test_loras_that_no_prompt_can_name_are_in_the_hashes() -> None:
    odd = replace(FULL, prompt="a fox", loras=(spec.LoraUnit(model=model("a:b>c")),))
    text = write(odd)
    assert text.startswith("a fox\n")
    assert 'Lora hashes: "ab>c: 0123456789ab"' in text
    unhashed = spec.LoraUnit(model=ModelRef(path=Path("x.safetensors")))
    assert "Lora hashes" not in write(replace(FULL, prompt="a fox", loras=(unhashed,)))
    assert write(replace(FULL, prompt="a fox", loras=(unhashed,))).startswith("a fox <lora:x:1>\n")
    cut = replace(unhashed, rank=8)
    assert write(replace(FULL, prompt="a fox", loras=(cut,))).startswith("a fox <lora:x:1:dyn=8>\n")


def test_a_prompt_that_cannot_be_read_is_written_all_the_same() -> None:
    assert write(replace(FULL, prompt="<lora:x:much>", loras=())).startswith("<lora:x:much>\n")


# --- Any request
# ---------------------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)
MODELS = st.builds(ModelRef, path=st.just(Path("x")), digest=st.just(DIGEST), name=NAMES)
SHARES = st.floats(0, 1)
PROMPTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30).map(str.strip)
PAIRS_OF_SHARES = st.tuples(SHARES, SHARES).map(sorted)


@st.composite
def detailings(draw: st.DrawFn) -> spec.Detailing:
    return spec.Detailing(
        detector=draw(MODELS | NAMES), confidence=draw(SHARES), top_k=draw(st.integers(0, 32)),
        min_ratio=draw(SHARES), max_ratio=draw(SHARES), dilate=draw(st.integers(-128, 128)),
        offset_x=draw(st.integers(-200, 200)), merge=draw(st.sampled_from(["none", "merge"])),
        prompt=draw(PROMPTS), strength=draw(SHARES), steps=draw(st.integers(0, 150)),
        guidance_scale=draw(st.none() | st.floats(0, 30)),
    )  # fmt: skip


HIRES = st.builds(
    spec.HiresFix, scale=st.floats(1, 4), steps=st.integers(0, 150), strength=SHARES,
    upscaler=MODELS | st.sampled_from(["Latent", "Lanczos"]), prompt=PROMPTS, negative_prompt=PROMPTS,
    guidance_scale=st.none() | st.floats(0, 30),
)  # fmt: skip
MASKS = st.builds(
    spec.Mask, image=st.just(PICTURE), blur=st.integers(0, 64), invert=st.booleans(),
    fill=st.sampled_from(["original", "fill", "latent_noise", "latent_nothing"]),
    only_masked=st.booleans(), padding=st.integers(0, 256),
)  # fmt: skip
INITS = st.builds(
    spec.InitImage, image=st.just(PICTURE), strength=SHARES, mask=st.none() | MASKS,
    resize_mode=st.sampled_from(["stretch", "crop", "fill"]),
)  # fmt: skip
CONTROLS = st.builds(
    lambda model, weight, share, mode: spec.ControlUnit(
        model=model, image=PICTURE, preprocessor="depth", weight=weight, start=share[0], end=share[1],
        mode=mode,
    ),
    MODELS, st.floats(0, 2), PAIRS_OF_SHARES, st.sampled_from(["balanced", "prompt", "control"]),
)  # fmt: skip
REQUESTS = st.builds(
    GenerationRequest,
    checkpoint=MODELS,
    prompt=PROMPTS.filter(lambda text: "<" not in text and not text.startswith("Negative prompt:")),
    negative_prompt=PROMPTS,
    width=st.integers(8, 256).map(lambda cells: 8 * cells),
    height=st.integers(8, 256).map(lambda cells: 8 * cells),
    steps=st.integers(1, 150),
    guidance_scale=st.floats(0, 30),
    sampler=st.sampled_from([info.name for info in SAMPLERS]),
    schedule=st.sampled_from(["Automatic", *(info.name for info in SCHEDULES)]),
    clip_skip=st.integers(0, 12),
    init=st.none(),
    variation=st.none() | st.builds(spec.Variation, seed=st.integers(0, 2**32 - 1), strength=SHARES),
    tiling=st.booleans(),
    hires=st.none() | HIRES,
    controls=st.lists(CONTROLS, max_size=3).map(tuple),
    vae=st.none() | MODELS,
    freeu=st.none() | st.builds(spec.FreeU, b1=st.floats(0.01, 2), s2=st.floats(0.01, 2)),
    pag_scale=st.floats(0, 20),
    cfg_rescale=SHARES,
    refiner=st.none() | st.builds(spec.Refiner, checkpoint=MODELS, switch_at=SHARES),
    postprocess=st.lists(detailings(), max_size=3).map(tuple),
)


@given(REQUESTS, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_request_comes_back(request: GenerationRequest, seed: int) -> None:
    text = write(request, seed=seed)
    recipe = recipe_from_parameters(text)
    own = recipe_of(request, seed=seed)
    assert recipe is not None
    sampler, schedule = resolve_sampler(request.sampler, request.schedule)
    assert (recipe.sampler, recipe.scheduler) == (sampler, schedule_info(schedule).label)
    assert recipe.extra.keys() - own.extra.keys() == {"Version"}
    same = replace(own, source="a1111", model_hash=DIGEST[:10], extra=recipe.extra)
    # Where no layer is left out A1111's text does not say so.
    assert replace(recipe, clip_skip=recipe.clip_skip or 0) == same
    assert {key: recipe.extra[key] for key in own.extra} == dict(own.extra)
    _check_form(request, recipe_fields(recipe))
    assert document_read(document_write(own)) == own


@given(REQUESTS, INITS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_picture_to_start_from_comes_back(request: GenerationRequest, init: spec.InitImage) -> None:
    started = replace(request, hires=None, init=init)
    recipe = recipe_from_parameters(write(started))
    assert recipe is not None
    _check_form(started, recipe_fields(recipe))
    assert recipe_fields(recipe).get("mask_blur") == (init.mask.blur if init.mask else None)


def _check_form(request: GenerationRequest, form: dict[str, Any]) -> None:
    assert (form["steps"], form["width"], form["height"]) == (request.steps, request.width, request.height)
    assert form["cfg_scale"] == request.guidance_scale
    assert form.get("pag_scale", 0.0) == request.pag_scale
    assert form.get("cfg_rescale", 0.0) == request.cfg_rescale
    assert form.get("tiling", False) == request.tiling
    assert form.get("strength") == (request.init.strength if request.init else None)
    if request.variation:
        assert form["variation"] == {"seed": request.variation.seed, "strength": request.variation.strength}
    if request.hires:
        assert (form["hires"]["scale"], form["hires"]["strength"]) == (
            request.hires.scale, request.hires.strength,
        )  # fmt: skip
        assert form["hires"].get("prompt", "") == request.hires.prompt
    if request.freeu:
        assert (form["freeu"]["b1"], form["freeu"]["s2"]) == (request.freeu.b1, request.freeu.s2)
    assert len(form.get("adetailer", [])) == len(request.postprocess)
    for found, step in zip(form.get("adetailer", []), request.postprocess, strict=True):
        assert isinstance(step, spec.Detailing)
        assert (found["strength"], found["dilate"], found.get("steps", 0), found.get("prompt", "")) == (
            step.strength, step.dilate, step.steps, step.prompt,
        )  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_all_of_it_fits_into_every_kind_of_file(kind: str) -> None:
    text, document = write(FULL), document_write(recipe_of(FULL, seed=7))
    buffer = io.BytesIO()
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("parameters", text)
        info.add_text("recipe", document)
        PICTURE.save(buffer, kind, pnginfo=info)
    else:
        PICTURE.save(buffer, kind, exif=exif_write(text, document))
    assert recipe_read(buffer.getvalue()) == recipe_of(FULL, seed=7)


def test_another_programs_reader_reads_all_of_it() -> None:
    buffer = io.BytesIO()
    info = PngInfo()
    info.add_itxt("parameters", write(FULL))
    PICTURE.save(buffer, "PNG", pnginfo=info)
    found = ParserManager().parse(io.BytesIO(buffer.getvalue()))
    assert found is not None
    (sampler,) = found.samplers
    assert [prompt.value for prompt in sampler.prompts] == [FORM["prompt"]]
    assert (sampler.name, sampler.parameters["scheduler"]) == ("DPM++ 2M", "Karras")
    # It takes quoted values apart at their commas; all others are whole.
    pairs = {key: value for key, value in parameters_split(write(FULL)).pairs.items() if "," not in value}
    known = {"Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Model", "Model hash", "TI hashes"}
    assert {key: found.metadata.get(key) for key in pairs.keys() - known} == {
        key: value for key, value in pairs.items() if key not in known
    }


def test_a_control_unit_is_read_back_whole() -> None:
    unit = unit_read(parameters_split(write(FULL)).pairs["ControlNet 0"])
    assert (unit["threshold_b"], unit["pixel_perfect"], unit["weight"]) == (200, False, 0.8)
