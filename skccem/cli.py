"""The command line: ``skccem``, or ``python -m skccem``.

``skccem --help`` lists the commands, ``skccem COMMAND --help`` their options. What a
command did goes to stdout, as JSON with ``--json``; progress, what is left out, and
errors go to stderr. Exit codes: 0 if all is well, 1 if data or files are wrong, 2 if
the command is.

Examples
--------
>>> import json, tempfile
>>> from click.testing import CliRunner
>>> from skccem.cli import commands
>>> with tempfile.TemporaryDirectory() as folder:
...     options = ["--out", folder, "--items", "50", "--json"]
...     shown = CliRunner().invoke(commands, ["simulate", *options])
>>> shown.exit_code, json.loads(shown.stdout)["labels"]
(0, 100)
"""

from pathlib import Path

from ._annotator_kinds import KINDS
from ._click import import_click
from ._command_options import (
    feature_options,
    gold_option,
    label_options,
    out_option,
    result_options,
    seed_option,
    settings_option,
    talk,
)
from ._demo_files import demo as run_demo
from ._file_jobs import (
    METHODS,
    aggregate,
    fit,
    predict,
    report_by_labels,
    report_by_model,
)
from ._simulated_files import simulate_files

__all__ = ["commands"]

click = import_click()

_method_option = click.option(
    "--method",
    type=click.Choice(list(METHODS), case_sensitive=False),
    default="DawidSkene",
    show_default=True,
    help="The model of annotators.",
)
_directory = click.Path(path_type=Path, file_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="skccem")
def commands():
    """Learn from crowdsourced labels, from files to files.

    Exit codes: 0 if all is well, 1 if data or files are wrong, 2 if the command is.
    """


@commands.command("fit")
@label_options
@feature_options(id="task")
@out_option("A directory for the model.", directory=True)
@click.option(
    "--standardize/--no-standardize",
    help="Bring each column to mean 0 and standard deviation 1, here and in predict.",
)
@gold_option("certain in the fit")
@click.option("--n-jobs", type=int, help="Networks trained at the same time.")
@click.option("--device", help="Such as cpu or cuda.")
@seed_option
@settings_option
@talk
def fit_command(
    labels, features, out, standardize, gold, n_jobs, device, seed, settings, **told
):
    """Learn a classifier and every annotator's confusion matrix.

    The labels say who said what about which item, the features describe the items.
    The directory also gets aggregated.csv: the class of each item, as its labels and
    features have it.
    """
    given = {"random_state": seed, "n_jobs": n_jobs, "device": device}
    settings = {k: v for k, v in given.items() if v is not None} | settings
    return fit(
        labels,
        features,
        out,
        settings=settings,
        standardize=standardize,
        gold=gold,
        **told,
    )


@commands.command("predict")
@click.option("--model", type=_directory, required=True, help="What fit has saved.")
@feature_options(id=None)
@out_option("The table to write: .csv, .parquet or .jsonl.")
@result_options
@talk
def predict_command(model, features, out, proba, truth, **told):
    """Classify items by their features, without labels."""
    return predict(model, features, out, proba=proba, truth=truth, **told)


@commands.command("aggregate")
@label_options
@out_option("The table to write: .csv, .parquet or .jsonl.")
@_method_option
@result_options
@seed_option
@settings_option
@talk
def aggregate_command(labels, out, method, proba, truth, seed, settings, progress, say):
    """Infer the classes of items from their labels alone, without features."""
    return aggregate(
        labels,
        out,
        method=method,
        settings={"random_state": seed} | settings,
        proba=proba,
        truth=truth,
        say=say,
    )


@commands.command("report")
@label_options
@click.option("--model", type=_directory, help="What fit has saved; needs --features.")
@feature_options(id=None, required=False)
@out_option("A directory for the page and the tables.", directory=True)
@click.option(
    "--diagnose", is_flag=True, help="Also ask whether these labels identify anything."
)
@gold_option("which the fit was not told, to judge it by")
@_method_option
@seed_option
@settings_option
@talk
def report_command(
    labels, model, features, out, diagnose, gold, method, seed, settings, progress, say
):
    """Say who is good, which labels are right and what to look at again.

    Writes report.html for a browser, and annotators.csv, items.csv (the least certain
    first) and labels.csv, by a model and features, or without both from the labels
    alone by --method.
    """
    if (model is None) != (features is None):
        raise click.UsageError(
            "--model and --features go together: give both, or none."
        )
    if model is not None:
        source = click.get_current_context().get_parameter_source
        default = click.core.ParameterSource.DEFAULT
        if settings or any(source(name) != default for name in ("method", "seed")):
            raise click.UsageError(
                "--method, --seed and --set are for reports without --model."
            )
        return report_by_model(
            labels, features, model, out, diagnose=diagnose, gold=gold, say=say
        )
    settings = {"random_state": seed} | settings
    return report_by_labels(
        labels,
        out,
        method=method,
        settings=settings,
        diagnose=diagnose,
        gold=gold,
        say=say,
    )


@commands.command("simulate")
@out_option("A directory for the files.", directory=True)
@click.option(
    "--dataset",
    type=click.Choice(["blobs", "digits"]),
    default="blobs",
    show_default=True,
    help="Clouds of points, or images of digits with 10 classes and 64 features.",
)
@click.option("--items", type=click.IntRange(1), default=1000, show_default=True)
@click.option(
    "--new-items",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Further ones, without labels.",
)
@click.option("--annotators", type=click.IntRange(1), default=10, show_default=True)
@click.option("--classes", type=click.IntRange(2), default=3, show_default=True)
@click.option("--columns", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--kind",
    type=click.Choice(sorted(KINDS)),
    default="mixed",
    show_default=True,
    help="Of the annotators.",
)
@click.option("--labels-per-item", type=click.IntRange(1), default=2, show_default=True)
@seed_option
@talk
def simulate_command(
    out,
    dataset,
    items,
    new_items,
    annotators,
    classes,
    columns,
    kind,
    labels_per_item,
    seed,
    progress,
    say,
):
    """Write labels, features and truth of a simulated crowd.

    The files are labels.csv, features.parquet and truth.csv, new_features.parquet and
    new_truth.csv of items without labels, and the annotators' matrices.csv. --classes
    and --columns are of blobs.
    """
    return simulate_files(
        out,
        dataset=dataset,
        n_items=items,
        n_new=new_items,
        n_annotators=annotators,
        n_classes=classes,
        n_features=columns,
        kind=kind,
        labels_per_item=labels_per_item,
        seed=seed,
    )


@commands.command("demo")
@out_option("A directory for all files.", directory=True, default="skccem_demo")
@seed_option
@settings_option
@talk
def demo_command(out, seed, settings, **told):
    """Simulate a crowd, fit, predict and report, in a minute."""
    return run_demo(out, seed=seed, settings=settings, **told)
