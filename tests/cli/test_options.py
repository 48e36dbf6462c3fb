"""Options of commands that stand for parameters of estimators offer what the parameters take."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse

import pytest

from skdecaf import DeCAFTransformer, Network
from skdecaf.cli import _options, weights


def choices_of(parser, option):
    return set(next(action.choices for action in parser._actions if option in action.option_strings))


@pytest.mark.parametrize("parameter", ["precision", "crops", "resize"])
def test_choices_are_those_of_the_estimators(parameter):
    parser = argparse.ArgumentParser()
    _options.add_network(parser)
    constraint = DeCAFTransformer._parameter_constraints[parameter][0]
    assert choices_of(parser, f"--{parameter}") == constraint.options


def test_every_dtype_that_is_offered_can_be_saved_and_no_other(tmp_path):
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    weights.add_parser(commands)
    offered = choices_of(commands.choices["weights"]._subparsers._group_actions[0].choices["convert"], "--dtype")
    with pytest.raises(ValueError) as refused:
        Network.random("mini", 0).save(tmp_path / "network", dtype="float64")
    assert all(repr(dtype) in str(refused.value) for dtype in offered)
    assert str(refused.value).count("'") == 2 * len(offered) + 2
