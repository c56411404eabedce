"""A rank without a single annotated clip trains along with the others."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.losses import clip_sigmoid_loss, frame_sigmoid_loss

SIZES = {
    "vocab_size": 50,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
CAPTIONS = ["It rains.", "A dog barks.", "Wind blows.", "A cow moos."]
PHRASES = ["rain", "dog"]


def make_model():
    torch.manual_seed(0)
    model = FineLAP(
        16, 1, 2, embed_size=8, roberta=SIZES, tokenizer="hash",
        target_length=32, drop_path=0.0, local_audio_proj_type="linear",
    )  # fmt: skip
    return model


def steps(model, wrapped, rows):
    """Two steps; only the first two clips have annotated frames."""
    generator = torch.Generator().manual_seed(1)
    wavs = torch.randn(4, 5120, generator=generator)[rows]
    mask = torch.tensor([True, True, False, False])[rows]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        tokens = model.text_encoder.tokenize(PHRASES + CAPTIONS[rows])
        clip, frames, texts = wrapped(wavs, *tokens)
        logits = model.frame_logits(frames, texts[:2])
        targets = torch.ones_like(logits)
        loss = clip_sigmoid_loss(
            clip, texts[2:], *model.clip_scale
        ) + frame_sigmoid_loss(
            logits, targets, mask[:, None, None].expand_as(logits)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: p.detach() for name, p in model.named_parameters()}


def work(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=2,
    )
    model = make_model()
    # Nothing is unused, in no process: the default of DDP serves.
    weights = steps(
        model, DistributedDataParallel(model), slice(2 * rank, 2 * rank + 2)
    )
    torch.save(weights, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_rank_without_annotated_clips(tmp_path):
    context = torch.multiprocessing.spawn(
        work, (str(tmp_path),), nprocs=2, join=False
    )
    while not context.join(timeout=120):
        pass
    model = make_model()
    alone = steps(model, model, slice(0, 4))
    for rank in range(2):
        weights = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, weight in alone.items():
            assert torch.allclose(weights[name], weight, atol=1e-5), name
