"""The Brain base: clipping, schedules, averaging, repeatable randomness."""

import math
import time

import pytest
import speechbrain as sb
import torch
from speechbrain.utils.epoch_loop import EpochCounter

from speechbrain_opensed.training import OpenSEDBrain, WholeCheckpointer
from speechbrain_opensed.training.optim import (
    WarmupDecay,
    adafactor_or_adamw,
    parameter_groups,
    rate_in_force,
)


class Regression(OpenSEDBrain):
    """Pulls a model's output to the targets; notes what happens."""

    def compute_forward(self, batch, stage):
        self.noted = {**getattr(self, "noted", {}), stage: self.modules.model}
        return self.modules.model(batch[0])

    def compute_objectives(self, predictions, batch, stage):
        return (predictions - batch[1]).square().mean()


def two_parts():
    torch.manual_seed(0)
    return torch.nn.ModuleDict(
        {"encoder": torch.nn.Linear(3, 2), "head": torch.nn.Linear(2, 1)}
    )


class Chain(torch.nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.encoder = torch.nn.Linear(3, 4)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.dropout(self.encoder(x)))


def sgd(lr):
    return lambda groups: torch.optim.SGD(groups, lr=lr)


def batches(number=4, scale=1.0):
    rng = torch.Generator().manual_seed(1)
    return [
        (scale * torch.randn(8, 3, generator=rng), torch.ones(8, 1))
        for _ in range(number)
    ]


def make_brain(model=None, lr=0.1, run_opts=None, **options):
    torch.manual_seed(0)
    return Regression(
        {"model": model or Chain()},
        sgd(lr),
        run_opts={"noprogressbar": True, "device": "cpu", **(run_opts or {})},
        **options,
    )


def update_norms(brain, data):
    """How far one step moves encoder and head."""
    model = brain.modules["model"]
    parts = {"encoder": model.encoder, "head": model.head}
    before = {
        name: [p.detach().clone() for p in part.parameters()]
        for name, part in parts.items()
    }
    brain.fit(range(1, 2), data)
    return {
        name: torch.cat(
            [
                (p.detach() - q).flatten()
                for p, q in zip(part.parameters(), before[name], strict=True)
            ]
        ).norm()
        for name, part in parts.items()
    }


def test_all_groups_are_clipped_by_their_common_norm():
    brain = make_brain(
        lr=1.0,
        run_opts={"max_grad_norm": 1.0},
        lr_factors={"model.encoder": 0.5},
    )
    moved = update_norms(brain, batches(1, scale=1000.0))
    # Undo the learning rates: the gradients' common norm is what was asked.
    common = torch.hypot(moved["encoder"] / 0.5, moved["head"])
    assert common == pytest.approx(1.0, abs=1e-4)
    assert min(moved.values()) > 1e-3


@pytest.mark.parametrize("off", [-1, -5.0, 0])
def test_no_norm_means_no_clipping_and_no_ascent(off):
    data = batches(8)
    unclipped, huge = (
        make_brain(run_opts={"max_grad_norm": norm}) for norm in (off, 1e9)
    )
    for brain in (unclipped, huge):
        brain.fit(range(1, 4), data)
        assert (
            brain.compute_objectives(
                brain.compute_forward(data[0], sb.Stage.TEST), data[0], None
            )
            < 0.5
        )
    for a, b in zip(
        unclipped.modules.parameters(), huge.modules.parameters(), strict=True
    ):
        assert torch.equal(a, b)


def test_gradients_that_are_not_finite_are_skipped_when_asked():
    bad = [(torch.full((8, 3), torch.nan), torch.ones(8, 1))]
    brain = make_brain(
        run_opts={"skip_nonfinite_grads": True, "nonfinite_patience": 1}
    )
    before = [p.clone() for p in brain.modules.parameters()]
    brain.fit(range(1, 2), bad)
    for p, q in zip(brain.modules.parameters(), before, strict=True):
        assert torch.equal(p, q)
    with pytest.raises(ValueError, match="patience is exhausted"):
        brain.fit(range(1, 2), bad * 2)


def test_parameter_groups():
    modules = torch.nn.ModuleDict({"model": two_parts()})
    modules["model"]["head"].bias.requires_grad = False
    factors = {"model": 0.5, "model.encoder": 0.1, "model.encoder.bias": 1}
    groups = parameter_groups(modules, factors, decay_vectors=False)
    encoder, head = modules["model"]["encoder"], modules["model"]["head"]
    assert [
        (g["lr_factor"], g.get("weight_decay"), g["params"]) for g in groups
    ] == [
        (1.0, 0.0, [encoder.bias]),
        (0.5, None, [head.weight]),
        (0.1, None, [encoder.weight]),
    ]


def test_factor_for_nothing_is_refused():
    with pytest.raises(ValueError, match="named after encodr"):
        parameter_groups(two_parts(), {"encodr": 0.1})


def test_groups_are_found_under_wrappers():
    class Wrapper(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

    modules = torch.nn.ModuleDict({"model": Wrapper(two_parts())})
    groups = parameter_groups(modules, {"model.encoder": 0.1})
    assert [len(group["params"]) for group in groups] == [2, 2]


def test_schedule():
    cosine = WarmupDecay(2, 12, 0.1, "cosine")
    assert [cosine(s) for s in (0, 1, 2)] == [0.5, 1.0, 1.0]
    assert cosine(7) == pytest.approx(0.55)
    # Half a wave: slow at first, unlike the line, which is at 0.82 here.
    assert cosine(4) == pytest.approx(0.1 + 0.45 * (1 + math.cos(math.pi / 5)))
    assert WarmupDecay(2, 12, 0.1)(4) == pytest.approx(0.82)
    assert cosine(12) == cosine(100) == pytest.approx(0.1)
    assert WarmupDecay(0, 10)(0) == 1.0
    with pytest.raises(ValueError, match="'step' is unknown"):
        WarmupDecay(1, 2, shape="step")
    with pytest.raises(ValueError, match="less than total_steps 10"):
        WarmupDecay(10, 10)


@pytest.mark.parametrize("epochs", [2, 10])
@pytest.mark.parametrize("factor", [1, 3])
def test_the_schedule_ends_where_training_ends(epochs, factor):
    brain = make_brain(
        lr_schedule=WarmupDecay(500, final_factor=0.01),
        run_opts={"grad_accumulation_factor": factor},
    )
    brain.fit(EpochCounter(epochs), batches(7))
    steps = 7 // factor * epochs
    assert brain.optimizer_step == brain.lr_schedule.total_steps == steps
    assert brain.lr_schedule.warmup_steps == steps // 5
    # The last step: one step of the way down is left.
    down = steps - steps // 5
    assert brain.learning_rate == pytest.approx(
        0.1 * (0.01 + 0.99 / down), rel=1e-6
    )


def test_a_schedule_of_another_length_is_refused():
    brain = make_brain(lr_schedule=WarmupDecay(2, 100))
    with pytest.raises(ValueError, match="made for 100 steps.*has 14"):
        brain.fit(EpochCounter(2), batches(7))


def test_an_epoch_without_a_step_is_an_error():
    with pytest.raises(ValueError, match="nothing would be trained"):
        make_brain().fit(EpochCounter(2), [])
    brain = make_brain(run_opts={"grad_accumulation_factor": 4})
    with pytest.raises(ValueError, match="has 3 batches"):
        brain.fit(EpochCounter(2), batches(3))


def test_the_rate_of_adafactor_is_that_of_its_steps():
    weight = torch.nn.Parameter(torch.full((2, 2), 0.5))
    optimizer = adafactor_or_adamw([weight], "adafactor", lr=3.0)
    assert rate_in_force(optimizer) == 0.0
    for _ in range(5):
        weight.grad = torch.ones(2, 2)
        optimizer.step()
    # Relative step of a warm-up, times the size of the tensor.
    assert rate_in_force(optimizer) == pytest.approx(5e-6 * 0.5, rel=1e-3)


def test_factors_for_what_is_frozen_are_no_error():
    modules = two_parts()
    modules["encoder"].requires_grad_(False)
    (group,) = parameter_groups(modules, {"encoder": 0.1})
    assert group["params"] == list(modules["head"].parameters())


def test_schedule_moves_every_group_with_each_optimizer_step():
    rates = []

    class Noting(Regression):
        def on_fit_batch_end(self, batch, outputs, loss, should_step):
            rates.append([g["lr"] for g in self.optimizer.param_groups])

    brain = Noting(
        {"model": Chain()},
        sgd(1.0),
        run_opts={"noprogressbar": True},
        lr_schedule=WarmupDecay(2, 4),
        lr_factors={"model.encoder": 0.1},
    )
    brain.fit(range(1, 2), batches(4, scale=0.01))
    factors = [0.5, 1.0, 1.0, 0.5]
    assert rates == [pytest.approx([f, 0.1 * f]) for f in factors]


def test_vectors_do_not_decay_when_asked():
    brain = make_brain(run_opts={"remove_vector_weight_decay": True})
    brain.opt_class = lambda g: torch.optim.AdamW(g, weight_decay=0.3)
    brain.init_optimizers()
    sizes = {
        group["weight_decay"]: {p.ndim for p in group["params"]}
        for group in brain.optimizer.param_groups
    }
    assert sizes == {0.3: {2}, 0.0: {1}}


def test_steps_have_seeds_of_their_own():
    brain = make_brain(seed=5)
    seeds = set()
    for brain.seed in (0, 1):
        for brain.epoch in (1, 2):
            for brain.step in range(3):
                for brain.rank in (0, 1):
                    brain.distributed_launch = True
                    seeds.add(brain.step_seed())
    assert len(seeds) == 24
    one, two = brain.step_generator(), brain.step_generator()
    assert torch.equal(
        torch.rand(3, generator=one), torch.rand(3, generator=two)
    )
    torch.manual_seed(brain.step_seed())
    assert not torch.equal(
        torch.rand(3), torch.rand(3, generator=brain.step_generator())
    )


def test_dropout_depends_on_the_step_alone():
    weights = []
    for noise in (1, 2):
        torch.manual_seed(0)
        brain = make_brain(Chain(dropout=0.5))
        torch.manual_seed(noise)
        brain.fit(range(1, 3), batches())
        weights.append(brain.modules["model"].head.weight.detach())
    assert torch.equal(*weights)


def test_validation_and_test_use_averaged_weights(tmp_path):
    model = Chain()
    checkpointer = WholeCheckpointer(tmp_path, {"model": model})
    brain = make_brain(model, checkpointer=checkpointer, ema_decay=0.5)
    brain.fit(range(1, 2), batches(1), batches(1))
    # The first average is the weights themselves, then it follows slowly.
    averaged = brain.ema.module["model"]
    assert torch.equal(averaged.head.weight, model.head.weight)
    before = averaged.head.weight.clone()
    brain.fit(range(2, 3), batches(1), batches(1))
    weight = 1 - 2 / 11
    assert torch.allclose(
        averaged.head.weight, before.lerp(model.head.weight, weight)
    )
    assert brain.noted[sb.Stage.TRAIN] is model
    assert brain.noted[sb.Stage.VALID] is averaged
    assert brain.modules["model"] is model

    checkpointer.save_checkpoint()
    kept = averaged.head.weight.clone()
    fresh = Chain()
    again = make_brain(
        fresh,
        checkpointer=WholeCheckpointer(tmp_path, {"model": fresh}),
        ema_decay=0.5,
    )
    again.evaluate(batches(1))
    used = again.noted[sb.Stage.TEST]
    assert used is not fresh and torch.equal(used.head.weight, kept)
    assert torch.equal(fresh.head.weight, model.head.weight)
    assert again.modules["model"] is fresh


def test_averaging_shares_what_is_frozen():
    frozen = torch.nn.Linear(3, 3).requires_grad_(False)
    brain = Regression(
        {"model": Chain(), "text": frozen}, sgd(0.1), ema_decay=0.9
    )
    assert list(brain.ema.module.keys()) == ["model"]
    with brain.averaged():
        assert brain.modules["text"] is frozen
        assert list(brain.modules.keys()) == ["model", "text"]


def test_checkpoints_wait_for_the_accumulated_gradients(tmp_path):
    steps = []

    class Noting(Regression):
        def _save_intra_epoch_ckpt(self):
            steps.append(self.step)
            super()._save_intra_epoch_ckpt()

    model = Chain()
    brain = Noting(
        {"model": model},
        sgd(0.1),
        run_opts={
            "ckpt_interval_steps": 2,
            "grad_accumulation_factor": 3,
            "noprogressbar": True,
        },
        checkpointer=WholeCheckpointer(tmp_path, {"model": model}),
    )
    brain.fit(range(1, 2), batches(10))
    assert steps == [3, 6, 9]


def test_half_written_checkpoint_is_passed_over(tmp_path):
    class Dies(torch.nn.Module):
        def state_dict(self, *args, **kwargs):
            raise KeyboardInterrupt

    model = Chain()
    checkpointer = WholeCheckpointer(tmp_path, {"model": model})
    first = checkpointer.save_checkpoint(end_of_epoch=False)
    checkpointer.add_recoverable("dies", Dies())
    with pytest.raises(KeyboardInterrupt):
        checkpointer.save_checkpoint(end_of_epoch=False)
    assert len(list(tmp_path.iterdir())) == 2
    again = WholeCheckpointer(tmp_path, {"model": model})
    assert again.recover_if_possible().path == first.path


def test_epoch_is_known_and_resumed(tmp_path):
    def run(limit):
        model, counter = Chain(), EpochCounter(limit)
        checkpointer = WholeCheckpointer(
            tmp_path, {"model": model, "counter": counter}
        )
        brain = make_brain(model, checkpointer=checkpointer)
        epochs = []
        brain.on_stage_start = lambda stage, epoch: epochs.append(
            (epoch, brain.epoch)
        )
        brain.fit(counter, batches(1))
        checkpointer.save_checkpoint()
        return epochs

    assert run(2) == [(1, 1), (2, 2)]
    assert run(3) == [(3, 3)]


def test_bf16_trains_on_cpu():
    dtypes = set()

    class Noting(Regression):
        def compute_objectives(self, predictions, batch, stage):
            dtypes.add(predictions.dtype)
            return super().compute_objectives(predictions.float(), batch, stage)

    brain = Noting(
        {"model": Chain()},
        sgd(0.05),
        run_opts={"precision": "bf16", "device": "cpu", "noprogressbar": True},
    )
    brain.fit(range(1, 30), batches())
    assert dtypes == {torch.bfloat16}
    x, y = batches()[0]
    assert (brain.modules["model"](x) - y).square().mean() < 0.1


def test_checkpoints_are_in_order_where_the_clock_goes_back(
    tmp_path, monkeypatch
):
    model = torch.nn.Linear(1, 1)
    checkpointer = WholeCheckpointer(tmp_path, {"model": model})
    now = time.time()
    for value, clock in ((1.0, now), (2.0, now - 3600), (3.0, now - 7200)):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        torch.nn.init.constant_(model.weight, value)
        checkpointer.save_and_keep_only()
    fresh = torch.nn.Linear(1, 1)
    found = WholeCheckpointer(tmp_path, {"model": fresh})
    found.recover_if_possible()
    assert fresh.weight.item() == 3.0


class Named(list):
    """A batch that knows its clips."""

    def __init__(self, values, ids):
        super().__init__(values)
        self.ids = ids


def named(number=4, broken=None, value=float("nan")):
    made = []
    for k, (x, y) in enumerate(batches(number)):
        if k == broken:
            x = x.clone()
            x[3, 1] = value
        made.append(Named((x, y), [f"clip{k}-a", f"clip{k}-b"]))
    return made


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("clipping", [0.0, 1.0])
def test_a_loss_that_is_not_finite_ends_the_training(tmp_path, value, clipping):
    model, counter = Chain(), EpochCounter(2)
    checkpointer = WholeCheckpointer(
        tmp_path, {"model": model, "counter": counter}
    )
    brain = make_brain(
        model,
        run_opts={"max_grad_norm": clipping},
        checkpointer=checkpointer,
    )
    brain.fit(range(1, 2), named(2))
    kept = checkpointer.save_checkpoint(name="before")
    state = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match="clip0-a, clip0-b") as error:
        brain.fit(range(2, 3), named(3, broken=0, value=value))
    assert "the loss of epoch 2, step 1" in str(error.value)
    assert str(kept.path) in str(error.value)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name])
    (found,) = checkpointer.list_checkpoints()
    loaded = torch.load(found.path / "model.ckpt", weights_only=True)
    assert all(torch.isfinite(x).all() for x in loaded.values())


class Rooted(Regression):
    """A finite loss whose gradient is not: the root of zero."""

    def compute_objectives(self, predictions, batch, stage):
        loss = super().compute_objectives(predictions, batch, stage)
        return loss if batch[1].any() else (predictions * 0).abs().sqrt().sum()


@pytest.mark.parametrize("clipping", [0.0, 1.0])
def test_a_gradient_that_is_not_finite_ends_the_training(clipping):
    model = Chain()
    brain = Rooted(
        {"model": model},
        sgd(0.1),
        run_opts={
            "noprogressbar": True,
            "device": "cpu",
            "max_grad_norm": clipping,
            "grad_accumulation_factor": 2,
        },
    )
    data = named(4)
    data[2] = Named((data[2][0], torch.zeros(8, 1)), ["bad"])
    with pytest.raises(ValueError, match="the gradient .*bad, clip3-a"):
        brain.fit(range(1, 2), data)
    assert brain.optimizer_step == 1
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_steps_may_be_passed_over_where_that_is_asked_for():
    run_opts = {"skip_nonfinite_grads": True, "nonfinite_patience": 1}
    brain = make_brain(run_opts=run_opts)
    brain.fit(range(1, 2), named(4, broken=1))
    assert all(torch.isfinite(p).all() for p in brain.modules.parameters())


def test_an_epoch_without_a_batch_is_an_error_with_any_sampler():
    class Open(torch.utils.data.IterableDataset):
        """Batches of which nobody knows how many there are."""

        def __iter__(self):
            return iter(())

    loader = torch.utils.data.DataLoader(Open(), batch_size=None)
    with pytest.raises(ValueError, match="epoch 1 had no batch"):
        make_brain().fit(range(1, 2), loader)


def test_a_brain_is_what_its_hparams_say(tmp_path):
    hparams = {
        "modules": {"model": torch.nn.Linear(2, 1)},
        "opt_class": lambda groups: torch.optim.SGD(groups, lr=0.1),
        "checkpointer": WholeCheckpointer(tmp_path),
        "seed": 7,
        "ema_decay": 0.9,
    }
    brain = OpenSEDBrain.from_hparams(hparams, {"device": "cpu"})
    assert brain.seed == 7
    assert brain.lr_schedule is None
    assert brain.ema is not None
    assert brain.checkpointer is hparams["checkpointer"]
    other = {"model": torch.nn.Linear(3, 1)}
    brain = OpenSEDBrain.from_hparams(hparams, modules=other, ema_decay=None)
    assert brain.modules.model.in_features == 3
    assert brain.ema is None
    with pytest.raises(ValueError, match="no opt_class, seed"):
        OpenSEDBrain.from_hparams({"modules": other})
