"""Regularisers measure in the frozen space and go with every learner."""

import copy

import pytest
import torch

from speechbrain_opensed.lobes.prompts import (
    PALM,
    CoCoOp,
    CoOp,
    DePT,
    KnowledgeGuidance,
    SemanticExpansion,
)
from speechbrain_opensed.lobes.prompts.alm_clap import ClapTower
from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower
from speechbrain_opensed.lobes.prompts.regularizers import TEMPLATES
from speechbrain_opensed.losses import semantic_expansion_loss

BASE = ["Dog", "car horn", "rain"]
NEIGHBORS = {
    "dog": ["puppy", "a hound that barks", "wolf", "terrier"],
    "Car_Horn": ["hooter", "honking", "klaxon of a lorry", "traffic jam"],
    "rain": ["drizzle", "downpour", "shower", "water on a roof"],
    "not learned": ["nothing"],
}
WORDS = [NEIGHBORS[k] for k in ("dog", "Car_Horn", "rain")]
LABELS = torch.tensor([0, 1, 2, 0])


@pytest.fixture(scope="module")
def tower():
    return FineLAPTower.tiny()


@pytest.fixture
def learner(tower):
    learner = CoOp(tower, BASE, context=4)
    with torch.no_grad():
        learner.ctx *= 30
    return learner


@pytest.fixture
def clips(tower):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, tower.embed_dim, generator=generator)


def test_guidance_is_the_distance_to_the_hand_made_prompt(tower, learner):
    z = learner.class_embeds()
    told = tower.encode_text([f"the sound of {n.lower()}" for n in BASE])
    cosine = torch.cosine_similarity(z, told).mean()
    options = dict(weight=8.0, template="the sound of {}")
    loss = KnowledgeGuidance(**options)(learner, z)
    torch.testing.assert_close(loss, 8 * (1 - cosine))
    # Of unit vectors, the paper's form is twice that of its code.
    squared = KnowledgeGuidance(**options, form="squared")(learner, z)
    torch.testing.assert_close(squared, 2 * loss)
    loss.backward()
    assert learner.ctx.grad.norm() > 0
    assert list(KnowledgeGuidance().parameters()) == []


def test_guidance_follows_the_classes(tower, learner):
    guidance = KnowledgeGuidance()
    first = guidance(learner, learner.class_embeds())
    learner.set_classes(["wind", "sea waves"])
    other = guidance(learner, learner.class_embeds())
    assert other != first
    learner.set_classes(BASE)
    assert guidance(learner, learner.class_embeds()) == first


def test_margins_are_mean_distances_in_the_frozen_space(tower, learner):
    templates = ["the sound of {}", "{} can be heard"]
    expansion = SemanticExpansion(NEIGHBORS, templates=templates)
    margins = expansion.margins_of(learner)
    assert margins.shape == (3, 3, 4) and not margins.requires_grad
    for i, name in enumerate(BASE):
        for j, words in enumerate(WORDS):
            for n, word in enumerate(words):
                far = [
                    (
                        tower.encode_text([t.format(name.lower())])
                        - tower.encode_text([t.format(word)])
                    ).norm()
                    for t in templates
                ]
                expected = sum(far) / 2
                assert margins[i, j, n].item() == pytest.approx(
                    expected.item(), abs=1e-4
                )
    # The learned context has no part in them.
    with torch.no_grad():
        learner.ctx += 1
    again = SemanticExpansion(NEIGHBORS, templates=templates)
    assert torch.equal(again.margins_of(learner), margins)


def test_margins_are_computed_once_for_some_classes(tower, learner):
    expansion = SemanticExpansion(NEIGHBORS, templates=2)
    first = expansion.margins_of(learner)
    assert expansion.margins_of(learner) is first
    other = CoOp(FineLAPTower.tiny(seed=1), BASE, context=4)
    assert not torch.equal(expansion.margins_of(other), first)
    learner.set_classes(BASE[:2])
    assert expansion.margins_of(learner).shape == (2, 2, 4)


def test_the_hand_made_prompt_itself_costs_nothing(tower):
    """With one template that the context begins as, all is as far as before."""
    learner = CoOp(tower, BASE, context="the sound of", ending="")
    expansion = SemanticExpansion(NEIGHBORS, templates=["the sound of {}"])
    assert expansion(learner, learner.class_embeds()).item() < 1e-5
    assert KnowledgeGuidance(template="the sound of {}")(
        learner, learner.class_embeds()
    ).item() == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        learner.ctx *= -3
    assert expansion(learner, learner.class_embeds()).item() > 1e-3


@pytest.mark.parametrize("intra", [True, False])
@pytest.mark.parametrize("inter", [True, False])
@pytest.mark.parametrize("margins", [True, False])
def test_expansion_is_the_weighted_loss(learner, intra, inter, margins):
    options = dict(intra=intra, inter=inter, margins=margins)
    if not (intra or inter):
        with pytest.raises(ValueError, match="neither intra nor inter"):
            SemanticExpansion(NEIGHBORS, **options)
        return
    z = learner.class_embeds()
    p = torch.stack([learner.encode_names(words) for words in WORDS])
    expansion = SemanticExpansion(NEIGHBORS, weight=3.0, **options)
    expected = semantic_expansion_loss(
        z,
        p,
        expansion.margins_of(learner) if margins else None,
        intra=intra,
        inter=inter,
    )
    torch.testing.assert_close(
        expansion(learner, z), 3 * expected, atol=1e-5, rtol=1e-4
    )


def gradient(learner, expansion):
    learner = copy.deepcopy(learner)
    expansion(learner, learner.class_embeds()).backward()
    return learner.ctx.grad


def test_gradients_go_through_neighbours_unless_detached(learner):
    whole = gradient(learner, SemanticExpansion(NEIGHBORS))
    part = gradient(
        learner, SemanticExpansion(NEIGHBORS, detach_neighbors=True)
    )
    assert whole.norm() > 0 and part.norm() > 0
    assert (whole - part).norm() > 0.01 * whole.norm()

    expansion = SemanticExpansion(NEIGHBORS)
    p = torch.stack([learner.encode_names(w) for w in WORDS]).detach()
    semantic_expansion_loss(
        learner.class_embeds(), p, expansion.margins_of(learner)
    ).backward()
    torch.testing.assert_close(learner.ctx.grad, part, atol=1e-5, rtol=1e-3)


class Listening(CoOp):
    """Notes which names are asked for."""

    def encode_names(self, names, normalize=True):
        self.asked = list(names)
        return super().encode_names(names, normalize)


def test_neighbours_are_drawn_by_seed_and_step(tower):
    learner = Listening(tower, BASE, context=4)

    def draws(expansion, steps=6):
        seen = []
        for _ in range(steps):
            z = learner.class_embeds()
            loss = expansion(learner, z)
            asked = [learner.asked[i : i + 2] for i in (0, 2, 4)]
            index = torch.tensor(
                [
                    [words.index(word) for word in few]
                    for few, words in zip(asked, WORDS, strict=True)
                ]
            )
            margins = torch.stack(
                [
                    expansion.margins_of(learner)[:, j, few]
                    for j, few in enumerate(index)
                ],
                dim=1,
            )
            p = torch.stack([learner.encode_names(few) for few in asked])
            expected = semantic_expansion_loss(z, p, margins)
            torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-4)
            seen.append(index.tolist())
        return seen

    def make(seed):
        return SemanticExpansion(NEIGHBORS, neighbor_subsample=2, seed=seed)

    state = torch.get_rng_state()
    first = make(0)
    seen = draws(first)
    assert torch.equal(torch.get_rng_state(), state)
    assert len({str(step) for step in seen}) > 3
    assert any(len({str(row) for row in step}) > 1 for step in seen)
    assert draws(make(0)) == seen != draws(make(1))
    # A resumed run goes on where it was.
    half = make(0)
    draws(half, 3)
    resumed = make(0)
    resumed.load_state_dict(half.state_dict())
    assert draws(resumed, 3) == seen[3:]
    # When nothing is trained, all count.
    first.eval()(learner, learner.class_embeds())
    assert len(learner.asked) == 12 and first.steps == 6


def test_as_many_neighbours_of_each(tower, learner):
    few = {**NEIGHBORS, "rain": ["drizzle"]}
    with pytest.raises(ValueError, match="'rain' has 1 neighbours and 4 are"):
        SemanticExpansion(few)(learner, learner.class_embeds())
    assert SemanticExpansion(few, num_neighbors=1).neighbors_of(BASE) == [
        ["puppy"],
        ["hooter"],
        ["drizzle"],
    ]
    for lacking in ({k: v for k, v in few.items() if k != "rain"}, {}):
        with pytest.raises(ValueError, match="has 0 neighbours"):
            SemanticExpansion(lacking)(learner, learner.class_embeds())


def test_bad_options(tower, learner):
    with pytest.raises(ValueError, match="templates is 11: there are 10"):
        SemanticExpansion(NEIGHBORS, templates=11)
    with pytest.raises(ValueError, match="'hark' has no {}"):
        SemanticExpansion(NEIGHBORS, templates=["hark"])
    with pytest.raises(ValueError, match="no template"):
        SemanticExpansion(NEIGHBORS, templates=[])
    with pytest.raises(ValueError, match="num_neighbors is 0"):
        SemanticExpansion(NEIGHBORS, num_neighbors=0)
    with pytest.raises(ValueError, match="neighbor_subsample is 0"):
        SemanticExpansion(NEIGHBORS, neighbor_subsample=0)
    with pytest.raises(ValueError, match="neighbor_subsample is 5, but"):
        SemanticExpansion(NEIGHBORS, neighbor_subsample=5)(
            learner, learner.class_embeds()
        )
    with pytest.raises(ValueError, match="form is 'l1'"):
        KnowledgeGuidance(form="l1")
    with pytest.raises(ValueError, match="has no {}"):
        KnowledgeGuidance(template="hark")
    long = {**NEIGHBORS, "rain": ["drizzle", "b", "c", "far " * 40]}
    with pytest.raises(ValueError, match="'far far .* 40 tokens"):
        SemanticExpansion(long, margins=False)(learner, learner.class_embeds())


def test_the_templates_can_all_be_used():
    assert len(set(TEMPLATES)) == 10
    assert len({template.format("x") for template in TEMPLATES}) == 10


@pytest.mark.parametrize("make_tower", [FineLAPTower.tiny, ClapTower.tiny])
@pytest.mark.parametrize("make", [CoOp, CoCoOp, DePT])
def test_both_go_with_every_learner(make_tower, make, clips):
    learner = make(make_tower(), BASE, context=4)
    terms = {
        "guidance": KnowledgeGuidance(weight=1.0),
        "expansion": SemanticExpansion(NEIGHBORS, neighbor_subsample=2),
    }
    count = learner.num_trainable()
    modules = torch.nn.ModuleList([learner, *terms.values()])
    assert sum(p.numel() for p in modules.parameters()) == count
    losses = learner(clips, LABELS, terms)
    alone = learner(clips, LABELS)
    assert set(losses) - set(alone) == {"guidance", "expansion"}
    for name, value in alone.items():
        torch.testing.assert_close(losses[name], value)
    z = learner.encode_names(BASE)
    if make is not CoCoOp:
        torch.testing.assert_close(
            losses["guidance"], terms["guidance"](learner, z)
        )
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in learner.parameters())
    # At inference nothing of them is left.
    assert learner(clips).shape == (4, 3)


def test_palm_goes_with_guidance_but_has_no_place_for_neighbours(tower, clips):
    learner = PALM(tower, BASE)
    losses = learner(clips, LABELS, {"guidance": KnowledgeGuidance()})
    sum(losses.values()).backward()
    with pytest.raises(ValueError, match="PALM has no parameters for 'puppy'"):
        learner(clips, LABELS, {"expansion": SemanticExpansion(NEIGHBORS)})


def test_training_with_expansion_keeps_the_distances(tower, clips):
    """What it is for: the loss that counts falls when it is trained with."""

    def distort(terms):
        learner = CoOp(tower, BASE, context=4)
        optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
        for _ in range(20):
            optimizer.zero_grad()
            sum(learner(clips, LABELS, terms).values()).backward()
            optimizer.step()
        with torch.no_grad():
            return SemanticExpansion(NEIGHBORS)(
                learner, learner.class_embeds()
            ).item()

    kept = distort({"expansion": SemanticExpansion(NEIGHBORS, weight=10.0)})
    assert kept < 0.7 * distort({})
