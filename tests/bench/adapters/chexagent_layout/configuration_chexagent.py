"""A small checkpoint of CheXagent-2's layout: what its sizes are."""

from transformers import PhiConfig


class CheXagentConfig(PhiConfig):
    model_type = "chexagent"

    def __init__(self, visual=None, img_start_id=0, img_end_id=0, img_pad_id=0, **kwargs):
        self.visual = visual or {}
        self.img_start_id, self.img_end_id, self.img_pad_id = img_start_id, img_end_id, img_pad_id
        super().__init__(**kwargs)
