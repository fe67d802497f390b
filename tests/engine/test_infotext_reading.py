"""What other programs write, and how it is understood."""

import json
from typing import Any

import pytest

from generation.engine.infotext import (
    Recipe,
    RecipeLora,
    parameters_dict,
    parameters_split,
    recipe_from_texts,
)

A1111 = (
    "a castle (on a hill:1.2),\nat dusk\n"
    "Negative prompt: fog,\nblurry\n"
    "Steps: 25, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 965400086, Size: 512x768, "
    "Model hash: 45DEE52B01, Model: castle_v1, VAE: kl-f8.safetensors, Denoising strength: 0.4, "
    'Clip skip: 2, Hires upscale: 2, Lora hashes: "ink: 0123456789ab, oil: ba9876543210", Version: v1.10.1'
)


def test_a1111() -> None:
    assert recipe_from_texts({"parameters": A1111}) == Recipe(
        source="a1111",
        prompt="a castle (on a hill:1.2),\nat dusk",
        negative_prompt="fog,\nblurry",
        steps=25,
        sampler="Euler a",
        scheduler="Automatic",
        cfg_scale=7.0,
        seed=965400086,
        width=512,
        height=768,
        model="castle_v1",
        model_hash="45dee52b01",
        vae="kl-f8.safetensors",
        clip_skip=1,
        strength=0.4,
        extra={
            "Hires upscale": "2",
            "Lora hashes": "ink: 0123456789ab, oil: ba9876543210",
            "Version": "v1.10.1",
        },
    )


def test_a1111s_own_dictionary() -> None:
    values = parameters_dict(A1111)
    assert (values["Size-1"], values["Size-2"], "Size" in values) == ("512", "768", False)
    assert (values["Clip skip"], values["RNG"], values["Mask mode"]) == ("2", "GPU", "Inpaint masked")
    assert (values["Hires resize-1"], values["Hires sampler"]) == ("0", "Use same sampler")
    assert (values["Emphasis"], values["Schedule type"]) == ("Original", "Automatic")
    assert "Downcast alphas_cumprod" not in values
    assert "Emphasis" not in parameters_dict("a castle")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.10.1-12-gabcdef", set()),
        ("1.8.0", set()),
        ("v1.7.0-225-gabc", {"Refiner switch by sampling steps"}),
        ("v1.7.0", {"Downcast alphas_cumprod", "Refiner switch by sampling steps"}),
        (
            "v1.5.2",
            {
                "Downcast alphas_cumprod",
                "Old prompt editing timelines",
                "Pad conds v0",
                "Refiner switch by sampling steps",
            },
        ),
        ("f2.0.1v1.10.1-previous", set()),
        ("?", set()),
    ],
)
def test_versions_have_their_ways(version: str, expected: set[str]) -> None:
    text = f"[a:b:0.5]\nSteps: 9, Sampler: DDIM, Seed: 1, Refiner: x, Version: {version}"
    assert {key for key, value in parameters_dict(text).items() if value == "True"} == expected


@pytest.mark.parametrize(
    ("text", "prompt", "negative", "pairs"),
    [
        ("a fox\nSteps: 20, Seed: 7", "a fox\nSteps: 20, Seed: 7", "", {}),
        ("Steps: 1, Seed: 2, Size: 8x8", "", "", {"Steps": "1", "Seed": "2", "Size": "8x8"}),
        ("", "", "", {}),
        ("Negative prompt: b\nc\nNegative prompt: d", "", "b\nc\nd", {}),
        ("\n\na\n\nb\n", "a\n\nb", "", {}),
        (
            'a\nA A: "x, \\"y\\": z", Bb: "broken\\", Cc: 1',
            "a",
            "",
            {"A A": 'x, "y": z', "Bb": '"broken\\"', "Cc": "1"},
        ),
        (
            "a\nSteps: 1, Wildcard prompt: b c, X/Y-Z 1: 2,",
            "a",
            "",
            {"Steps": "1", "Wildcard prompt": "b c", "X/Y-Z 1": "2"},
        ),
    ],
)
def test_texts_are_taken_apart(text: str, prompt: str, negative: str, pairs: dict[str, str]) -> None:
    parameters = parameters_split(text)
    assert (parameters.prompt, parameters.negative_prompt, parameters.pairs) == (prompt, negative, pairs)


@pytest.mark.parametrize(
    ("written", "sampler", "scheduler"),
    [
        ("Sampler: DPM++ 2M Karras", "DPM++ 2M", "Karras"),
        ("Sampler: DPM++ 2M SDE Karras, Schedule type: Automatic", "DPM++ 2M SDE", "Karras"),
        ("Sampler: Euler a, Schedule type: SGM Uniform", "Euler a", "SGM Uniform"),
        ("Sampler: Euler Simple", "Euler", "Simple"),
        ("Sampler: DDIM", "DDIM", ""),
        ("Sampler: My Own, Schedule type: Mine", "My Own", "Mine"),
    ],
)
def test_samplers(written: str, sampler: str, scheduler: str) -> None:
    recipe = recipe_from_texts({"parameters": f"x\nSteps: 1, Seed: 1, {written}"})
    assert recipe is not None
    assert (recipe.sampler, recipe.scheduler) == (sampler, scheduler)


def test_old_forms() -> None:
    text = "x\nSteps: 1, Seed: 1, Size: 1024x512, First pass size: 0x0, Hypernet: oil, Hypernet strength: 0.5"
    values = parameters_dict(text)
    assert values["Prompt"] == "x<hypernet:oil:0.5>"
    assert [values[f"Size-{axis}"] for axis in (1, 2)] == ["768", "384"]
    assert [values[f"Hires resize-{axis}"] for axis in (1, 2)] == ["1024", "512"]
    given = parameters_dict("x\nSteps: 1, Seed: 1, Size: 1024x512, First pass size: 512x256")
    assert (given["Size-1"], given["Hires resize-1"]) == ("512", "1024")


def test_civitais_flux_lines() -> None:
    text = (
        "x\nSteps: 28, Sampler: Undefined, CFG scale: 3.5, Seed: 1, Clip skip: 0, Model: FLUX, "
        'Civitai resources: [{"type":"checkpoint"}]'
    )
    recipe = recipe_from_texts({"parameters": text})
    assert recipe is not None
    assert (recipe.sampler, recipe.scheduler, recipe.cfg_scale) == ("Euler", "Simple", 1.0)
    assert parameters_dict(text)["Distilled CFG Scale"] == "3.5"
    assert parameters_dict(text)["Clip skip"] == "1"


def test_forge_and_sdnext_are_told_apart() -> None:
    forge = "x\nSteps: 1, Sampler: Euler, Seed: 1, Version: f2.0.1v1.10.1-previous-636, Module 1: ae"
    sdnext = (
        "a pier\nNegative prompt: people\nSteps: 20, Size: 832x1216, Sampler: UniPC, Seed: 3, "
        "CFG scale: 6, App: SD.Next, Version: 1234567, "
        "Pipeline: StableDiffusionXLPipeline, Operations: txt2img, Model: juno"
    )
    assert getattr(recipe_from_texts({"parameters": forge}), "source", "") == "forge"
    recipe = recipe_from_texts({"parameters": sdnext})
    assert recipe is not None
    assert (recipe.source, recipe.sampler, recipe.width, recipe.model) == ("sdnext", "UniPC", 832, "juno")
    assert recipe.extra["Operations"] == "txt2img"


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


BASE = {
    "4": node("CheckpointLoaderSimple", ckpt_name="juno_v2.safetensors"),
    "10": node("LoraLoader", model=["4", 0], clip=["4", 1], lora_name="ink.safetensors", strength_model=0.7),
    "5": node("EmptyLatentImage", width=768, height=1024, batch_size=1),
    "6": node("CLIPTextEncode", text="a lighthouse", clip=["10", 1]),
    "7": node("CLIPTextEncode", text="fog", clip=["10", 1]),
}
SAMPLER = {
    "seed": 2**60 + 1,
    "steps": 24,
    "cfg": 5.5,
    "sampler_name": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "denoise": 1,
    "model": ["10", 0],
    "positive": ["6", 0],
    "negative": ["7", 0],
    "latent_image": ["5", 0],
}
COMFY = Recipe(
    source="comfyui",
    prompt="a lighthouse",
    negative_prompt="fog",
    steps=24,
    sampler="DPM++ 2M SDE",
    scheduler="Karras",
    cfg_scale=5.5,
    seed=2**60 + 1,
    width=768,
    height=1024,
    model="juno_v2.safetensors",
    loras=(RecipeLora("ink.safetensors", 0.7),),
)


def comfy(graph: dict[str, Any]) -> Recipe | None:
    return recipe_from_texts({"prompt": json.dumps(graph), "workflow": "{}"})


def sampling(**changes: Any) -> dict[str, Any]:
    """The whole graph, with changes to its sampler."""
    return {**BASE, "3": node("KSampler", **{**SAMPLER, **changes})}


def test_comfyui() -> None:
    assert comfy(sampling()) == COMFY


def test_comfyuis_base_pass_counts_not_its_hires_pass() -> None:
    second = {**SAMPLER, "seed": 5, "steps": 9, "denoise": 0.4, "latent_image": ["11", 0]}
    graph = {
        "2": node("KSampler", **second),
        **BASE,
        "3": node("KSampler", **SAMPLER),
        "11": node("LatentUpscaleBy", samples=["3", 0], scale_by=2.0),
    }
    assert comfy(graph) == COMFY


def test_comfyuis_controlnet_takes_both_prompts() -> None:
    graph = {
        **BASE,
        "8": node("ControlNetLoader", control_net_name="canny"),
        "9": node("ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["8", 0]),
        "3": node("KSampler", **{**SAMPLER, "positive": ["9", 0], "negative": ["9", 1]}),
    }
    assert comfy(graph) == COMFY


def test_comfyuis_values_from_other_nodes() -> None:
    graph = {
        **BASE,
        "6": node("CLIPTextEncodeSDXL", text_g=["20", 0], text_l="", clip=["10", 1]),
        "20": node("PrimitiveString", value="a lighthouse"),
        "21": node("Seed (rgthree)", seed=2**60 + 1),
        "3": node("KSampler", **{**SAMPLER, "seed": ["21", 0]}),
    }
    assert comfy(graph) == COMFY


def test_comfyuis_custom_sampler() -> None:
    graph = {
        "1": node("UNETLoader", unet_name="flux1-dev.safetensors"),
        "2": node("EmptySD3LatentImage", width=1024, height=1024),
        "3": node("CLIPTextEncode", text="a pier", clip=["9", 0]),
        "4": node("FluxGuidance", conditioning=["3", 0], guidance=3.5),
        "5": node("BasicGuider", model=["1", 0], conditioning=["4", 0]),
        "6": node("RandomNoise", noise_seed=42),
        "7": node("KSamplerSelect", sampler_name="euler"),
        "8": node("BasicScheduler", model=["1", 0], scheduler="simple", steps=28, denoise=1.0),
        "10": node(
            "SamplerCustomAdvanced",
            noise=["6", 0],
            guider=["5", 0],
            sampler=["7", 0],
            sigmas=["8", 0],
            latent_image=["2", 0],
        ),
    }
    assert comfy(graph) == Recipe(
        source="comfyui",
        prompt="a pier",
        steps=28,
        sampler="Euler",
        scheduler="Simple",
        seed=42,
        width=1024,
        height=1024,
        model="flux1-dev.safetensors",
    )


@pytest.mark.parametrize(
    "graph",
    [
        {},
        {"1": "x"},
        {"1": {"inputs": []}},
        {"1": node("KSampler", steps=1)},
        sampling(positive=["3", 0], latent_image=["3", 0], model=["3", 0]),
        sampling(seed=["3", 0], positive=["99", 0], steps=[["a"]], cfg={}),
    ],
)
def test_odd_graphs_end_too(graph: dict[str, Any]) -> None:
    recipe = comfy(graph)
    assert recipe is None or recipe.source == "comfyui"


def test_invokeai() -> None:
    values = {
        "app_version": "5.6.0",
        "generation_mode": "sdxl_txt2img",
        "positive_prompt": "a barn",
        "negative_prompt": "rust",
        "width": 1024,
        "height": 768,
        "seed": 77,
        "cfg_scale": 6.0,
        "steps": 30,
        "scheduler": "dpmpp_2m_sde_k",
        "clip_skip": 0,
        "model": {"key": "k", "hash": "blake3:AB12", "name": "juno", "base": "sdxl", "type": "main"},
        "loras": [{"model": {"name": "ink"}, "weight": 0.6}],
        "vae": {"name": "fix"},
        "strength": 0.5,
    }
    assert recipe_from_texts({"invokeai_metadata": json.dumps(values)}) == Recipe(
        source="invokeai",
        prompt="a barn",
        negative_prompt="rust",
        steps=30,
        sampler="DPM++ 2M SDE",
        scheduler="Karras",
        cfg_scale=6.0,
        seed=77,
        width=1024,
        height=768,
        model="juno",
        model_hash="ab12",
        vae="fix",
        clip_skip=0,
        strength=0.5,
        loras=(RecipeLora("ink", 0.6),),
    )


def test_older_invokeai() -> None:
    image = {
        "prompt": [{"prompt": "a barn [rust]", "weight": 1.0}],
        "steps": 50,
        "cfg_scale": 7.5,
        "sampler": "k_lms",
        "seed": 9,
        "width": 512,
        "height": 512,
    }
    text = json.dumps({"model_weights": "stable-diffusion-1.5", "model_hash": "CC", "image": image})
    second = recipe_from_texts({"sd-metadata": text})
    first = recipe_from_texts({"Dream": '"a barn [rust]" -s50 -S9 -W512 -H512 -C7.5 -Ak_lms'})
    assert second is not None
    assert first is not None
    assert (second.model, second.model_hash) == ("stable-diffusion-1.5", "cc")
    for recipe in (first, second):
        assert (recipe.prompt, recipe.negative_prompt, recipe.sampler) == ("a barn", "rust", "LMS")
        assert (recipe.steps, recipe.seed, recipe.cfg_scale, recipe.width) == (50, 9, 7.5, 512)


def test_fooocus() -> None:
    values = {
        "prompt": "a mill",
        "negative_prompt": "",
        "steps": 30,
        "guidance_scale": 4.0,
        "sampler": "dpmpp_2m_sde_gpu",
        "scheduler": "karras",
        "seed": "123",
        "resolution": "(1152, 896)",
        "base_model": "juno",
        "base_model_hash": "AA",
        "clip_skip": 2,
        "loras": [["ink", 0.1, "hash"]],
        "version": "Fooocus v2.5.0",
    }
    recipe = recipe_from_texts({"parameters": json.dumps(values)})
    assert recipe is not None
    assert (recipe.source, recipe.prompt, recipe.seed, recipe.clip_skip) == ("fooocus", "a mill", 123, 1)
    assert (recipe.width, recipe.height, recipe.loras) == (1152, 896, (RecipeLora("ink", 0.1),))


def test_swarmui() -> None:
    values = {
        "prompt": "a mill",
        "negativeprompt": "fog",
        "model": "Flux/dev",
        "seed": 5,
        "steps": 25,
        "cfgscale": 1.0,
        "width": 512,
        "height": 768,
        "sampler": "euler",
        "scheduler": "normal",
        "loras": ["ink", "oil"],
        "loraweights": ["0.5"],
    }
    recipe = recipe_from_texts({"parameters": json.dumps({"sui_image_params": values})})
    assert recipe is not None
    assert (recipe.source, recipe.negative_prompt, recipe.cfg_scale) == ("swarmui", "fog", 1.0)
    assert (recipe.sampler, recipe.scheduler) == ("Euler", "Normal")
    assert recipe.loras == (RecipeLora("ink", 0.5), RecipeLora("oil"))


def test_novelai() -> None:
    comment = {"steps": 28, "sampler": "k_euler", "seed": 3, "scale": 11.0, "uc": "lowres", "strength": 0.69}
    texts = {"Software": "NovelAI", "Description": "a pond", "Source": "SD 1", "Comment": json.dumps(comment)}
    recipe = recipe_from_texts(texts)
    assert recipe is not None
    assert (recipe.source, recipe.prompt, recipe.negative_prompt) == ("novelai", "a pond", "lowres")
    assert (recipe.sampler, recipe.cfg_scale, recipe.seed) == ("Euler", 11.0, 3)


def test_a_picture_without_a_recipe_has_none() -> None:
    assert recipe_from_texts({}) is None
    assert recipe_from_texts({"Software": "camera", "parameters": "just words"}) is None
