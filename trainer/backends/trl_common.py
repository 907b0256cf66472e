"""What TRL's trainers share: how they are set up, watched, stopped and saved."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list, gather_object
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from transformers.trainer_pt_utils import safe_globals
from transformers.utils import logging
from trl.models import unwrap_model_for_generation

from saeval.errors import BackendError
from saeval.trainer.backends.policy_model import NOT_FINITE, PolicyModel
from saeval.trainer.backends.protocol import Checkpoint, TrainingCallbacks, TrainingPlan
from saeval.trainer.recipe.schema import Recipe

_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
_TINY = 10_000_000
"""Parameters up to which a second thread costs more than it gains."""


def run_trainer(
    plan: TrainingPlan,
    callbacks: TrainingCallbacks,
    make: Callable[[], Trainer],
    on_policy: Callable[[PolicyModel], None] = lambda policy: None,
    *,
    find_problem: Callable[[PolicyModel], str | None] = lambda policy: None,
    unlogged: frozenset[str] = frozenset(),
) -> Checkpoint:
    """Train as planned; see `saeval.trainer.backends.protocol.Backend`.

    Parameters
    ----------
    plan, callbacks
        As the backend got them.
    make
        Makes TRL's trainer.
    on_policy
        Called with the policy before the first step.
    find_problem
        Called with the policy when a run begins, not when it resumes; what it returns stops it.
    unlogged
        Numbers of TRL's that are not passed on.
    """
    recipe = plan.recipe
    logging.disable_progress_bar()
    if plan.resume_from is not None:
        _check_is_tensors(plan.resume_from)
    with _explained(recipe):
        trainer = make()
        trainer.remove_callback(PrinterCallback)
        parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
        if trainer.args.use_cpu and parameters < _TINY:
            torch.set_num_threads(1)
        policy = PolicyModel(
            trainer.model,
            trainer.processing_class,
            batch_size=recipe.completions_at_once,
            generating=partial(
                unwrap_model_for_generation, trainer.model_wrapped, trainer.accelerator
            ),
        )
        on_policy(policy)
        trainer.add_callback(_Progress(plan, callbacks, trainer, policy, find_problem, unlogged))
        resume = None if plan.resume_from is None else str(plan.resume_from)
        trainer.train(resume_from_checkpoint=resume)
        _save(trainer, plan, plan.out)
    step = trainer.state.global_step
    return Checkpoint(plan.out, step, finished=step >= recipe.optimisation.steps)


def trainer_arguments(plan: TrainingPlan) -> dict[str, Any]:
    """The recipe in TRL's words, as far as every trainer takes them."""
    recipe = plan.recipe
    optimisation, on_cpu = recipe.optimisation, not torch.cuda.is_available()
    return {
        "output_dir": str(plan.work),
        "run_name": recipe.name,
        "seed": recipe.seed,
        "use_cpu": on_cpu,
        "bf16": not on_cpu,
        "gradient_checkpointing": not on_cpu,
        "trust_remote_code": False,
        "model_init_kwargs": None if plan.adapter else _loading(recipe),
        "max_steps": optimisation.steps,
        "per_device_train_batch_size": recipe.completions_at_once,
        "gradient_accumulation_steps": accumulation_steps(recipe),
        "learning_rate": optimisation.learning_rate,
        "lr_scheduler_type": _SCHEDULES[optimisation.schedule],
        "warmup_steps": optimisation.warmup_steps,
        "max_grad_norm": optimisation.max_grad_norm,
        "shuffle_dataset": False,  # the mixture has an order
        "save_strategy": "steps",
        "save_steps": recipe.saving.every,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": _trackers(plan) or "none",
    }


def _loading(recipe: Recipe) -> dict[str, Any]:
    # Only an adapter is small enough to be kept in full precision beside rounded weights.
    is_whole = not torch.cuda.is_available() or recipe.adapter is None
    return {
        "dtype": "float32" if is_whole else "bfloat16",
        "use_safetensors": True,
        "trust_remote_code": False,
    }


def model_arguments(plan: TrainingPlan) -> dict[str, Any]:
    """What TRL trains: the base with a new adapter or none, or with the adapter to begin with."""
    if plan.adapter is None:
        return {"model": str(plan.base_folder), "peft_config": make_lora_config(plan.recipe)}
    base = AutoModelForCausalLM.from_pretrained(plan.base_folder, **_loading(plan.recipe))
    adapted = PeftModel.from_pretrained(base, str(plan.adapter), is_trainable=True)
    return {"model": adapted, "peft_config": None}


def accumulation_steps(recipe: Recipe) -> int:
    """Over how many passes each device's share of a step is spread."""
    return recipe.completions_per_step // (recipe.completions_at_once * recipe.hardware.devices)


def repeat_rows(rows: Dataset, needed: int) -> Dataset:
    """As many rows as all steps take, from the first on again when they end.

    In one pass: TRL drops the rows that are left over at the end of a pass.
    """
    return rows.select([place % len(rows) for place in range(needed)])


def make_lora_config(recipe: Recipe) -> LoraConfig | None:
    if recipe.adapter is None:
        return None
    targets = recipe.adapter.targets
    return LoraConfig(
        r=recipe.adapter.rank,
        lora_alpha=recipe.adapter.alpha,
        lora_dropout=recipe.adapter.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )


def load_tokenizer(folder: Path, recipe: Recipe) -> PreTrainedTokenizerBase:
    tokenizer = AutoTokenizer.from_pretrained(
        folder, padding_side="left", truncation_side="left", trust_remote_code=False
    )
    if recipe.prompt.chat_template is True and tokenizer.chat_template is None:
        raise BackendError(
            "`prompt.chat_template` is true, and the base's tokenizer has no chat template"
        )
    return tokenizer


class _Progress(TrainerCallback):
    """Passes on what happens, evaluates, and stops where a run can be resumed exactly."""

    def __init__(
        self,
        plan: TrainingPlan,
        callbacks: TrainingCallbacks,
        trainer: Trainer,
        policy: PolicyModel,
        find_problem: Callable[[PolicyModel], str | None],
        unlogged: frozenset[str],
    ) -> None:
        self._plan, self._callbacks, self._trainer, self._policy = plan, callbacks, trainer, policy
        self._find_problem = find_problem
        self._unlogged = unlogged
        self._stop = False

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step == 0:
            problem = self._find_problem(self._policy)
            if self._trainer.accelerator.num_processes > 1:
                (problem,) = broadcast_object_list([problem])
            if problem is not None:
                raise BackendError(problem)
            self._evaluate(0)

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any],
        **_: Any,
    ) -> None:
        if "loss" not in logs:  # the summary at the end
            return
        recipe, step = self._plan.recipe, state.global_step
        if state.is_world_process_zero:
            numbers = {
                name: value
                for name, value in logs.items()
                if isinstance(value, int | float) and name not in self._unlogged
            }
            self._stop = self._callbacks.on_step(step, numbers) or self._stop
        if self._trainer.accelerator.num_processes > 1:
            (self._stop,) = broadcast_object_list([self._stop])
        last = step >= recipe.optimisation.steps
        # Between two generations: completions in memory are not part of a checkpoint.
        stopping = self._stop and step % recipe.generation_period == 0
        every = recipe.evaluation.every
        if last or (every and step % every == 0):
            self._evaluate(step)
        if recipe.saving.history and step % recipe.saving.history == 0:
            folder = self._plan.work / f"step-{step}"
            _save(self._trainer, self._plan, folder)
            if state.is_world_process_zero:
                self._callbacks.on_history(step, folder)
        if stopping and not last:
            control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._trainer.accelerator.wait_for_everyone()  # each process saves a part
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            (folder / "training_args.bin").unlink()
            self._callbacks.on_save(state.global_step, folder)

    def _evaluate(self, step: int) -> None:
        """Each device answers its part of the held-out rows."""
        rows, accelerator = self._plan.holdout, self._trainer.accelerator
        mine = range(accelerator.process_index, len(rows), accelerator.num_processes)
        responses = self._policy.generate_responses(
            [rows[place].prompt for place in mine],
            self._plan.recipe.optimisation.max_completion_length,
        )
        answered = gather_object(list(zip(mine, responses, strict=True)))
        if accelerator.is_main_process and rows:
            self._callbacks.on_evaluation(step, [response for _, response in sorted(answered)])


def _trackers(plan: TrainingPlan) -> list[str]:
    for name in plan.recipe.trackers:
        if find_spec(name) is None:
            raise BackendError(f"`trackers`: {name} is not installed; pip install {name}")
    # Beside the checkpoint: the folder that TRL works in is deleted in the end.
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(plan.out / "tensorboard"))
    return list(plan.recipe.trackers)


def _save(trainer: Trainer, plan: TrainingPlan, folder: Path) -> None:
    """An adapter or a model with its tokenizer, without pickles and empty model cards."""
    trainer.save_model(str(folder))
    if not trainer.accelerator.is_main_process:
        return
    (folder / "training_args.bin").unlink()
    (folder / "README.md").unlink(missing_ok=True)
    if (folder / "ref").is_dir():  # what TRL keeps of the adapter that training began with
        shutil.rmtree(folder / "ref")
    config = folder / "adapter_config.json"
    if plan.recipe.adapter is not None:
        settings = json.loads(config.read_text(encoding="utf-8"))
        settings["base_model_name_or_path"] = plan.base
        if isinstance(settings["target_modules"], list):  # PEFT's set: in no order
            settings["target_modules"].sort()
        config.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _check_is_tensors(checkpoint: Path) -> None:
    """Stop where a file of torch holds anything but tensors and numbers; nothing of it is run."""
    for path in sorted(checkpoint.glob("*.pt*")):
        try:
            with safe_globals():  # type: ignore[no-untyped-call]  # of numpy's random state
                torch.load(
                    path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
                )
        except Exception as error:  # as many kinds as there are ways to be no such file
            raise BackendError(
                f"{path}: is not plain tensors ({type(error).__name__}) and is not loaded; remove "
                f"{checkpoint.name} and run the same command again, which goes on from the one "
                "before it"
            ) from error


@contextmanager
def _explained(recipe: Recipe) -> Iterator[None]:
    """What can go wrong in torch, in words of the recipe."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(recipe) from error
    except RuntimeError as error:
        message = str(error)
        if "not enough memory" in message or "allocate memory" in message:
            raise _out_of_memory(recipe) from error
        if "probability tensor contains" in message:
            raise BackendError(NOT_FINITE) from error
        raise
    except ImportError as error:
        raise BackendError(f"a library is missing: {error}") from error


def _out_of_memory(recipe: Recipe) -> BackendError:
    longest = recipe.optimisation.max_completion_length
    return BackendError(
        f"out of memory; lower hardware.completions_per_device (now {recipe.completions_at_once}) "
        "and run the same command again, which goes on from the last checkpoint; if that is not "
        f"enough, lower optimisation.max_completion_length (now {longest}) "
        "in a new --out"
    )
