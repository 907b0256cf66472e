from __future__ import annotations

import pytest

from saeval.errors import InputError
from saeval.evalsuite.options import read_system_prompt
from saeval.evalsuite.run.system_prompts import SystemPrompt, read_systems


@pytest.fixture
def prompts(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "bold.txt").write_text("Always answer.\n")
    (folder / "cautious.md").write_text("\ufeffAnswer only if sure.", encoding="utf-8")
    (folder / ".hidden").write_text("")
    return folder


WANTED = [SystemPrompt("bold", "Always answer."), SystemPrompt("cautious", "Answer only if sure.")]
PLAIN = SystemPrompt("none", None)


def test_a_folder_a_glob_and_files_name_the_same_prompts(prompts):
    files = f"{prompts}/cautious.md, {prompts}/bold.txt,"
    for argument in (str(prompts), f"{prompts}/*.*", files):
        assert list(read_systems(argument)) == [PLAIN, *WANTED]
        assert list(read_systems(argument, plain=False)) == WANTED


def test_a_file_that_is_named_twice_is_one_prompt(prompts):
    assert len(read_systems(f"{prompts},{prompts}/bold.txt")) == 3


def test_what_cannot_be_prompts(prompts, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text(" \n")
    (tmp_path / "bold.md").write_text("Guess.")
    (tmp_path / "none.txt").write_text("Nothing.")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xfa")
    for argument, message in (
        (f"{prompts}/*.json", r"no file matches '.*\*\.json'"),
        (f"{prompts}/other.txt", r"there is no file '.*other\.txt'"),
        (str(tmp_path / "empty"), r"the folder '.*empty' holds no file"),
        (str(tmp_path / "blank.txt"), r"blank\.txt is empty"),
        (f"{prompts},{tmp_path}/bold.md", r"bold\.txt and .*bold\.md are both named 'bold'"),
        (str(tmp_path / "none.txt"), r"is named 'none', which is the run without"),
        (str(tmp_path / "bytes.txt"), r"cannot read .*bytes\.txt"),
        (" , ", "names no file"),
    ):
        with pytest.raises(InputError, match=f"^--systems: .*{message}"):
            read_systems(argument)


def test_a_text_longer_than_a_file_name_is_a_text():
    text = "Judge by the evidence alone. " * 20
    assert read_system_prompt(text) == text
