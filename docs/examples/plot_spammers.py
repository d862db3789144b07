"""
Finding spammers
================

Some of your annotators click without looking, and you pay all of them alike. This page
shows how to find out who tells you nothing, why accuracy alone misses some of them, and
what to do with them and with the labels that they gave.

Fifteen readers say of 569 cells whether they are malignant, five readers a cell. You
have thirty measurements of each cell, and no diagnosis.
"""

# %%
# The crowd
# ---------
#
# The measurements are those of scikit-learn's breast cancer data; the readers are
# simulated. Nine look, and are right on 65% to 95% of the cells. Three choose at
# random. Two always say benign, which is the more frequent class. One has the two
# buttons mixed up. The spammers work fast, and so have twice as many labels as others.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skccem import CrowdClassifier, CrowdLabels, DawidSkene, MajorityVote
from skccem.collecting import suggest_labels
from skccem.plotting import AnnotatorRankingDisplay
from skccem.reports import annotator_report
from skccem.simulation import make_confusion_matrices, make_crowd_labels

data = load_breast_cancer()
X, truth = data.data, data.target_names[data.target]

looking = [0.95, 0.93, 0.90, 0.88, 0.85, 0.80, 0.75, 0.70, 0.65]
matrices = np.concatenate(
    [
        make_confusion_matrices(9, 2, kind="symmetric", accuracy=looking),
        [[[0.50, 0.50], [0.50, 0.50]]] * 3,
        [[[0.98, 0.02], [0.98, 0.02]]] * 2,
        [[[0.10, 0.90], [0.90, 0.10]]],
    ]
)
really = ["looks"] * 9 + ["guesses"] * 3 + ["always benign"] * 2 + ["mixed up"]
names = np.array([f"r{number:02}" for number in range(1, 16)])
speed = [1] * 9 + [2] * 5 + [1]

table = make_crowd_labels(
    truth, matrices, labels_per_item=5, participation=speed, random_state=0
).to_long()
table["worker"] = names[table["worker"]]
table.head()

# %%
# Such a table is what you have. :class:`~skccem.CrowdLabels` reads it, and the fit
# takes it with the measurements.

Y = CrowdLabels.from_long(table, items=range(len(X)), annotators=names)
crowd = CrowdClassifier(max_epochs=30, random_state=0)
clf = make_pipeline(StandardScaler(), crowd).fit(X, Y)
print(Y)

# %%
# Who tells nothing?
# ------------------
#
# :func:`~skccem.reports.annotator_report` has a row a reader, with a 90% interval of
# the accuracy and a verdict. Only the last column is the truth, to check against.

report = annotator_report(clf, X, Y)
columns = ["labels", "accuracy", "information", "spammer_score", "verdict"]
report[columns].round(2).assign(really=really)

# %%
_, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ranking = AnnotatorRankingDisplay.from_report(report, ax=ax)

# %%
# Accuracy alone would mislead. Those who always say benign are as often right as benign
# cells are frequent, which is nearly as often as the weakest who look. The one with the
# buttons mixed up is at the bottom, and tells more than most. Verdicts take both into
# account, but they are cut from intervals: one who guesses is called "often wrong",
# because by chance some more of the answers were right.
#
# The spammer score looks at the matrix as a whole: it is 0 if answers do not depend on
# what the cell is, and 1 if they always give it away, by right answers or by wrong
# ones. A line at 0.05 parts this crowd:

_, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
styles = {
    "looks": ("o", "#0072B2"),
    "guesses": ("D", "#56B4E9"),
    "always benign": ("^", "#CC79A7"),
    "mixed up": ("X", "#D55E00"),
}
for kind, (marker, color) in styles.items():
    some = report[np.array(really) == kind]
    ax.scatter(
        some["accuracy"],
        some["spammer_score"],
        s=60,
        color=color,
        marker=marker,
        label=kind,
        zorder=2,
    )
ax.axhline(0.05, color="grey", linestyle="--", linewidth=1, zorder=1)
ax.set(xlabel="accuracy, as estimated", ylabel="spammer score", xlim=(0, 1))
legend = ax.legend(title="really", frameon=False, loc="upper center")

# %%
tells = report.index[report["spammer_score"] >= 0.05]
spent = report["labels"].drop(tells).sum() / report["labels"].sum()
print(f"Readers who tell something: {', '.join(tells)}")
print(f"Labels by the others: {spent:.0%} of all")

# %%
# Almost half of what was paid for tells nothing.
#
# Throw their labels away?
# ------------------------
#
# A vote counts all readers alike, so it should gain without them. A model knows by its
# matrices what an answer is worth. The truth tells what difference it makes:

kept = Y.select_annotators(tells)
some = kept.labels_per_item > 0
print(f"Cells without any label then: {np.sum(~some)}")
without = clone(clf).fit(X[some], kept[some])
for name, labels, model in [
    ("all labels", Y, clf),
    ("without spammers", kept, without),
]:
    named = {
        "majority vote": MajorityVote(random_state=0).fit_predict(labels),
        "Dawid-Skene": DawidSkene(random_state=0).fit_predict(labels),
        "CrowdClassifier": model.predict(X),
    }
    print(name)
    for method, classes in named.items():
        print(f"  {method:16} {np.mean(classes == truth):.3f}")

# %%
# The vote gains most. Dawid-Skene and the classifier have been giving these labels next
# to no weight, and gain little when they are thrown away. So leave them in, and nobody
# has to be judged in haste. Nor should the mixed-up reader go: for the models wrong
# answers with a system are good answers.
#
# Stop asking them
# ----------------
#
# What does pay is to ask others. :func:`~skccem.collecting.suggest_labels` chooses
# cells and readers by what an answer is expected to tell:

more = suggest_labels(clf, X, Y, n=200, random_state=0)
more["annotator"].value_counts().rename("next labels").to_frame()

# %%
# It found out by itself whom not to ask. Where you pay by skill, give it ``cost``;
# where some are on holiday, ``annotators``.
#
# What to do with whom
# --------------------
#
# - Guessing, or biased with a spammer score near 0: stop asking, keep the labels.
# - Adversarial: ask what went wrong. Keep the labels, which are worth as much as right
#   ones.
# - Often wrong, with a spammer score that is small but not near 0: they look. Train
#   them, or ask them about what they are good at.
# - Too few labels to tell: ask some more before you judge.
#
# All of this takes the crowd's word that most of it is right. If most readers clicked
# benign, or copied each other, they would look like the good ones, and only cells whose
# diagnosis you know would show it: :ref:`gold-labels`. :doc:`/guide/annotators` has the
# other tables, and :doc:`/guide/identifiability` says when there is nothing to be
# known.
