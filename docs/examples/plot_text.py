"""
Short messages: TF-IDF in a pipeline
====================================

Volunteers sort customers' messages by topic, two of them each message, and not all are
of help. After this page you can put raw texts and such labels into one pipeline, route
new messages by it, and see which words decide.
"""

# %%
# The messages
# ------------
# These messages are put together from patterns, so that the page runs anywhere. Each
# names three things: one of its own topic, one that is so more often than not, and one
# of any topic. So some messages cannot be told from their words alone. The topics are
# the truth, which is here to check against; no fit sees them.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skccem import CrowdClassifier, DawidSkene, MajorityVote, TwoStageClassifier
from skccem.reports import consensus
from skccem.simulation import make_confusion_matrices, make_crowd_labels

THINGS = {
    "account": "login password profile email username settings code avatar".split(),
    "billing": "invoice refund card price payment receipt discount tax".split(),
    "delivery": "parcel courier box tracking address shipment driver depot".split(),
    "product": "screen battery cable manual charger button speaker lid".split(),
}
PATTERNS = [
    "Hello, my {} is wrong, and so is the {}. Nothing to say about the {}.",
    "The {} and the {} trouble me more than the {}, please help!",
    "Who can tell me about the {}? I wrote twice about the {} and the {}.",
    "Your {} again. Last week it was the {}, and before that the {}.",
]
TOPICS = list(THINGS)
rng = np.random.default_rng(0)


def write(topic):
    second = topic if rng.uniform() < 0.5 else rng.choice(TOPICS)
    about = rng.permutation([topic, second, rng.choice(TOPICS)])
    return rng.choice(PATTERNS).format(*(rng.choice(THINGS[name]) for name in about))


topics = rng.choice(TOPICS, 1600)
messages = [write(topic) for topic in topics]
texts, new_texts = messages[:600], messages[600:]
truth, new_truth = topics[:600], topics[600:]
for text, topic in zip(texts[:3], truth[:3], strict=True):
    print(f"{topic}: {text}")

# %%
# The labels
# ----------
# Each message went to two of eight volunteers, who are simulated too: two know the
# topics well, one answers at random, and the others are somewhere between. Labels may
# be strings, as here.

matrices = make_confusion_matrices(8, 4, kind="mixed", random_state=0)
Y = make_crowd_labels(truth, matrices, labels_per_item=2, random_state=0)
print(Y)
print("classes:", *Y.classes)

# %%
# One pipeline
# ------------
# ``TfidfVectorizer`` makes a sparse matrix with a column for each word.
# :class:`~skccem.CrowdClassifier` takes it as it is, and makes it dense a batch at a
# time. ``hidden_layer_sizes=()`` leaves a linear model of the words: it can be read
# afterwards, and bears a higher learning rate than the perceptron.

model = make_pipeline(
    TfidfVectorizer(),
    CrowdClassifier(hidden_layer_sizes=(), lr=0.02, random_state=0),
).fit(texts, Y)
for text, topic in zip(new_texts[:3], model.predict(new_texts[:3]), strict=True):
    print(f"{topic}: {text}")

# %%
# What is it worth?
# -----------------
# To compare with: a vote or :class:`~skccem.DawidSkene` decides on the topics, and then
# logistic regression learns them. The last row is what the words can tell at all, by
# logistic regression on the true topics, which nobody has.

crowd = model[-1]
found = crowd.classes_[crowd.aggregated_proba_.argmax(axis=1)]
rows = {"CrowdClassifier": (np.mean(found == truth), model.score(new_texts, new_truth))}
for aggregator in (MajorityVote(random_state=0), DawidSkene(random_state=0)):
    other = make_pipeline(TfidfVectorizer(), TwoStageClassifier(aggregator))
    decided = other.fit(texts, Y)[-1].aggregator_.predict(Y)
    right = np.mean(decided == truth), other.score(new_texts, new_truth)
    rows[type(aggregator).__name__] = right
told = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, truth)
rows["on true topics"] = 1, told.score(new_texts, new_truth)

print("share that is right   labelled messages   new messages")
for name, (labelled, new) in rows.items():
    print(f"{name:22}{labelled:.3f}               {new:.3f}")

# %%
# For messages with labels the gain is large, since words and labels are put together: a
# message that names things of several topics has its labels, and labels that contradict
# each other have the words. For new messages there are only words. There the gain is
# small, and not much more is to be had, as the last row says.
#
# Which words decide
# ------------------
# The pipeline also classifies single words. Those that tell most of each topic:

words = model[0].get_feature_names_out()
alone = model.predict_proba(words)

fig, axes = plt.subplots(2, 2, figsize=(7, 5.6), layout="constrained", sharex=True)
for ax, topic, proba in zip(axes.flat, model.classes_, alone.T, strict=True):
    top = proba.argsort()[-8:]
    ax.barh(words[top], proba[top], color="#0072B2")
    ax.set_title(topic)
fig.supxlabel("probability of the topic, of the word alone")
plt.show()

# %%
# They are the things of ``THINGS``, all of them, and none of the words that all topics
# share: no volunteer said which words matter. That single words come out so certain
# means little, as no message is that short.
#
# Which messages a person should read
# -----------------------------------
# Not all new messages can be routed. Those of which the model is less sure can go to a
# person instead:

proba = model.predict_proba(new_texts).max(axis=1)
right = model.predict(new_texts) == new_truth
sure = proba > 0.6
print(f"routed:      {sure.mean():.0%} of the messages, {right[sure].mean():.0%} right")
print(f"to a person: {(~sure).mean():.0%}, would be {right[~sure].mean():.0%} right")

# %%
# Of the labelled ones, :func:`~skccem.reports.consensus` has those on top that are
# worth another look, by words and labels together:

review = consensus(model, texts, Y, proba=crowd.aggregated_proba_).head(3)
for item, row in review.iterrows():
    print(f"{row['label']} ({row['probability']:.2f}): {texts[item]}")

# %%
# With your own texts
# -------------------
# - Sentence embeddings are features like any others: put them in place of the
#   vectoriser, and leave ``hidden_layer_sizes`` and ``lr`` as they are by default.
# - A sparse matrix of 100,000 columns takes long to make dense, even by batches: put
#   ``TruncatedSVD`` behind the vectoriser (:doc:`/guide/items`).
# - Whether pairs of words help can be asked without truth: search over
#   ``tfidfvectorizer__ngram_range`` as in :doc:`plot_grid_search`.
# - Who of the volunteers is of help is in :func:`~skccem.reports.annotator_report`:
#   :doc:`/guide/annotators`.
