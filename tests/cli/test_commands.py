"""Command lines: nothing is silently overruled, and what people are used to leads to the right option."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from i2i.cli.main import COMMANDS, main
from i2i.cli.plugins_command import plugins


def commands():
    """Every command with the words that call it."""
    group = main
    for name in COMMANDS:
        command = group.get_command(click.Context(main), name)
        if command is plugins:
            yield from ((("plugins", sub), command.commands[sub]) for sub in command.commands)
        else:
            yield (name,), command


def test_every_command_takes_the_short_help_whoever_calls_it():
    for words, command in commands():
        context = click.Context(command, info_name=words[-1], **command.context_settings)
        assert context.help_option_names == ["-h", "--help"], words


def single_options():
    for words, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.multiple and not parameter.is_flag:
                yield pytest.param(words, command, parameter, id=f"{' '.join(words)} {parameter.opts[-1]}")


def value_of(parameter):
    """The option and a value for it, as words."""
    kind = parameter.type
    value = kind.choices[0] if isinstance(kind, click.Choice) else "7"
    return [parameter.opts[-1], *[str(value)] * parameter.nargs]


@pytest.mark.parametrize(("words", "command", "parameter"), list(single_options()))
def test_an_option_that_is_given_twice_is_refused_by_every_command(words, command, parameter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    once = value_of(parameter)

    result = CliRunner().invoke(main, [*words, *once, *once])

    assert result.exit_code == 2
    assert f"{parameter.opts[-1]}" in result.stderr
    assert "is given 2 times, and one is taken; leave the others out" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_all_names_of_an_option_are_one():
    result = CliRunner().invoke(main, ["translate", "model", "a.png", "-o", "x", "--out", "y"])
    assert result.exit_code == 2
    assert "-o or --out is given 2 times" in result.stderr

    result = CliRunner().invoke(main, ["convert", "model.pth", "--dropout", "--no-dropout", "-o", "x"])
    assert "--dropout or --no-dropout is given 2 times" in result.stderr


def test_options_that_may_be_repeated_may(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    repeated = "--discriminator pixel --discriminator patch --set loss.name=hinge --set training.seed=2"
    result = CliRunner().invoke(main, ["run", "--dry-run", *repeated.split()])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "--set generator.norm=batch --set generator.norm=none",
            "generator.norm is given twice, with 'batch' and",
        ),
        ("--steps 5 --set training.steps=6", "training.steps is given twice, as an option of its own with 5 and with"),
        ("--loss hinge --set loss.name=lsgan", "loss.name is given twice"),
        ("--image-size 64 --set data.image_size=32", "data.image_size is given twice"),
    ],
)
def test_the_same_setting_with_two_values_is_refused(arguments, said):
    result = CliRunner().invoke(main, ["run", "--dry-run", *arguments.split()])

    assert result.exit_code == 2
    assert said in result.stderr
    assert "leave one out" in result.stderr


def test_the_same_value_in_two_ways_is_no_contradiction():
    result = CliRunner().invoke(main, ["run", "--dry-run", "--steps", "5", "--set", "training.steps=5"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("habit", "meant"),
    [
        ("--lr", "--set optimizer.learning_rate=VALUE"),
        ("--batch", "--batch-size N"),
        ("--batch_size", "--batch-size"),
        ("--epoch", "--epochs N"),
        ("--n_epochs_decay", "--set schedule.decay_epochs=N"),
        ("--gpu", "--device cuda:N"),
        ("--gpu_ids", "--device cuda:N"),
        ("--dataroot", "--data FOLDER"),
        ("--name", "--out FOLDER"),
        ("--model", "--method NAME (cyclegan, pix2pix) or --generator NAME"),
        ("--netG", "--generator NAME"),
        ("--lambda_L1", "--set method.lambda_L1=VALUE"),
        ("--lambda_A", "--set method.lambda_A=VALUE"),
        ("--log-every", "--set training.log_every=VALUE"),
        ("--base-channels", "--set discriminator.base_channels=VALUE, --set generator.base_channels=VALUE"),
        ("--beta1", "--set optimizer.beta1=VALUE"),
        ("--weight_decay", "--optimizer adamw --set optimizer.weight_decay=VALUE"),
    ],
)
def test_what_people_are_used_to_is_answered_with_what_it_is_called_here(habit, meant):
    result = CliRunner().invoke(main, ["run", habit, "1"])

    assert result.exit_code == 2
    assert f"No such option {habit!r}; what it does here: " in result.stderr
    shown = result.stderr.split("what it does here: ")[1].strip()
    assert sorted(shown.split(", ")) == sorted(meant.split(", "))


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("translate --name x", "the first argument, MODEL"),
        ("translate --gpu_ids 0", "--device cuda:N"),
        ("translate --results_dir x", "--out FOLDER"),
        ("translate --num-workers 2", "--workers N"),
        ("evaluate --epoch latest", "--checkpoint latest|best|step-N"),
        ("export --overwrite", "--force"),
        ("serve --weights x", "the first argument, MODEL"),
    ],
)
def test_the_other_commands_know_habits_too(arguments, meant):
    result = CliRunner().invoke(main, arguments.split())

    assert result.exit_code == 2
    assert result.stderr.strip().endswith(f"what it does here: {meant}")


def test_an_unknown_option_without_a_meaning_gets_the_nearest_name_or_none():
    assert "Did you mean '--discriminator'?" in CliRunner().invoke(main, ["run", "--discriminater", "x"]).stderr
    nearest = CliRunner().invoke(main, ["doctor", "--lr", "1"]).stderr
    assert "No such option '--lr'." in nearest
