"""Two processes get the gradients of one process with the joined batch."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from speechbrain_opensed.losses import (
    clip_sigmoid_loss,
    frame_sigmoid_loss,
    info_nce_loss,
)

SIZES = (2, 3)
CONTRAST = {"sigmoid": clip_sigmoid_loss, "infonce": info_nce_loss}


class Towers(nn.Module):
    """Stands in for a model of audio and text."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.audio, self.text = nn.Linear(6, 4), nn.Linear(5, 4)
        self.temperature = nn.Parameter(torch.tensor(0.3))
        self.bias = nn.Parameter(torch.tensor(-1.0))

    def forward(self, frames, texts):
        frames = F.normalize(self.audio(frames), dim=-1)
        clip = F.normalize(frames.mean(1), dim=-1)
        return frames, clip, F.normalize(self.text(texts), dim=-1)


def make_batch():
    """Frames, captions, a phrase, its targets and which clips have any."""
    generator = torch.Generator().manual_seed(1)
    targets = torch.randint(2, (5, 1, 7), generator=generator).float()
    # The first process has all clips with frame labels.
    grounded = torch.tensor([True, True, False, False, False])
    return (
        torch.randn(5, 7, 6, generator=generator),
        torch.randn(5, 5, generator=generator),
        torch.randn(1, 5, generator=generator),
        targets,
        grounded[:, None, None].expand(5, 1, 7),
    )


def objective(kind, model, scale, frames, captions, phrase, targets, mask):
    frames, clip, texts = model(frames, torch.cat([phrase, captions]))
    logits = texts[:1] @ frames.transpose(1, 2) / scale[0] + scale[1]
    loss = CONTRAST[kind](clip, texts[1:], *scale)
    return loss + frame_sigmoid_loss(logits, targets, mask)


def work(rank, folder):
    """One of the processes: writes losses and gradients to a file."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=len(SIZES),
    )
    rows = slice(sum(SIZES[:rank]), sum(SIZES[: rank + 1]))
    frames, captions, phrase, targets, mask = make_batch()
    shard = frames[rows], captions[rows], phrase, targets[rows], mask[rows]
    result = {}
    for kind in CONTRAST:
        model = Towers()
        scale = model.temperature, model.bias
        wrapped = nn.parallel.DistributedDataParallel(model)
        loss = objective(kind, wrapped, scale, *shard)
        loss.backward()
        with torch.no_grad():
            alone = objective(kind, wrapped, scale, *shard)
        gradients = {n: p.grad for n, p in model.named_parameters()}
        result[kind] = loss.detach(), alone, gradients
    torch.save(result, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_gradients_of_two_processes(tmp_path):
    context = torch.multiprocessing.spawn(
        work, (str(tmp_path),), nprocs=len(SIZES), join=False
    )
    while not context.join(timeout=120):
        pass
    results = [
        torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for rank in range(len(SIZES))
    ]
    for kind in CONTRAST:
        model = Towers()
        scale = model.temperature, model.bias
        joined = objective(kind, model, scale, *make_batch())
        joined.backward()
        losses = [result[kind][0] for result in results]
        assert sum(losses).item() / len(SIZES) == pytest.approx(
            joined.item(), rel=1e-5
        )
        for result in results:
            for name, parameter in model.named_parameters():
                assert torch.allclose(
                    result[kind][2][name], parameter.grad, atol=1e-6
                ), (kind, name)
        # Without gradients, each process counts for itself.
        frames, captions, phrase, targets, mask = make_batch()
        rows = slice(SIZES[0], None)
        with torch.no_grad():
            alone = objective(
                kind,
                model,
                scale,
                *(frames[rows], captions[rows], phrase),
                *(targets[rows], mask[rows]),
            )
        assert torch.allclose(results[1][kind][1], alone)
