"""CLAP, frozen, as prompt learners need it, by way of transformers.

Paper: https://arxiv.org/abs/2211.06687.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from speechbrain_opensed.lobes.encoders.clap import CLAP, hear, load_clap, read
from speechbrain_opensed.lobes.encoders.clap_mel import ClapMel
from speechbrain_opensed.lobes.prompts.alm import AudioLanguageModel
from speechbrain_opensed.lobes.text.roberta import HashTokenizer, bare_ids

__all__ = ["ClapTower"]

# Weights are drawn wider than for training, so that texts and clips differ.
TINY: dict[str, Any] = dict(
    projection_dim=32,
    text_config=dict(
        vocab_size=997,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_factor=15.0,
    ),
    audio_config=dict(
        window_size=4,
        spec_size=64,
        num_mel_bins=16,
        patch_embeds_hidden_size=8,
        hidden_size=16,
        depths=[1, 1],
        num_attention_heads=[2, 2],
        initializer_factor=15.0,
    ),
)
TINY_FRONT = {"feature_size": 16, "max_length_s": 1}


class ClapTower(AudioLanguageModel):
    """Clips and texts of a `ClapModel`.

    A clip of more than ten seconds is heard in its middle; a model with
    fusion hears all of it, see :class:`ClapMel`.
    A clip's embedding depends neither on its batch nor on chance.

    Arguments
    ---------
    source : str, Path, mapping or ClapConfig
        Name on the Hugging Face hub, or a local folder with model,
        tokenizer and `preprocessor_config.json`; or sizes of a model of
        random weights, which has a
        :class:`~speechbrain_opensed.lobes.text.roberta.HashTokenizer`.
    front : mapping, optional
        What differs from the source's settings of the mel front.

    Raises
    ------
    FileNotFoundError
        If the model can be neither found nor fetched.
    ValueError
        If the mel front does not fit the model.

    Example
    -------
    >>> tower = ClapTower.tiny()
    >>> tower.encode_text(["dog barking", "rain"]).shape
    torch.Size([2, 32])
    >>> tower.encode_audio(torch.rand(1, 60000)).shape
    torch.Size([1, 32])
    """

    def __init__(self, source: Any = CLAP, front: Mapping | None = None):
        from transformers import ClapConfig, ClapModel

        settings: dict = {}
        if isinstance(source, Mapping):
            source = ClapConfig(**source)
        if isinstance(source, ClapConfig):
            model = ClapModel(source)
            tokenizer = HashTokenizer(source.text_config.vocab_size)
        else:
            model, tokenizer, extractor = load_clap(source)
            settings = extractor.to_dict()
        super().__init__(model)
        text, audio = model.config.text_config, model.config.audio_config
        self.mel = ClapMel({**settings, **(front or {})}, audio.enable_fusion)
        if self.mel.mel.num_mels != audio.num_mel_bins:
            raise ValueError(
                f"the mel front gives {self.mel.mel.num_mels} mels, the "
                f"model takes {audio.num_mel_bins}: set feature_size in front="
            )
        self.tokenizer = tokenizer
        self.width = text.hidden_size
        self.embed_dim = model.config.projection_dim
        self.max_tokens = text.max_position_embeddings - text.pad_token_id - 1
        self.sample_rate = self.mel.sample_rate
        self.start_id, self.end_id = text.bos_token_id, text.eos_token_id
        self.pad_id = text.pad_token_id
        self.settings = self.mel.settings

    @classmethod
    def tiny(cls, fused: bool = False, seed: int = 0) -> "ClapTower":
        """A small one of random weights, to try things out."""
        audio = {**TINY["audio_config"], "enable_fusion": fused}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls({**TINY, "audio_config": audio}, TINY_FRONT)

    @property
    def logit_scale(self) -> Tensor:
        """That of clips to texts."""
        return self.model.logit_scale_a.exp()

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts, without start and end."""
        return bare_ids(self.tokenizer, texts)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Vectors of tokens, `[..., width]`."""
        return self.model.text_model.get_input_embeddings()(ids)

    def text_features(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """Projected states of the first token, `[texts, embed_dim]`."""
        return read(self.model, mask, inputs_embeds=embeds)

    def audio_features(self, wavs: Tensor, counts: list[int]) -> Tensor:
        """Projected clips, `[batch, embed_dim]`."""
        return hear(self.model, self.mel, wavs, counts)
