"""Names of tensors in every notation that files have."""

import pytest

from generation.engine.networks.keys import Key, key_read

ATTENTION = "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
TEXT = "text_model_encoder_layers_0_self_attn_q_proj"
DOTTED = "down_blocks.0.attentions.0.transformer_blocks.0.attn1"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"lora_unet_{ATTENTION}.lora_down.weight", ("denoiser", ATTENTION, "lora_down")),
        (f"lora_unet_{ATTENTION}.lora_up.weight", ("denoiser", ATTENTION, "lora_up")),
        (f"lora_unet_{ATTENTION}.lora_mid.weight", ("denoiser", ATTENTION, "lora_mid")),
        (f"lora_unet_{ATTENTION}.alpha", ("denoiser", ATTENTION, "alpha")),
        (f"lora_te_{TEXT}.lora_down.weight", ("text_encoder", TEXT, "lora_down")),
        (f"lora_te1_{TEXT}.dora_scale", ("text_encoder", TEXT, "dora_scale")),
        (f"lora_te2_{TEXT}.hada_w1_a", ("text_encoder_2", TEXT, "hada_w1_a")),
        (f"lora_te3_{TEXT}.alpha", ("text_encoder_3", TEXT, "alpha")),
        (f"lycoris_{ATTENTION}.lokr_w2_b", ("denoiser", ATTENTION, "lokr_w2_b")),
        (f"oft_unet_{ATTENTION}.oft_blocks", ("denoiser", ATTENTION, "oft_blocks")),
        (f"lora_transformer_{ATTENTION}.lora_up.weight", ("denoiser", ATTENTION, "lora_up")),
        (f"unet.{DOTTED}.to_q.lora_A.weight", ("denoiser", ATTENTION, "lora_down")),
        (f"unet.{DOTTED}.to_q.lora_B.default.weight", ("denoiser", ATTENTION, "lora_up")),
        (f"unet.{DOTTED}.to_q.lora_B.bias", ("denoiser", ATTENTION, "lora_up_bias")),
        (f"unet.{DOTTED}.to_q.lora.down.weight", ("denoiser", ATTENTION, "lora_down")),
        (f"unet.{DOTTED}.processor.to_q_lora.down.weight", ("denoiser", ATTENTION, "lora_down")),
        (f"{DOTTED}.processor.to_q_lora.up.weight", ("denoiser", ATTENTION, "lora_up")),
        (f"base_model.model.{DOTTED}.to_q.lora_A.weight", ("denoiser", ATTENTION, "lora_down")),
        (f"unet.base_model.model.{DOTTED}.to_q.lora_A.weight", ("denoiser", ATTENTION, "lora_down")),
        (f"unet.{DOTTED}.to_q.lora_magnitude_vector.weight", ("denoiser", ATTENTION, "magnitude")),
        (f"unet.{DOTTED}.to_q.lora_magnitude_vector", ("denoiser", ATTENTION, "magnitude")),
        (
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight",
            ("text_encoder", TEXT, "lora_down"),
        ),
        ("text_encoder_2.text_model.x.lora_A.weight", ("text_encoder_2", "text_model_x", "lora_down")),
        ("text_encoders.clip_l.transformer.x.lora_A.weight", ("text_encoder", "x", "lora_down")),
        (
            "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight",
            ("denoiser", "double_blocks_0_img_attn_qkv", "lora_down"),
        ),
        ("transformer.x_embedder.lora_B.weight", ("denoiser", "x_embedder", "lora_up")),
        ("lora_unet_conv_in.diff", ("denoiser", "conv_in", "diff")),
        ("lora_unet_conv_in.diff_b", ("denoiser", "conv_in", "diff_b")),
        ("lora_unet_conv_norm_out.w_norm", ("denoiser", "conv_norm_out", "w_norm")),
        ("lora_unet_x.on_input", ("denoiser", "x", "on_input")),
        ("lora_unet_x.weight", ("denoiser", "x", "weight")),
        ("lora_unet_x.b2.weight", ("denoiser", "x", "b2")),
    ],
)
def test_names_say_component_layer_and_role(name: str, expected: tuple[str, str, str]) -> None:
    assert key_read(name) == Key(*expected)


@pytest.mark.parametrize(
    "name", ["", "lora_unet_x", "emb_params", ".alpha", "a.b.c", "lora_unet_x.lora_down"]
)
def test_other_names_are_nobodys(name: str) -> None:
    assert key_read(name) is None
