# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""The adapter: a projection of image embeddings to four tokens, and keys and values for them.

It is trained inside diffusers' own modules, so that what ships is what the loader builds.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor, IPAdapterAttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

TOKENS = 4
CROSS = "attn2.processor"  # the ends of the names of processors that look at the prompt

State = dict[str, dict[str, torch.Tensor]]


def starting_state(unet: UNet2DConditionModel, projection: dict[str, torch.Tensor]) -> State:
    """An adapter whose keys and values are the UNet's own, in the original IP-Adapter's names.

    `projection` holds `proj.weight`, `proj.bias`, `norm.weight` and `norm.bias`. The numbers of the layers
    count all attention layers in the UNet's order, so those that look at the prompt have 1, 3, 5 ...
    """
    layers = {}
    names: list[str] = list(unet.attn_processors)
    for number, name in enumerate(names):
        if name.endswith(CROSS):
            attention: Any = unet.get_submodule(name.removesuffix(".processor"))
            layers[f"{number}.to_k_ip.weight"] = attention.to_k.weight.detach().clone()
            layers[f"{number}.to_v_ip.weight"] = attention.to_v.weight.detach().clone()
    return {"image_proj": projection, "ip_adapter": layers}


def attach(unet: UNet2DConditionModel, state: State) -> nn.Module:
    """Build the adapter into a frozen UNet; gives the module that holds its weights.

    The processors without fused attention are several times faster on a processor core in bfloat16.
    """
    unet.requires_grad_(requires_grad=False)
    unet._load_ip_adapter_weights([state], low_cpu_mem_usage=False)
    plain: dict[str, Any] = {}
    built_in: dict[str, Any] = unet.attn_processors
    for name, fused in built_in.items():
        if name.endswith(CROSS):
            built = IPAdapterAttnProcessor(fused.hidden_size, fused.cross_attention_dim, [TOKENS], 1.0)
            built.load_state_dict(fused.state_dict())
            plain[name] = built
        else:
            plain[name] = AttnProcessor()
    layers = nn.ModuleList(built for name, built in plain.items() if name.endswith(CROSS))
    unet.set_attn_processor(plain)  # empties the dictionary
    projection: Any = unet.encoder_hid_proj
    trained = nn.ModuleDict({"projection": projection.image_projection_layers[0], "layers": layers})
    return trained.requires_grad_(requires_grad=True)


def exported_state(trained: nn.Module) -> State:
    """The weights of `attach` under the names that they were loaded by."""
    parts: Any = trained
    names = {
        "image_embeds.weight": "proj.weight",
        "image_embeds.bias": "proj.bias",
        "norm.weight": "norm.weight",
        "norm.bias": "norm.bias",
    }
    projection = {names[name]: weight for name, weight in parts["projection"].state_dict().items()}
    layers = {
        f"{1 + 2 * place}.{kind}.weight": getattr(layer, kind)[0].weight.detach()
        for place, layer in enumerate(parts["layers"])
        for kind in ("to_k_ip", "to_v_ip")
    }
    return {"image_proj": projection, "ip_adapter": layers}


def export_adapter(path: Path, state: State) -> None:
    """One half-precision safetensors file in the layout of the original IP-Adapter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = {
        f"{group}.{name}": weight.half().contiguous()
        for group, part in state.items()
        for name, weight in part.items()
    }
    save_file(flat, str(path), metadata={"format": "pt"})
