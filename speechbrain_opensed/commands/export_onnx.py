"""`opensed export-onnx`: a detector as ONNX graphs.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from typing import Any

import click

from speechbrain_opensed.commands.options import phrase_options, read_phrases

__all__ = ["export_onnx"]


@click.command(short_help="Write a detector as two ONNX graphs.")
@click.argument("detector")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for encode.onnx, decode.onnx, phrases.npz, detector.json.",
)
@phrase_options
@click.option(
    "--int8",
    is_flag=True,
    help="Weights of matrix products as int8: smaller, not equal.",
)
def export_onnx(
    detector: str, output: Any, queries: Any, queries_file: Any, int8: Any
) -> None:
    """Write DETECTOR for onnxruntime; --model OUTPUT then uses it.

    DETECTOR is what --model of `opensed detect` takes. The phrases that can
    be asked for later are those named here, or else those of its own table.
    The graphs are compared with the detector before they are kept.

    \b
    opensed export-onnx my-detector -o my-onnx
    opensed detect street.wav -q "dog barking" --model my-onnx
    """
    phrases = None
    if queries or queries_file:
        phrases = read_phrases(queries, queries_file)
    from speechbrain_opensed.commands.options import load_detector
    from speechbrain_opensed.inference.onnx_export import export_onnx as write

    about = write(load_detector(detector, "cpu", "fp32"), output, phrases, int8)
    size = sum(path.stat().st_size for path in output.glob("*.onnx"))
    click.echo(
        f"{output}: {size / 1e6:.1f} MB of graphs; logits differ by at most "
        f"{about['largest_difference']:.1e} from those of torch"
    )
