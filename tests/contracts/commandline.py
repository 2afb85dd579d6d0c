"""The command line as its parser declares it, for tests that compare it with something else."""

from __future__ import annotations

import argparse

from sweeps.cli import build_parser


def commands() -> dict[str, argparse.ArgumentParser]:
    """Each command of `sweep` with its own parser."""
    subparsers = [each for each in build_parser()._actions if isinstance(each, argparse._SubParsersAction)]
    return {name: parser for each in subparsers for name, parser in each.choices.items()}
