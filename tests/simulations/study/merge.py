"""A LoRA adapter merged into its base, which training can go on from."""

from __future__ import annotations

from pathlib import Path

import click

MANIFEST = "source.json"
"""Written last, so that it stands for a complete model."""


@click.command()
@click.option("--adapter", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(adapter: Path, out: Path) -> None:
    """Merge ADAPTER into the base that its configuration names, in the base's own dtype."""
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    from saeval.files import write_atomic

    if (out / MANIFEST).is_file():
        return
    model = AutoPeftModelForCausalLM.from_pretrained(adapter, dtype="auto")
    model.merge_and_unload().save_pretrained(out)
    AutoTokenizer.from_pretrained(adapter).save_pretrained(out)
    write_atomic(out / MANIFEST, f'{{"adapter": "{adapter}"}}\n')


if __name__ == "__main__":
    main()
