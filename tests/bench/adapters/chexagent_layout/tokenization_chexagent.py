"""A small checkpoint of CheXagent-2's layout: bytes as tokens, an image's path hidden in its 1,024 places."""

import re
from typing import ClassVar

from transformers import PreTrainedTokenizer

SPAN = 1024
TAGS = ("<|img|>", "<|/img|>", "<|imgpad|>", "<|ref|>", "<|/ref|>", "<|box|>", "<|/box|>")
TEMPLATE = (
    "{% for message in messages %}{% set who = {'human': 'user', 'system': 'system'}[message['from']] %}"
    "{{ '<|' + who + '|>\n' + message['value'] + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


class CheXagentTokenizer(PreTrainedTokenizer):
    vocab_files_names: ClassVar = {}
    model_input_names: ClassVar = ["input_ids", "attention_mask"]

    def __init__(self, **kwargs):
        self.names = [f"<0x{byte:02x}>" for byte in range(256)]
        kwargs |= {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
        super().__init__(**kwargs)
        self.add_special_tokens({"additional_special_tokens": list(TAGS)})
        self.chat_template = TEMPLATE

    @property
    def vocab_size(self):
        return 256

    def get_vocab(self):
        return {**{name: i for i, name in enumerate(self.names)}, **self.added_tokens_encoder}

    def from_list_format(self, items):
        text, images = "", 0
        for item in items:
            if "image" in item:
                images += 1
                text += f"Picture {images}:<|img|>{item['image']}<|/img|>\n"
            else:
                text += item["text"]
        return text

    def tokenize(self, text, **kwargs):
        tokens, start = [], 0
        for match in re.finditer(r"<\|img\|>(.*?)<\|/img\|>", text, re.DOTALL):
            tokens += super().tokenize(text[start : match.start()], **kwargs)
            path = self._tokenize(match[1])
            tokens += ["<|img|>", *path, *["<|imgpad|>"] * (SPAN - len(path)), "<|/img|>"]
            start = match.end()
        return tokens + super().tokenize(text[start:], **kwargs)

    def _tokenize(self, text, **kwargs):
        return [self.names[byte] for byte in text.encode()]

    def _convert_token_to_id(self, token):
        return self.names.index(token)

    def _convert_id_to_token(self, index):
        return self.names[index]

    def convert_tokens_to_string(self, tokens):
        own = set(self.names)
        parts = [bytes.fromhex(token[3:5]) if token in own else token.encode() for token in tokens]
        return b"".join(parts).decode("utf-8", errors="replace")

    def save_vocabulary(self, save_directory, filename_prefix=None):
        return ()
