"""Solvers against diffusions whose exact velocity is known."""

import pytest
import torch

from speechbrain_opensed.inference.guidance import (
    GUIDANCE,
    combine,
    guidance_weights,
)
from speechbrain_opensed.lobes.style.diffusion import (
    SCHEDULERS,
    build_scheduler,
    draw_latents,
)

ALPHAS = torch.cumprod(
    1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, dim=0
)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedule_is_that_of_stable_diffusion(name):
    solver = build_scheduler(name)
    torch.testing.assert_close(solver.alphas_cumprod, ALPHAS)
    assert solver.alphas_cumprod[999].item() == pytest.approx(0.00466, abs=1e-5)
    assert solver.config.prediction_type == "v_prediction"
    for steps in (1, 7, 20):
        assert build_scheduler(name, steps).timesteps[0].item() == 999


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_data_of_one_point_are_found(name, steps):
    # All mass at `target`: the noise of z is known, and so the velocity.
    target = torch.linspace(-2, 2, 24).reshape(1, 4, 3, 2)

    def predict(z, time):
        alpha = ALPHAS[time.long()]
        noise = (z - alpha.sqrt() * target) / (1 - alpha).sqrt()
        return alpha.sqrt() * noise - (1 - alpha).sqrt() * target

    drawn = draw_latents(
        predict, (4, 3, 2), [0, 1], scheduler=name, steps=steps
    )
    assert (drawn - target).abs().max() < 1e-3


@pytest.mark.parametrize("name", SCHEDULERS)
def test_gaussian_data_keep_their_deviation(name):
    # For unit Gaussians the best prediction of the velocity is 0.
    drawn = draw_latents(
        lambda z, time: torch.zeros_like(z),
        (8, 32, 16),
        [0],
        scheduler=name,
        steps=50,
    )
    assert drawn.std().item() == pytest.approx(1, abs=0.07)
    assert drawn.mean().abs() < 0.05


def test_ddim_turns_by_the_angle_between_its_steps():
    steps = [999, 749, 499, 249]
    angles = torch.arccos(ALPHAS[steps].sqrt())
    turns = angles - torch.cat([angles[1:], torch.zeros(1)])
    noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(7))
    drawn = draw_latents(
        lambda z, time: torch.zeros_like(z),
        (2, 3, 4),
        [7],
        scheduler="ddim",
        steps=4,
    )
    torch.testing.assert_close(drawn[0], noise * torch.cos(turns).prod())


@pytest.mark.parametrize("name", ["ddpm", "dpm"])
def test_draws_depend_on_the_seed_alone(name):
    def predict(z, time):
        return 0.1 * z

    both = draw_latents(predict, (2, 4, 4), [3, 4], scheduler=name, steps=5)
    alone = draw_latents(predict, (2, 4, 4), [4], scheduler=name, steps=5)
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=0)
    assert not torch.equal(both[0], both[1])


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="'euler'.*dpm, ddpm, ddim, unipc"):
        build_scheduler("euler")
    for steps in (0, 1001, 2.5):
        with pytest.raises(ValueError, match=f"{steps} steps.*1 to 1000"):
            build_scheduler("dpm", steps)


@pytest.mark.parametrize("styled", [True, False])
@pytest.mark.parametrize("mode", GUIDANCE)
def test_guidance_follows_its_formula(mode, styled):
    e = {
        (text, style): torch.tensor(1.0 + text + 5.0 * style)
        for text in (False, True)
        for style in (False, True)
    }
    s, r = 3.0, 1.7
    e00, e10 = e[False, False], e[True, False]
    e01, e11 = e[False, True], e[True, True]
    expected = {
        "dual": e00 + s * (e10 - e00) + r * (e11 - e10),
        "joint": e00 + s * (e11 - e00),
        "authors": e01 + s * (e11 - e01),
    }[mode]
    if not styled:
        expected = e00 + s * (e10 - e00)
    weights = guidance_weights(mode, s, r, styled)
    torch.testing.assert_close(combine(e, weights), expected)
    assert sum(weights.values()) == pytest.approx(1)


def test_guidance_asks_no_more_than_it_needs():
    assert len(guidance_weights("dual", 3, 1.5)) == 3
    assert len(guidance_weights("dual", 3, 3)) == 2  # it is joint
    assert guidance_weights("dual", 3, 3) == guidance_weights("joint", 3)
    assert list(guidance_weights("dual", 1, 0)) == [(True, False)]
    with pytest.raises(ValueError, match="'sum'.*dual, joint, authors"):
        guidance_weights("sum")
    with pytest.raises(ValueError, match="style.*nan"):
        guidance_weights("dual", 3, float("nan"))
