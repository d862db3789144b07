"""The package in a minute: digits, ten annotators of very different skill, no truth.

    python benchmarks/demo.py                   # a minute
    python benchmarks/demo.py --data-home DIR   # two minutes

Prints a table of methods and saves a picture of estimated against true confusion
matrices. With ``--data-home DIR`` or SKCCEM_DATA it goes on to LabelMe and Music.
"""

import numpy as np
from common import Problem, load_real, parser, table, versions
from joblib import parallel_config
from methods import METHODS, fit_method
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm.auto import tqdm

from skccem.plotting import ConfusionMatricesDisplay
from skccem.simulation import make_confusion_matrices, make_crowd_labels

# What is compared here; the rest is in real_labels.py.
SHOWN = [
    method
    for method in METHODS
    if not method.startswith("Dawid-Skene") and "n_init=1" not in method
]


def simulate(seed=0):
    """Digits, two labels each from ten annotators: experts, guessers, an adversary."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        np.float32(X / 16), y, train_size=1000, stratify=y, random_state=seed
    )
    matrices = make_confusion_matrices(10, 10, kind="mixed", random_state=seed)
    labels = make_crowd_labels(y, matrices, labels_per_item=2, random_state=seed)
    return Problem("digits", X, labels, y, X_test, y_test, matrices)


def compare(problems, title):
    """Evaluate the methods on each of the problems, one seed each.

    Returns
    -------
    list of CrowdClassifier
        Those with the defaults.
    """
    jobs = [(method, seed) for method in SHOWN for seed in range(len(problems))]
    results = {method: [] for method in SHOWN}
    ours = []
    with tqdm(jobs, desc=title, unit="fit") as progress:
        for method, seed in progress:
            progress.set_postfix_str(method)
            fitted = fit_method(problems[seed], METHODS[method], seed)
            results[method].append(fitted.measure(problems[seed]))
            if method == "skccem's defaults":
                ours.append(fitted.estimator)
    print(f"\n{table(title, results)}\n")
    return ours


def main():
    arguments = parser(__doc__.split("\n")[0])
    arguments.add_argument("--picture", default="demo.png", help="where to save it")
    options = arguments.parse_args()
    print(versions())
    problems = [simulate(seed) for seed in range(3)]
    print(f"Labels of the first seed: {problems[0].labels}")
    clf, *_ = compare(problems, "digits, ten simulated annotators, two labels an item")
    true = problems[0].matrices
    display = ConfusionMatricesDisplay.from_estimator(clf, true=true)
    display.figure_.savefig(options.picture, dpi=150, bbox_inches="tight")
    print(f"Estimated and true confusion matrices: {options.picture}\n")

    if options.data_home is None:
        print("For LabelMe and Music, set SKCCEM_DATA to the directory of their files.")
        return
    for name in ("labelme", "music"):
        compare([load_real(name, options.data_home)] * 2, name)


if __name__ == "__main__":
    # Networks that do not wait for each other are trained side by side.
    with parallel_config(n_jobs=-1):
        main()
