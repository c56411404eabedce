"""`opensed models`: the detectors that go by a name.

Authors
 * The speechbrain-opensed contributors 2026
"""

import click

__all__ = ["models"]


@click.command(short_help="List the detectors that go by a name.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def models(as_json: bool) -> None:
    """List the detectors that `--model` takes by name.

    \b
    opensed detect street.wav -q "dog barking" --model flexsed
    """
    import json
    from dataclasses import asdict

    from speechbrain_opensed.core.hub import models_folder
    from speechbrain_opensed.inference.models import MODELS

    if as_json:
        click.echo(json.dumps([asdict(m) for m in MODELS.values()], indent=1))
        return
    for model in MODELS.values():
        click.echo(
            f"{model.name}\n"
            f"  {model.about}\n"
            f"  {model.parameters} parameters; any words; "
            f"{model.sample_rate / 1000:g} kHz, a score each "
            f"{1000 * model.hop_seconds:g} ms\n"
            f"  licence: {model.licence}\n"
            f"  from: huggingface.co/{model.repository}"
        )
    click.echo(
        "Besides: an export's folder, a run's folder, or released weights.\n"
        "Without a network, put downloaded files into "
        f"{models_folder()}/NAME-OF-REPOSITORY."
    )
