"""`opensed phrase-bank`: clusters of phrases, built and audited.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from lhotse_recipes.cli import output_argument

__all__ = ["phrase_bank"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("phrase-bank")
def phrase_bank() -> None:
    """Build and audit clusters of phrases that mean the same sound.

    A bank has one cluster per line: {"phrase": name, "alternatives":
    [phrase, ...]}.
    """


@phrase_bank.command()
@click.argument("vocabulary")
@output_argument(_FILE)
@click.option(
    "--phrases",
    "sources",
    multiple=True,
    help="Phrases to sort in: a text file (.txt) with one in a line, or a "
    "vocabulary; may be repeated.",
)
@click.option(
    "--encoder",
    default="sentence",
    help="What tells how near phrases are: sentence (a sentence transformer), "
    "clap, hash (common words, no download), table (embeddings in an .npz or "
    ".safetensors) or detector (that of an exported detector), with a name, "
    "file or folder after a colon, such as clap:laion/clap-htsat-fused.",
)
@click.option(
    "--min-similarity",
    type=float,
    default=0.7,
    help="Least cosine with which a phrase joins its nearest class; else it "
    "is a cluster of its own.",
)
def build(
    vocabulary: str,
    output: Path,
    sources: tuple[str, ...],
    encoder: str,
    min_similarity: float,
) -> None:
    """Cluster phrases around the classes of VOCABULARY; write OUTPUT.

    VOCABULARY is a table (.csv) or the name of a shipped one, such as
    audioset_strong. Other spellings of a class are recognised as such; other
    phrases go to the nearest class. Look through what is printed, and audit
    the bank.
    """
    from lhotse_recipes.vocabulary import Vocabulary
    from speechbrain_opensed.dataio.phrases.build import build_bank

    phrases = [p for source in sources for p in _read_phrases(source)]
    bank, decided = build_bank(
        Vocabulary.load(vocabulary),
        phrases,
        _Lazy(encoder),
        min_similarity,
    )
    bank.save(output)
    for assignment in decided:
        click.echo(str(assignment))
    joined = sum(assignment.joined for assignment in decided)
    click.echo(
        f"wrote {output}: {len(bank)} clusters, {len(bank.phrases)} phrases; "
        f"by similarity {joined} joined, {len(decided) - joined} stay alone"
    )


@phrase_bank.command()
@click.argument("bank", type=_FILE)
@click.option(
    "--ontology",
    type=_FILE,
    help="AudioSet's ontology.json: finds more and says how classes relate.",
)
@click.option(
    "--vocabulary",
    default="audioset_strong",
    help="Table with names and AudioSet ids of classes.",
)
@click.option(
    "--accept",
    default="",
    metavar="RELATIONS",
    help="Relations that are no fault: A (a class above or below), B "
    "(siblings), ...; needs --ontology.",
    show_default=False,
)
@click.option(
    "-o",
    "--output",
    type=_FILE,
    help="Write a bank in which what was found is out of its cluster.",
)
@click.pass_context
def audit(
    ctx: Any,
    bank: Path,
    ontology: Path | None,
    vocabulary: str,
    accept: str,
    output: Path | None,
) -> None:
    """List the phrases of BANK that hardly mean what their cluster means.

    The exit status is 1 if there are any and no --output is given.
    """
    from lhotse_recipes.ontology import CATEGORIES, Ontology
    from speechbrain_opensed.dataio.phrases.audit import audit_bank
    from speechbrain_opensed.dataio.phrases.bank import PhraseBank

    if set(accept) - set(CATEGORIES) or (accept and not ontology):
        raise click.UsageError(
            f"--accept {accept}: give letters of {CATEGORIES}, with --ontology"
        )
    clusters = PhraseBank.from_jsonl(bank)
    if clusters.merged:
        click.echo(f"merged, as in {bank} twice: {', '.join(clusters.merged)}")
    suspects = [
        suspect
        for suspect in audit_bank(
            clusters,
            Ontology.from_json(ontology) if ontology else None,
            vocabulary,
        )
        if suspect.relation not in accept
    ]
    for suspect in suspects:
        click.echo(str(suspect))
    click.echo(
        f"{len(suspects)} of {len(clusters.phrases)} phrases in "
        f"{len(clusters)} clusters hardly mean their cluster"
    )
    if output:
        mended = clusters.without((x.cluster, x.phrase) for x in suspects)
        mended.save(output)
        click.echo(f"wrote {output}: {len(mended)} clusters")
    elif suspects:
        ctx.exit(1)


def _read_phrases(source):
    from lhotse_recipes.io import read_text
    from lhotse_recipes.vocabulary import Vocabulary

    if not source.endswith(".txt"):
        entries = Vocabulary.load(source).entries
        return [text for e in entries for text in (e.label, e.phrase)]
    lines = read_text(source).splitlines()
    return [line.strip() for line in lines if line.strip()]


class _Lazy:
    """Not loaded where there are only spellings to recognise."""

    def __init__(self, text):
        self.text = text
        self.encoder = None

    def __call__(self, phrases):
        self.encoder = self.encoder or _make_encoder(self.text)
        return self.encoder(phrases)


def _make_encoder(text):
    kind, _, source = text.partition(":")
    given = (source,) if source else ()
    if kind in ("table", "detector") and not source:
        raise ValueError(f"--encoder {kind}: add its path, {kind}:PATH")
    if kind == "hash":
        from speechbrain_opensed.lobes.text.encoders import HashTextEncoder

        return HashTextEncoder(dim=256)
    if kind == "table":
        from speechbrain_opensed.lobes.text.encoders import TableTextEncoder

        return TableTextEncoder(source)
    if kind == "clap":
        from speechbrain_opensed.lobes.encoders.clap import ClapTextEncoder

        return ClapTextEncoder(*given)
    if kind == "sentence":
        from speechbrain_opensed.lobes.text.sentence import SentenceTextEncoder

        return SentenceTextEncoder(*given)
    if kind == "detector":
        from speechbrain_opensed.inference import SoundEventDetector

        detector = SoundEventDetector.from_hparams(source)
        return detector.mods.text_encoder
    raise ValueError(
        f"unknown encoder {kind!r}: choose sentence, clap, hash, table or "
        "detector"
    )
