"""
One search, on this machine or on a cluster
===========================================

A search over settings is many fits that know nothing of each other, so it can go to as
many processors as you have. This page runs one by joblib's processes on this machine
and by Dask, as on a cluster, and checks that the outcome is the same to the last bit.

The question: how wide should the network be, and how much of it should be dropped in
training? You have labels of a crowd and no truth to choose by.
"""

# %%
# The crowd and the search
# ------------------------
#
# Five hundred digits of scikit-learn's, three labels each, by twelve simulated people
# of very different skill. Candidates are compared by the log-likelihood of held-out
# labels, which is what ``score`` of :class:`~skccem.CrowdClassifier` says of labels and
# needs no truth. Few epochs and one network (``n_init=1``) keep the page short.

import time

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold

from skccem import CrowdClassifier
from skccem.simulation import make_confusion_matrices, make_crowd_labels

X, truth = load_digits(return_X_y=True)
X, truth = (X[:500] / 16).astype(np.float32), truth[:500]
matrices = make_confusion_matrices(12, 10, kind="mixed", random_state=0)
Y = make_crowd_labels(truth, matrices, labels_per_item=3, random_state=0)

search = GridSearchCV(
    CrowdClassifier(max_epochs=20, n_init=1, random_state=0),
    {"hidden_layer_sizes": [(64,), (512,)], "dropout": [0.2, 0.8]},
    cv=KFold(3),
)

# %%
# On this machine
# ---------------
#
# ``n_jobs`` is the number of processes; ``GridSearchCV(n_jobs=2)`` does the same.

start = time.perf_counter()
with joblib.parallel_config("loky", n_jobs=2):
    here = clone(search).fit(X, Y)
print(f"{time.perf_counter() - start:.0f} s, chosen: {here.best_params_}")

# %%
# On a cluster
# ------------
#
# With a cluster of yours, ``Client("scheduler:8786")`` is all that you need. To keep
# the page short, its cluster is the smallest there is: one worker, which is a thread of
# this process. ``scatter`` puts features and labels on each worker once. All is closed
# at the end of the block.

start = time.perf_counter()
with (
    LocalCluster(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster,
    Client(cluster) as client,
    joblib.parallel_config("dask", client=client, scatter=[X, Y]),
):
    there = clone(search).fit(X, Y)
print(f"{time.perf_counter() - start:.0f} s, chosen: {there.best_params_}")

# %%
# Do not read much into the times: fits as short as these wait mostly for new processes
# to import torch. More processes are for fits that take minutes.
#
# Workers want ``threads_per_worker=1``: fits that run side by side in threads of one
# process are correct, but not reproducible. ``LocalCluster(n_workers=2,
# threads_per_worker=1)`` starts two processes here; in a script it must stand below
# ``if __name__ == "__main__":``, as they read the script again.
#
# The same results
# ----------------
#
# With an integer ``random_state`` each fit depends on its data and settings alone, not
# on where it runs.

results = pd.DataFrame(
    {
        "width": [width[0] for width in here.cv_results_["param_hidden_layer_sizes"]],
        "dropout": here.cv_results_["param_dropout"],
        "processes": here.cv_results_["mean_test_score"],
        "Dask": there.cv_results_["mean_test_score"],
    }
)
print(f"scores equal: {(results['processes'] == results['Dask']).all()}")
results.round(4)

# %%
_, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
candidates = [
    f"{row.width} wide\n{row.dropout} dropped" for row in results.itertuples()
]
for fold in range(3):
    for result, name, marker in [(here, "processes", "o"), (there, "Dask", "x")]:
        ax.scatter(
            candidates,
            result.cv_results_[f"split{fold}_test_score"],
            s=60 if marker == "o" else 25,
            color="#56B4E9" if marker == "o" else "black",
            marker=marker,
            label=name if fold == 0 else None,
        )
ax.set_ylabel("log-likelihood\nper held-out label")
legend = ax.legend(frameon=False)

# %%
# The points are folds. The network that is wide and seldom dropped explains the
# held-out labels best, of these four. How often is it right? The truth, which no fit
# saw, is there to check:

for name, chosen in {"processes": here, "Dask": there}.items():
    print(f"{name:9}  {chosen.score(X, truth):.3f} of the digits are named right")

# %%
# :class:`~skccem.CrowdClassifierCV`, which chooses the strength of the regulariser, has
# ``n_jobs`` too and runs under the same ``parallel_config``. :doc:`/guide/machines`
# goes on from here: one fit in several processes, and Dawid-Skene on labels that one
# machine does not hold. :doc:`/guide/choosing` is about what to search over.
