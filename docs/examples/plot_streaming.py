"""
Labels that arrive day by day
=============================

Items and labels come in every day, annotators come and go, and you do not want to train
from the start each night. This page learns from such a stream with ``partial_fit``,
watches it without any truth, and sees a newcomer found out.

An archive has its handwritten digits typed by a crew, a hundred a day, three people a
digit. Four people begin. Eve and Finn join on day 5, Gus on day 9.
"""

# %%
# The stream
# ----------
#
# The digits are scikit-learn's, the people are simulated. Finn guesses, which nobody
# knows. ``answers`` has what everybody would say about every digit; a day shows some of
# it, as a table with a row a label. 597 digits are kept apart, to see by their truth
# how good the classifier is after each day.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skccem import CrowdClassifier, CrowdLabels
from skccem.simulation import make_confusion_matrices, make_crowd_labels

X, truth = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X, X_test, truth, truth_test = train_test_split(
    X, truth, train_size=1200, random_state=0
)

accuracy = {"Ann": 0.9, "Ben": 0.7, "Cem": 0.8, "Dora": 0.6}
accuracy |= {"Eve": 0.95, "Finn": 0.1, "Gus": 0.85}
joins = {"Eve": 5, "Finn": 5, "Gus": 9}
matrices = make_confusion_matrices(
    7, 10, kind="symmetric", accuracy=list(accuracy.values())
)
answers = np.asarray(make_crowd_labels(truth, matrices, p=1.0, random_state=0))

rng = np.random.default_rng(0)
names = list(accuracy)


def labels_of(day):
    """The labels of a day, in a table, and the rows of its items."""
    rows = range(100 * (day - 1), 100 * day)
    present = [m for m, name in enumerate(names) if joins.get(name, 1) <= day]
    table = [
        (row, names[m], answers[row, m])
        for row in rows
        for m in rng.choice(present, 3, replace=False)
    ]
    return pd.DataFrame(table, columns=["task", "worker", "label"]), rows


days = [labels_of(day) for day in range(1, 13)]
days[4][0].head()

# %%
# A day at a time
# ---------------
#
# Each day is a call of ``partial_fit``. ``classes`` names all of them, as the first
# call fixes them, and some may not occur on a day. People are known by their names, so
# new ones join by themselves.
#
# Before the classifier learns from a day, it is asked how probable the labels of that
# day are, of the people whom it knows: a score that needs no truth. ``forgets`` keeps
# no sample of earlier days, for comparison.

clf = CrowdClassifier(max_epochs=40, random_state=0)
forgets = CrowdClassifier(max_epochs=40, replay_size=0, random_state=0)
history = []
for day, (table, rows) in enumerate(days, start=1):
    labels = CrowdLabels.from_long(table, items=rows, classes=range(10))
    new = {"day": day, "score": np.nan}
    if day > 1:
        known = np.intersect1d(labels.annotators, clf.annotators_)
        seen = labels.select_annotators(known).align(annotators=clf.annotators_)
        new["score"] = clf.score(X[rows], seen)
    clf.partial_fit(X[rows], labels)
    forgets.partial_fit(X[rows], labels)
    new["accuracy"] = clf.score(X_test, truth_test)
    new["without sample"] = forgets.score(X_test, truth_test)
    of_people = np.diagonal(clf.confusion_matrices_, axis1=1, axis2=2).mean(axis=1)
    history.append(new | dict(zip(clf.annotators_, of_people, strict=True)))
history = pd.DataFrame(history).set_index("day")
history.round(2)

# %%
# The columns of the people are the accuracies that the classifier has found for them so
# far. A score of -2.3 would be that of guesses. It is lowest on day 2, after a hundred
# digits, and best on day 5, when nobody knew the newcomers: from day 6 on, Finn's
# labels count in it.

fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.plot("accuracy", "o-", data=history, color="#0072B2")
ax.plot("without sample", "s--", data=history, color="#D55E00")
for joined, text in [(5, "Eve, Finn"), (9, "Gus")]:
    ax.axvline(joined, color="0.8", zorder=0)
    ax.annotate(text, (joined + 0.1, history["accuracy"].min()))
ax.set(xlabel="day", ylabel="accuracy on digits kept apart", xticks=history.index)
legend = ax.legend(["stream", "no sample of earlier days"], loc="center right")

# %%
# Most is learned in the first days. Each call also goes through as many earlier digits,
# from a random sample of at most ``replay_size``. Without them the network forgets, and
# is below on every day but the first.
#
# Is Finn any good?
# -----------------
#
# A newcomer starts from the matrix that all others have on average, and then labels
# speak. Dashed lines are the truth.

fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
styles = {"Eve": ("o", "#0072B2"), "Finn": ("D", "#D55E00"), "Gus": ("^", "#009E73")}
for name, (marker, color) in styles.items():
    ax.plot(name, marker + "-", data=history, color=color)
    ax.axhline(accuracy[name], color=color, linestyle="--", linewidth=1, zorder=0)
    last = history.index[-1], history[name].iloc[-1]
    ax.annotate(name, last, (4, -4), textcoords="offset points", va="top")
ax.set(xlabel="day", ylabel="accuracy, as estimated", ylim=(0, 1))
_ = ax.set(xticks=range(5, 13), xlim=(4.5, 13))

# %%
# Finn's first day is enough to see it. Estimates go up and down by some points from day
# to day, as a day has some dozens of labels of each person. For intervals and verdicts
# give :func:`~skccem.reports.annotator_report` the labels that you have kept.
#
# What does a stream cost in accuracy?
# ------------------------------------
#
# One ``fit`` to all twelve days is what you would do without a stream: here of one
# network (``n_init=1``), as a stream has, and with twice the epochs, as the stream went
# through each day's digits and as many earlier ones.

table = pd.concat([table for table, _ in days])
everything = CrowdLabels.from_long(table, items=range(len(X)), classes=range(10))
fitted = CrowdClassifier(max_epochs=80, n_init=1, random_state=0).fit(X, everything)
print(f"stream   {clf.score(X_test, truth_test):.3f}")
print(f"one fit  {fitted.score(X_test, truth_test):.3f}")

# %%
# :doc:`/guide/streams` has the comparison for other crowds. With the default ``n_init``
# a fit averages four networks, which a stream cannot: where accuracy counts, fit to all
# from time to time.
#
# From one day to the next
# ------------------------
#
# ``save`` writes all that the stream goes on from, also its sample and its optimiser,
# so that the program may end each night.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "archive.safetensors"
    clf.save(path)
    tomorrow = CrowdClassifier.load(path)
print(tomorrow.annotators_)
print((tomorrow.predict_proba(X_test) == clf.predict_proba(X_test)).all())

# %%
# Next morning, ``tomorrow.partial_fit`` goes on. What to show to whom then is another
# question: :doc:`/auto_examples/plot_spammers` has a look at those who guess, and
# :ref:`collecting` at which labels to ask for.
