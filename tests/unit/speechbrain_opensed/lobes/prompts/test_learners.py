"""Prompt learners keep what they learned when the classes change."""

import copy

import pytest
import torch
import torch.nn.functional as F

from speechbrain_opensed.lobes.prompts import (
    PALM,
    CoCoOp,
    CoOp,
    DePT,
    canonical_name,
)
from speechbrain_opensed.lobes.prompts.alm_finelap import FineLAPTower

BASE = ["Dog", "car horn", "rain"]
NEW = ["sea waves", "city_center"]
LABELS = torch.tensor([0, 1, 2, 0, 1])


@pytest.fixture(scope="module")
def tower():
    return FineLAPTower.tiny()


@pytest.fixture
def clips(tower):
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.randn(5, tower.embed_dim, generator=generator)


def make_all(tower, names=BASE, seed=0):
    """One of each that serves any classes, at a place where it was trained."""
    learners = {
        "CoOp": CoOp(tower, names, context=4, seed=seed),
        "CoCoOp": CoCoOp(tower, names, context=4, seed=seed),
        "DePT": DePT(tower, names, context=4, seed=seed),
        "joined": DePT(tower, names, context=4, head="feature", seed=seed),
    }
    generator = torch.Generator().manual_seed(seed)
    for learner in learners.values():
        with torch.no_grad():
            for parameter in learner.parameters():
                noise = torch.randn(parameter.shape, generator=generator)
                parameter += 0.3 * noise
    return learners


KINDS = ["CoOp", "CoCoOp", "DePT", "joined"]


def test_names_are_said_as_words():
    assert canonical_name("Throat clearing") == "throat clearing"
    assert canonical_name(" cafe/restaurant") == "cafe or restaurant"
    assert canonical_name("residential_area") == "residential area"


def test_contexts_begin_as_drawn_or_as_text(tower):
    first = CoOp(tower, BASE, context=16, seed=1).ctx
    assert torch.equal(CoOp(tower, NEW, context=16, seed=1).ctx, first)
    assert not torch.equal(CoOp(tower, BASE, context=16, seed=2).ctx, first)
    text = "this is a sound of"
    learner = CoOp(tower, BASE, context=text, ending="")
    assert learner.ctx.shape[0] == 5
    said = tower.encode_text([f"{text} {canonical_name(n)}" for n in BASE])
    assert torch.equal(learner.class_embeds(), said)
    with pytest.raises(ValueError, match="context 0: give 1"):
        CoOp(tower, BASE, context=0)


def test_a_draw_leaves_the_global_generator_alone(tower):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    make_all(tower)
    PALM(tower, BASE)
    assert torch.equal(torch.rand(1), expected)


def test_logits_are_scaled_cosines(tower, clips):
    learner = make_all(tower)["CoOp"]
    z = learner.class_embeds()
    torch.testing.assert_close(z.norm(dim=1), torch.ones(3))
    expected = F.cosine_similarity(clips[:, None], z[None], dim=2)
    expected = expected * tower.logit_scale
    torch.testing.assert_close(learner(clips), expected, atol=1e-5, rtol=1e-5)
    loss = learner(clips, LABELS)["cross_entropy"]
    torch.testing.assert_close(loss, F.cross_entropy(expected, LABELS))


@pytest.mark.parametrize("kind", KINDS)
def test_other_classes_meet_the_same_context(tower, clips, kind):
    learner = make_all(tower)[kind]
    state = copy.deepcopy(learner.state_dict())
    before = learner(clips)
    learner.set_classes(NEW)
    assert learner.names == tuple(NEW)
    logits = learner(clips)
    assert logits.shape == (5, 2)
    assert all(torch.equal(learner.state_dict()[k], state[k]) for k in state)
    # Names are encoded alike, as classes or not.
    embeds = learner.encode_names(NEW)
    learner.set_classes(BASE)
    torch.testing.assert_close(learner.encode_names(NEW), embeds)
    torch.testing.assert_close(learner(clips), before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [BASE, NEW, NEW + ["wind"]])
def test_checkpoints_serve_other_classes(tower, clips, kind, names, tmp_path):
    trained = make_all(tower)[kind]
    torch.save(trained.state_dict(), tmp_path / "learner.ckpt")
    other = {
        "CoOp": lambda: CoOp(tower, names, context=4, seed=5),
        "CoCoOp": lambda: CoCoOp(tower, names, context=4, seed=5),
        "DePT": lambda: DePT(tower, names, context=4, seed=5),
        "joined": lambda: DePT(tower, names, context=4, head="feature", seed=5),
    }[kind]()
    state = torch.load(tmp_path / "learner.ckpt", weights_only=True)
    other.load_state_dict(state)
    trained.set_classes(names)
    torch.testing.assert_close(other(clips), trained(clips))
    other.set_classes(BASE)
    trained.set_classes(BASE)
    torch.testing.assert_close(other(clips), trained(clips))


def test_another_length_of_context_is_an_error(tower):
    with pytest.raises(RuntimeError, match="size mismatch for ctx"):
        CoOp(tower, BASE, context=8).load_state_dict(
            CoOp(tower, BASE, context=4).state_dict()
        )


def test_embeddings_are_kept_until_a_parameter_changes(tower, clips):
    learner = CoOp(tower, BASE, context=4)
    calls = []
    encode = learner.encode_names
    learner.encode_names = lambda names: calls.append(names) or encode(names)
    with torch.no_grad():
        first = learner(clips)
        assert torch.equal(learner(clips), first) and len(calls) == 1
    optimizer = torch.optim.SGD(learner.parameters(), lr=1.0)
    learner(clips, LABELS)["cross_entropy"].backward()
    optimizer.step()
    calls.clear()
    with torch.no_grad():
        second = learner(clips)
        assert len(calls) == 1 and not torch.equal(second, first)
        learner.set_classes(NEW)
        assert learner(clips).shape == (5, 2)


def test_cocoop_hears_each_clip_by_itself(tower, clips):
    learner = make_all(tower)["CoCoOp"]
    logits = learner(clips)
    for row, clip in zip(logits, clips, strict=True):
        shift = learner.meta_net(F.normalize(clip, dim=0))
        ids = [learner._ids[name] for name in BASE]
        z = tower.encode_embeds(*tower.assemble(ids, learner.ctx + shift))
        expected = tower.logit_scale * z @ F.normalize(clip, dim=0)
        torch.testing.assert_close(row, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["CoOp", "CoCoOp"])
def test_parts_change_neither_values_nor_gradients(tower, clips, kind):
    gradients = []
    for at_once in (512, 2):
        learner = make_all(tower)[kind]
        learner.prompts_at_once = at_once
        loss = learner(clips, LABELS)["cross_entropy"]
        loss.backward()
        gradients.append(
            [loss.detach(), *(p.grad for p in learner.parameters())]
        )
    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, parts, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("where", ["mean", "context"])
def test_cocoop_regularises_one_context_for_a_batch(tower, clips, where):
    learner = make_all(tower)["CoCoOp"]
    learner.regularize_at = where
    seen = {}

    def look(learner, z):
        seen["z"], seen["p"] = z, learner.encode_names(NEW)
        return seen["p"].sum()

    losses = learner(clips, LABELS, {"look": look})
    shift = learner.shifts(clips).mean(dim=0) if where == "mean" else 0
    for names, embeds in ((BASE, seen["z"]), (NEW, seen["p"])):
        ids = [learner._ids[name] for name in names]
        expected = tower.encode_embeds(
            *tower.assemble(ids, learner.ctx + shift)
        )
        torch.testing.assert_close(embeds, expected, atol=1e-6, rtol=1e-5)
    losses["look"].backward()
    reached = learner.meta_net[0].weight.grad is not None
    assert reached == (where == "mean")
    # Afterwards names are encoded for no clip again.
    plain = tower.encode_embeds(*tower.assemble(ids, learner.ctx))
    torch.testing.assert_close(learner.encode_names(NEW), plain)
    with pytest.raises(ValueError, match="choose 'mean' or 'context'"):
        CoCoOp(tower, BASE, regularize_at="clip")


def raw_text(learner):
    embeds, mask = learner.prompts(BASE)
    return learner.tower.encode_embeds(embeds, mask, normalize=False)


def test_dept_mixes_prompts_and_head(tower, clips):
    learner = make_all(tower)["DePT"]
    raw = raw_text(learner)
    near = learner.similarity(clips, F.normalize(raw, dim=1))
    heard = learner.film_audio.scale * clips + learner.film_audio.shift
    said = learner.film_text.scale * raw + learner.film_text.shift
    head = learner.head(heard)
    torch.testing.assert_close(learner(clips), 0.3 * near + 0.7 * head)
    both = torch.cat([learner.head(said[LABELS]), head])
    losses = learner(clips, LABELS)
    torch.testing.assert_close(
        losses["cross_entropy"], 0.3 * F.cross_entropy(near, LABELS)
    )
    torch.testing.assert_close(
        losses["head"], 0.7 * F.cross_entropy(both, torch.cat([LABELS] * 2))
    )
    learner.set_classes(NEW)
    near = learner.similarity(clips, learner.class_embeds())
    torch.testing.assert_close(learner(clips), near)


def test_depts_scales_do_nothing_at_the_start(tower, clips):
    learner = DePT(tower, BASE, context=4)
    assert torch.equal(learner.film_audio(clips), clips)
    assert torch.equal(learner.film_text(clips), clips)


def test_depts_other_head_judges_pairs(tower, clips):
    learner = make_all(tower)["joined"]
    raw = raw_text(learner)
    near = learner.similarity(clips, F.normalize(raw, dim=1))
    pairs = torch.stack(
        [
            torch.stack(
                [
                    learner.head(
                        torch.cat(
                            [learner.film_audio(clip), learner.film_text(text)]
                        )
                    )[k]
                    for k, text in enumerate(raw)
                ]
            )
            for clip in clips
        ]
    )
    torch.testing.assert_close(learner(clips), 0.3 * near + 0.7 * pairs)
    losses = learner(clips, LABELS)
    torch.testing.assert_close(
        losses["head"], 0.7 * F.cross_entropy(pairs, LABELS)
    )


def test_dept_shows_regularisers_what_is_before_its_scales(tower, clips):
    learner = make_all(tower)["DePT"]
    seen = []
    learner(
        clips, LABELS, {"look": lambda learner, z: seen.append(z) or z.sum()}
    )
    torch.testing.assert_close(seen[0], F.normalize(raw_text(learner), dim=1))
    torch.testing.assert_close(seen[0], learner.encode_names(BASE))


def test_depts_head_is_for_its_classes_in_their_order(tower, clips):
    learner = DePT(tower, BASE, context=4)
    learner.set_classes([n.upper() for n in BASE])
    assert learner.has_head
    for names in (BASE[::-1], NEW):
        learner.set_classes(names)
        assert not learner.has_head
        with pytest.raises(ValueError, match="head is for other classes than"):
            learner(clips, LABELS)
    with pytest.raises(ValueError, match="choose 'batch' or 'feature'"):
        DePT(tower, BASE, head="both")
    with pytest.raises(ValueError, match="mixing is 1.5: give 0 to 1"):
        DePT(tower, BASE, mixing=1.5)


def test_palm_mixes_text_and_vector(tower, clips):
    learner = PALM(tower, BASE)
    assert ((learner.mixing >= 0) & (learner.mixing <= 1)).all()
    text = tower.encode_text(["dog", "car horn", "rain"])
    share = learner.mixing.sigmoid()[:, None]
    mixed = F.normalize((1 - share) * text + share * learner.ctx, dim=1)
    torch.testing.assert_close(learner.class_embeds(), mixed)
    torch.testing.assert_close(learner(clips), learner.similarity(clips, mixed))
    torch.testing.assert_close(learner.encode_names(["rain"]), mixed[2:])
    assert sorted(learner.state_dict()) == ["classes", "ctx", "mixing"]


def test_palm_is_for_its_classes_alone(tower, clips):
    learner = PALM(tower, BASE)
    learner.set_classes([n.lower() for n in BASE])
    for names in (NEW, BASE[::-1]):
        with pytest.raises(ValueError, match="PALM has parameters per class"):
            learner.set_classes(names)
        with pytest.raises(ValueError, match="checkpoint of this PALM is for"):
            PALM(tower, names).load_state_dict(learner.state_dict())
    with pytest.raises(ValueError, match="no parameters for 'puppy'"):
        learner.encode_names(["dog", "puppy"])
    again = PALM(tower, BASE, seed=7)
    again.load_state_dict(learner.state_dict())
    assert torch.equal(again(clips), learner(clips))


@pytest.mark.parametrize("make", [CoOp, CoCoOp, DePT, PALM])
def test_bad_names(tower, make):
    with pytest.raises(ValueError, match="'City_Center' and 'city center' are"):
        make(tower, ["City_Center", "rain", "city center"])
    for names in ([], "rain"):
        with pytest.raises(ValueError, match="give a list of some"):
            make(tower, names)
    with pytest.raises(ValueError, match="class ' _' is empty"):
        make(tower, ["rain", " _"])
    with pytest.raises(ValueError, match="word' has|word.' has"):
        make(tower, ["rain", " ".join(["word"] * 60)])


def test_a_failed_change_of_classes_changes_nothing(tower, clips):
    learner = CoOp(tower, BASE, context=16)
    with pytest.raises(ValueError, match="'a b c d e f g h i j k l m."):
        learner.set_classes(["rain", "a b c d e f g h i j k l m"])
    assert learner.names == tuple(BASE) and learner(clips).shape == (5, 3)
    assert learner.encode_names(["a b c d e f g h i j k l"]).shape == (1, 32)


@pytest.mark.parametrize("make", [CoOp, CoCoOp, DePT, PALM])
def test_all_of_them_learn(tower, make):
    # What another context makes of the classes can be learned.
    teacher = CoOp(tower, BASE, context=4)
    with torch.no_grad():
        teacher.ctx += 50 * teacher.ctx
        z = teacher.class_embeds()
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    clips = (z - z.mean(dim=0))[labels]
    learner = make(tower, BASE)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = sum(learner(clips, labels).values())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad.norm() > 0 for p in learner.parameters())
    assert losses[-1] < 0.75 * losses[0]
