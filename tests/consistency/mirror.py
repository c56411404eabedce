"""Which module is tested where: the tests' tree mirrors the packages'.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

from tests.consistency.files import PACKAGES, ROOT

__all__ = [
    "TOGETHER",
    "WHOLE",
    "mirror",
    "modules",
    "named",
    "strange",
    "unit_tests",
]

UNIT = ROOT / "tests" / "unit"
# Modules that are parts of a larger whole (a family of corpora, the routes of
# one service, the pieces of one command), whose tests go through that whole.
# This table gets shorter, not longer: a new module has tests of its own.
TOGETHER = {
    "lhotse_recipes": "_moved references registry",
    "lhotse_recipes/building": "plausibility youtube",
    "lhotse_recipes/corpora": """
        audiocaps audiogrounding audiosetcaps beijing_opera clotho
        crema_d desed esc50 finelap fsd50k gtzan ns_instruments ravdess
        sesa tut2017 urbansed urbansound8k vggsound vocalsound wavcaps
    """,
    "lhotse_recipes/formats": """
        audacity bioacoustics cuts finelap frames jams jams_schema
        labelstudio raven text textgrid
    """,
    "lhotse_recipes/sound": "channels lengths parts resampling",
    "lhotse_recipes/soundscapes": "assemble planner scene sources synthesis",
    "speechbrain_opensed": "_moved",
    "speechbrain_opensed/checkpoints": "encoders mobilenet tango_layout",
    "speechbrain_opensed/commands": """
        annotate calibrate convert_checkpoint detect_labels
        evaluate_filters evaluate_generation evaluate_report export_onnx
        generate index join_captions llm_options models neighbors
        phrase_bank prompt_results publish relate_labels results search
        standard_input
    """,
    "speechbrain_opensed/dataio": "batches",
    "speechbrain_opensed/dataio/phrases": "audit build",
    "speechbrain_opensed/dataio/sets": "desed",
    "speechbrain_opensed/dataio/style": "cuts",
    "speechbrain_opensed/evaluation": """
        clip_tasks event_tables frame_tasks prompt_results scoring sets
        speech_lines subtitles tasks
    """,
    "speechbrain_opensed/inference": """
        clip_batches clips detection formats guidance index_part
        index_update interface loading lookup onnx_model part_writer
        pretrained provenance queries references scorer sources taught
        waves window_vectors
    """,
    "speechbrain_opensed/language": "http_post journal relations",
    "speechbrain_opensed/lobes": """
        dasheng_sed long_audio on_encoder projectors query_decoder
        query_sed
    """,
    "speechbrain_opensed/lobes/encoders": "clap_mel conv_stem dasheng eat",
    "speechbrain_opensed/lobes/prompts": """
        alm_clap alm_finelap alm_table base coop dept palm templates
    """,
    "speechbrain_opensed/lobes/style": """
        frozen_reference fusion sites tango_codec
    """,
    "speechbrain_opensed/lobes/text": """
        finelap phrase_encoder roberta sentence states
    """,
    "speechbrain_opensed/losses": "alignment detection diffusion prompts",
    "speechbrain_opensed/metrics": "agreement inputs summary",
    "speechbrain_opensed/metrics/generation": "distances divergences encoding",
    "speechbrain_opensed/metrics/psds": "cross events peaks reference",
    "speechbrain_opensed/plotting": """
        embeddings lanes page_parts sounds spectrogram
    """,
    "speechbrain_opensed/serve": """
        detections labels limits messages pictures recordings service
        streaming work
    """,
}
# Test modules of such a whole, or of a property of many modules.
WHOLE = {
    "lhotse_recipes/formats": "exchange label_files round_trip",
    "lhotse_recipes": "prepare_captions prepare_downloads prepare_strong",
    "speechbrain_opensed/evaluation": "choose_neighbors",
    "speechbrain_opensed/inference": "finelap_detector track_detector",
    "speechbrain_opensed/lobes/prompts": "learners sizes",
    "speechbrain_opensed/losses": "all",
    "speechbrain_opensed/metrics/generation": "formulas",
    "speechbrain_opensed/metrics": "benchmark published",
    "speechbrain_opensed/serve": "bad_inputs vendor",
    "speechbrain_opensed": "package",
}


def modules() -> list[Path]:
    """Modules of the packages within the repository, but for `__init__`."""
    return [
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not path.name.startswith("__")
    ]


def unit_tests() -> list[Path]:
    """Test modules of the packages within the repository."""
    return [
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in sorted((UNIT / package).rglob("test_*.py"))
    ]


def mirror(path: Path) -> Path:
    """Where the tests of a module stand."""
    return Path("tests/unit") / path.parent / f"test_{path.name}"


def strange(modules: list[Path], tests: list[Path]) -> list[Path]:
    """Modules without tests of their own, then tests of no one module."""
    wanted = {mirror(path): path for path in modules}
    untested = [path for test, path in wanted.items() if test not in tests]
    return untested + [test for test in tests if test not in wanted]


def named() -> list[Path]:
    """What the tables of this module name, as paths in the repository."""
    return [
        Path(start) / folder / f"{prefix}{name}.py"
        for start, prefix, table in (
            ("", "", TOGETHER),
            ("tests/unit", "test_", WHOLE),
        )
        for folder, names in table.items()
        for name in names.split()
    ]
