"""Options that several commands have, and what all of them do alike."""

import functools
import json
import warnings
from concurrent.futures import BrokenExecutor
from pathlib import Path

from ._click import import_click
from ._estimator_settings import parse_settings
from ._feature_files import FeatureSource
from ._label_files import LABEL_FORMATS, LabelSource
from .exceptions import NonFiniteLossError

click = import_click()

# What is wrong with data, files or the machine: a package that is missing, or a worker
# that died.
_EXPECTED = (ValueError, OSError, NonFiniteLossError, MemoryError)
_EXPECTED += (ImportError, BrokenExecutor)

_file = click.Path(path_type=Path, dir_okay=False, exists=True)

_LABEL_OPTIONS = (
    click.option(
        "--labels",
        type=_file,
        required=True,
        help="One label a row, or an export of Label Studio or Prodigy.",
    ),
    click.option(
        "--format",
        "label_format",
        type=click.Choice(LABEL_FORMATS),
        help="Of --labels; by default guessed from its name and content.",
    ),
    click.option(
        "--item",
        help="Column or field of the items [default: task; in exports its own].",
    ),
    click.option(
        "--annotator",
        help="Column or field of the annotators [default: worker; as --item].",
    ),
    click.option(
        "--label",
        help="Column of the labels [default: label]; in exports the name of the "
        "choices (Label Studio), or the label asked about (Prodigy).",
    ),
    click.option(
        "--conflicts",
        type=click.Choice(["error", "first", "last"]),
        default="error",
        show_default=True,
        help="If two labels of an annotator for an item differ.",
    ),
)


def label_options(command):
    """Options that say where the labels are; the command gets `labels`."""

    @functools.wraps(command)
    def run(*, labels, label_format, item, annotator, label, conflicts, **rest):
        source = LabelSource(labels, label_format, item, annotator, label, conflicts)
        return command(labels=source, **rest)

    return _with_options(run, _LABEL_OPTIONS)


def feature_options(*, id, required=True):
    """Options that say where the features are; the command gets `features`.

    Parameters
    ----------
    id : str or None
        The default of the column of identifiers, None for that of the model.
    required : bool, default=True
        If not, `features` may be None.
    """
    told = f"[default: {id or 'as in fit'}]"
    options = (
        click.option(
            "--features",
            type=_file,
            required=required,
            help="CSV or Parquet: a row an item, a column of names, numbers; or .npy.",
        ),
        click.option(
            "--id", "id_column", default=id, help=f"Column of the items' names {told}."
        ),
        click.option(
            "--ids",
            type=_file,
            help="With .npy: a text file of the items' names, one a line, in order.",
        ),
    )

    def decorate(command):
        @functools.wraps(command)
        def run(*, features, id_column, ids, **rest):
            source = features and FeatureSource(features, id_column, ids)
            return command(features=source, **rest)

        return _with_options(run, options)

    return decorate


def out_option(help, *, directory=False, default=None):
    """The option that says what to write."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=not directory, dir_okay=directory),
        required=default is None,
        default=default,
        show_default=default is not None,
        help=help,
    )


def result_options(command):
    """Options of tables of classes."""
    options = (
        click.option(
            "--proba", is_flag=True, help="Write the probabilities of all classes."
        ),
        click.option(
            "--truth",
            type=_file,
            help="True classes to compare with: a table with the items' names, in a "
            "column named as theirs, and 'label'.",
        ),
    )
    return _with_options(command, options)


def gold_option(use):
    """The option that says which classes are known; the command gets `gold`."""
    return click.option(
        "--gold",
        type=_file,
        help=f"Known classes of some items, {use}: a table as for --truth, with the "
        "items' names, in a column named as theirs, and 'label'.",
    )


seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True
)


def settings_option(command):
    """Arguments of the estimator; the command gets `settings`."""

    def parse(context, parameter, pairs):
        try:
            return parse_settings(pairs)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    option = click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        callback=parse,
        help="Any setting of the estimator, such as max_epochs=40; may be repeated.",
    )
    return option(command)


def talk(command):
    """Options of what is shown; runs the command and shows what it returns.

    The command gets `progress` and `say`. Warnings become lines on stderr, and what is
    wrong with data, files, workers or packages becomes an error with the exit code 1.
    """

    @functools.wraps(command)
    def run(*, quiet, as_json, **rest):
        def say(text):
            if not quiet:
                click.echo(text, err=True)

        def say_warning(message, category, *args, **kwargs):
            say(f"Note: {message}")

        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = say_warning
            try:
                summary = command(progress=not quiet, say=say, **rest)
            except _EXPECTED as error:
                raise click.ClickException(str(error)) from error
        if as_json:
            click.echo(json.dumps(summary, ensure_ascii=False))
        elif not quiet:
            click.echo("\n".join(_lines(summary)))

    options = (
        click.option("--quiet", "-q", is_flag=True, help="Show nothing but errors."),
        click.option(
            "--json", "as_json", is_flag=True, help="Summary as JSON, on stdout."
        ),
    )
    return _with_options(run, options)


def _lines(summary):
    for name, value in summary.items():
        if isinstance(value, dict):
            yield from (f"{key}: {count}" for key, count in value.items())
        else:
            shown = f"{value:.4f}" if isinstance(value, float) else value
            yield f"{name.replace('_', ' ')}: {shown}"


def _with_options(command, options):
    # The last one is put on first, so that --help lists them in their order.
    for option in reversed(options):
        command = option(command)
    return command
