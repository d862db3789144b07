"""The whole way from files to a report, on a simulated crowd."""

from pathlib import Path

from ._feature_files import FeatureSource
from ._file_jobs import aggregate, fit, predict, report_by_model
from ._label_files import LabelSource
from ._result_files import accuracy_by_truth
from ._simulated_files import simulate_files, simulated_paths
from ._table_files import read_table, text_column

# Of the digits: those without labels are the rest.
_N_ITEMS, _N_NEW = 1000, 797


def demo(directory, *, seed, settings, progress, say):
    """Simulate files, fit, predict and report in a directory.

    The crowd is that of the table in the README: two labels each for 1,000 digits, by
    ten annotators.

    Parameters
    ----------
    directory : path-like
    seed : int
    settings : dict
        Arguments of `CrowdClassifier`.
    progress, say
        As in `skccem._file_jobs.fit`.

    Returns
    -------
    dict
        With the share of right classes: of the items with labels by `DawidSkene` and by
        `CrowdClassifier`, and of new items.
    """
    directory = Path(directory)
    data, model = directory / "data", directory / "model"
    paths = simulated_paths(data)
    say(f"simulate: digits and ten annotators, to {data}")
    counts = simulate_files(
        data, dataset="digits", n_items=_N_ITEMS, n_new=_N_NEW, seed=seed
    )
    labels, features = LabelSource(paths["labels"]), FeatureSource(paths["features"])
    told = {"progress": progress, "say": say}
    say(f"aggregate: Dawid-Skene, without the features, to {directory}")
    by_labels = aggregate(
        labels,
        directory / "dawid_skene.csv",
        method="DawidSkene",
        settings={"random_state": seed},
        truth=paths["truth"],
        say=say,
    )
    say(f"fit: a classifier and the annotators' matrices, to {model}")
    fit(labels, features, model, settings={"random_state": seed} | settings, **told)
    say(f"predict: new items, without labels, to {directory}")
    on_new = predict(
        model,
        FeatureSource(paths["new_features"]),
        directory / "predictions.csv",
        truth=paths["new_truth"],
        **told,
    )
    say(f"report: annotators, items and labels, to {directory / 'report'}")
    report_by_model(labels, features, model, directory / "report", say=say)
    found = read_table(model / "aggregated.csv")
    named = text_column(found, "label", "the header")
    by_both = accuracy_by_truth(
        paths["truth"], "task", text_column(found, "task", "--id"), named
    )
    return {
        "items": counts["items"],
        "labels": counts["labels"],
        "accuracy_of_items_by_dawid_skene": by_labels["accuracy"],
        "accuracy_of_items_by_fit": by_both["accuracy"],
        "accuracy_of_new_items": on_new["accuracy"],
        "out": str(directory),
    }
