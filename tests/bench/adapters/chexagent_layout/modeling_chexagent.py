"""A small checkpoint of CheXagent-2's layout: Phi whose image places are read from the path they hide."""

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import PhiForCausalLM, SiglipVisionConfig, SiglipVisionModel

from .configuration_chexagent import CheXagentConfig


class Visual(nn.Module):
    """A SigLIP tower, and an MLP that keeps the number of its places."""

    def __init__(self, sizes, width):
        super().__init__()
        self.config = SiglipVisionConfig(**sizes)
        self.model = SiglipVisionModel(self.config)
        hidden = self.config.hidden_size
        self.attn_pool = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        self.ln_post = nn.LayerNorm(hidden)
        self.proj = nn.Parameter(torch.randn(hidden, width) * 0.1)

    def encode(self, paths):
        side = self.config.image_size
        films = [np.array(Image.open(path).convert("RGB").resize((side, side))) for path in paths]
        pixels = torch.from_numpy(np.stack(films)).permute(0, 3, 1, 2).to(self.proj) / 127.5 - 1
        seen = self.model(pixels).last_hidden_state
        return self.ln_post(self.attn_pool(seen)) @ self.proj


class CheXagentForCausalLM(PhiForCausalLM):
    config_class = CheXagentConfig

    def __init__(self, config):
        super().__init__(config)
        self.model.visual = Visual(config.visual, config.hidden_size)
        self.post_init()

    def forward(self, input_ids=None, inputs_embeds=None, **kwargs):
        if inputs_embeds is None:
            inputs_embeds = self._with_films(input_ids, self.get_input_embeddings()(input_ids))
        return super().forward(inputs_embeds=inputs_embeds, **kwargs)

    def _with_films(self, ids_RT, embeds_RTD):
        embeds_RTD = embeds_RTD.clone()
        for row, start in (ids_RT == self.config.img_start_id).nonzero().tolist():
            end = start + 1 + (ids_RT[row, start + 1 :] == self.config.img_end_id).nonzero()[0].item()
            hidden = ids_RT[row, start + 1 : end]
            path = bytes(hidden[hidden != self.config.img_pad_id].tolist()).decode()
            embeds_RTD[row, start + 1 : end] = self.model.visual.encode([path])[0]
        return embeds_RTD
