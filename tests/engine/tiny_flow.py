"""Tiny random checkpoints of SD3 and Flux: real classes at a width where a picture takes milliseconds.

``tiny_sd3_folder`` and ``tiny_flux_folder`` write diffusers folders; ``sd3_single_file`` and
``flux_single_file`` the same weights in the original layouts, with what no file of full size needs to be told
in ``<stem>.config/``.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints import dit_layout, ldm_layout
from tests.engine.tiny import (
    POOLED_WIDTH,
    TEXT_CONFIG,
    TEXT_WIDTH,
    VAE_CONFIG,
    XL_TEXT_2_CONFIG,
    save_text_encoder,
    seeded,
    stored_tensors,
    tiny_tokenizer,
    write_json,
)

LATENT_CHANNELS: Final = 16
T5_WIDTH: Final = 40
"""Narrower than both CLIPs side by side would not fit in SD3, where they are padded up to it."""
SD3_T5_WIDTH: Final = 96
FLOW_VAE: Final[dict[str, Any]] = {
    **VAE_CONFIG,
    "latent_channels": LATENT_CHANNELS,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}
SD3_VAE: Final[dict[str, Any]] = {**FLOW_VAE, "scaling_factor": 1.5305, "shift_factor": 0.0609}
FLUX_VAE: Final[dict[str, Any]] = {**FLOW_VAE, "scaling_factor": 0.3611, "shift_factor": 0.1159}
SD3_TRANSFORMER: Final[dict[str, Any]] = {
    "sample_size": 8,
    "patch_size": 2,
    "in_channels": LATENT_CHANNELS,
    "out_channels": LATENT_CHANNELS,
    "num_layers": 3,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "joint_attention_dim": SD3_T5_WIDTH,
    "caption_projection_dim": 32,
    "pooled_projection_dim": TEXT_WIDTH + POOLED_WIDTH,
    "pos_embed_max_size": 16,
    "dual_attention_layers": (0,),
    "qk_norm": "rms_norm",
}
FLUX_TRANSFORMER: Final[dict[str, Any]] = {
    "patch_size": 1,
    "in_channels": 4 * LATENT_CHANNELS,
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": T5_WIDTH,
    "pooled_projection_dim": TEXT_WIDTH,
    "guidance_embeds": True,
    "axes_dims_rope": (4, 6, 6),
}
SD3_SCHEDULER: Final[dict[str, Any]] = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "_diffusers_version": "0.42.1",
    "num_train_timesteps": 1000,
    "shift": 3.0,
}
FLUX_SCHEDULER: Final[dict[str, Any]] = {
    **SD3_SCHEDULER,
    "use_dynamic_shifting": True,
    "base_shift": 0.5,
    "max_shift": 1.15,
    "base_image_seq_len": 256,
    "max_image_seq_len": 4096,
}
SD3_INDEX: Final[dict[str, Any]] = {
    "_class_name": "StableDiffusion3Pipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "text_encoder_3": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "tokenizer_3": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "SD3Transformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
FLUX_INDEX: Final[dict[str, Any]] = {
    "_class_name": "FluxPipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "FluxTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
T5_PIECES: Final = ("▁red", "▁blue", "▁fox", "▁apple", "▁cat", "▁on", "▁the", "▁background", "▁photo", "▁of")


def tiny_sd3_folder(path: Path, *, seed: int = 0, t5: bool = True) -> Path:
    """Write an SD3 of the 3.5 kind, with or without its T5, as a diffusers folder and return it."""
    vocabulary_size = tiny_tokenizer(path / "tokenizer")
    tiny_tokenizer(path / "tokenizer_2", pad="!")
    with seeded(seed):
        _save_models(path, "SD3Transformer2DModel", SD3_TRANSFORMER, SD3_VAE)
        for name, config in (("text_encoder", TEXT_CONFIG), ("text_encoder_2", XL_TEXT_2_CONFIG)):
            save_text_encoder(path / name, config, vocabulary_size, spread=3.0, projecting=True)
        if t5:
            _save_t5(path, "3", SD3_T5_WIDTH)
    absent = {} if t5 else {"text_encoder_3": [None, None], "tokenizer_3": [None, None]}
    write_json(path / "scheduler/scheduler_config.json", SD3_SCHEDULER)
    write_json(path / "model_index.json", SD3_INDEX | absent)
    _plain_large_clip(path / "text_encoder")
    return path


def tiny_flux_folder(path: Path, *, seed: int = 0, schnell: bool = False, fill: bool = False) -> Path:
    """Write a Flux (dev, schnell or Fill) as a diffusers folder and return it."""
    vocabulary_size = tiny_tokenizer(path / "tokenizer")
    transformer = FLUX_TRANSFORMER | {"guidance_embeds": not schnell}
    if fill:
        packed = FLUX_TRANSFORMER["in_channels"]
        transformer |= {"in_channels": 2 * packed + 256, "out_channels": packed}
    with seeded(seed):
        _save_models(path, "FluxTransformer2DModel", transformer, FLUX_VAE)
        save_text_encoder(path / "text_encoder", TEXT_CONFIG, vocabulary_size, spread=10.0)
        _save_t5(path, "2", T5_WIDTH)
    unshifted = {"shift": 1.0, "use_dynamic_shifting": False} if schnell else {}
    write_json(path / "scheduler/scheduler_config.json", FLUX_SCHEDULER | unshifted)
    kind = {"_class_name": "FluxFillPipeline"} if fill else {}
    write_json(path / "model_index.json", FLUX_INDEX | kind)
    return path


def sd3_single_file(
    folder: Path, file: Path, *, bundled: Sequence[str] = ("clip_l", "clip_g", "t5xxl")
) -> Path:
    """``folder`` as one file with its VAE and the ``bundled`` text encoders."""
    content = {
        f"{ldm_layout.UNET_PREFIX}{name}": tensor
        for name, tensor in original_transformer(
            dict(stored_tensors(folder / "transformer")), SD3_TRANSFORMER
        ).items()
    }
    content |= original_vae(folder, ldm_layout.VAE_PREFIX)
    for name, component in (("clip_l", ""), ("clip_g", "_2"), ("t5xxl", "_3")):
        if name in bundled:
            own = dict(stored_tensors(folder / f"text_encoder{component}"))
            if name == "clip_l":
                del own["text_projection.weight"]  # as published
            content |= {f"text_encoders.{name}.transformer.{key}": value for key, value in own.items()}
    _save(content, file)
    _tell(folder, file, {"text_encoder_2": {"num_attention_heads": XL_TEXT_2_CONFIG["num_attention_heads"]}})
    write_json(file.with_suffix(".config") / "transformer/config.json", {"sample_size": 8})
    return file


def flux_single_file(folder: Path, file: Path, *, prefix: str = "") -> Path:
    """``folder``'s transformer alone, as published; its companions lie in ``<stem>.config/``."""
    originals = original_transformer(dict(stored_tensors(folder / "transformer")), FLUX_TRANSFORMER)
    _save({f"{prefix}{name}": tensor for name, tensor in originals.items()}, file)
    sidecar = file.with_suffix(".config")
    _tell(folder, file, {"transformer": {"axes_dims_rope": FLUX_TRANSFORMER["axes_dims_rope"]}})
    for name in ("vae", "text_encoder", "text_encoder_2"):
        shutil.copytree(folder / name, sidecar / name, dirs_exist_ok=True)
    return file


def original_transformer(ours: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """A transformer's tensors as original files hold them."""
    import torch

    made = {"pos_embed": ours["pos_embed.pos_embed"]} if "pos_embed.pos_embed" in ours else {}
    for original, modules, swapped in dit_layout.layer_pairs(config):
        for parameter in ("weight", "bias"):
            if f"{modules[0]}.{parameter}" in ours:
                whole = torch.cat([ours[f"{module}.{parameter}"] for module in modules])
                made[f"{original}.{parameter}"] = _swapped(whole) if swapped else whole
    for original, [module], _ in dit_layout.norm_pairs(config):
        if f"{module}.weight" in ours:
            made[f"{original}.{'scale' if 'num_single_layers' in config else 'weight'}"] = ours[
                f"{module}.weight"
            ]
    return made


def _swapped(tensor: Any) -> Any:
    import torch

    return torch.cat(tensor.chunk(2)[::-1])


def original_vae(folder: Path, prefix: str) -> dict[str, Any]:
    """The VAE of ``folder`` under its original names."""
    name_of = ldm_layout.translator((ours, original) for original, ours in ldm_layout.vae_pairs(VAE_CONFIG))
    made = {}
    for name, tensor in stored_tensors(folder / "vae"):
        original = name_of(name)
        convolution = ".attn_1." in original and tensor.dim() == 2
        made[prefix + original] = tensor[:, :, None, None] if convolution else tensor
    return made


def _tell(folder: Path, file: Path, configs: Mapping[str, Mapping[str, Any]]) -> None:
    sidecar = file.with_suffix(".config")
    for name in ("tokenizer", "tokenizer_2", "tokenizer_3"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, sidecar / name, dirs_exist_ok=True)
    for component, config in configs.items():
        write_json(sidecar / component / "config.json", dict(config))


def _save(content: Mapping[str, Any], file: Path) -> None:
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    # Clones: what shares memory, like T5's two names of one matrix, cannot be saved.
    save_file({name: tensor.clone().contiguous() for name, tensor in content.items()}, file)


def _save_models(path: Path, kind: str, transformer: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    import diffusers

    path.mkdir(parents=True, exist_ok=True)
    classes: Any = diffusers  # which is not typed
    getattr(classes, kind)(**transformer).save_pretrained(path / "transformer")
    classes.AutoencoderKL(**vae).save_pretrained(path / "vae")


def _plain_large_clip(folder: Path) -> None:
    """SD3 was trained on CLIP-L without its last projection: published folders hold an identity there."""
    import torch
    from safetensors.torch import load_file, save_file

    [file] = folder.glob("*.safetensors")
    own = load_file(file)
    own["text_projection.weight"] = torch.eye(len(own["text_projection.weight"]))
    save_file(own, file, metadata={"format": "pt"})


def _save_t5(path: Path, number: str, width: int) -> None:
    from transformers import T5Config, T5EncoderModel

    size = tiny_t5_tokenizer(path / f"tokenizer_{number}")
    config = T5Config(
        vocab_size=size,
        d_model=width,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    T5EncoderModel(config).save_pretrained(path / f"text_encoder_{number}")


def tiny_t5_tokenizer(path: Path) -> int:
    """Write a Unigram tokenizer that knows ``T5_PIECES`` and single letters; return its vocabulary size."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    pieces = [*letters, "▁", *T5_PIECES]
    scored = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        *((piece, -1.0 - len(piece)) for piece in pieces),
    ]
    backend = Tokenizer(models.Unigram(scored, unk_id=2))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=512,
    )
    path.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(path)
    config = json.loads((path / "tokenizer_config.json").read_text())
    write_json(path / "tokenizer_config.json", config | {"tokenizer_class": "T5TokenizerFast"})
    return len(scored)
