"""What a report says: numbers as text, and sentences from the tables."""

import numpy as np

MISSING = "–"

# Of the most probable class, below which an item is worth a second look.
REVIEW_BELOW = 0.8

# Of a parameter or text, at most.
_MOST_CHARACTERS = 300

# Verdicts that call for action.
_BAD = ("adversarial", "guessing", "often wrong", "biased")


def decimals(value, digits=2):
    """A number as text, or a dash where there is none.

    Parameters
    ----------
    value : float
    digits : int, default=2

    Returns
    -------
    str
    """
    return MISSING if value is None or np.isnan(value) else f"{value:.{digits}f}"


def interval(low, high):
    """The bounds of an interval as text.

    Parameters
    ----------
    low, high : float

    Returns
    -------
    str
    """
    if np.isnan(low) or np.isnan(high):
        return MISSING
    return f"{low:.2f} to {high:.2f}"


def counted(number, one, many=None):
    """A number and what it counts.

    Parameters
    ----------
    number : int
    one : str
        What one of them is called.
    many : str, optional
        What several are called; by default with an s.

    Returns
    -------
    str
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shortened(value):
    """The beginning of a long text.

    Parameters
    ----------
    value : object
        Shown as `str` does.

    Returns
    -------
    str
        With the number of characters where some are left out.
    """
    text = str(value)
    if len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[:_MOST_CHARACTERS]}… ({len(text):,} characters)"


def is_bad(verdict):
    """Whether a verdict calls for action.

    Parameters
    ----------
    verdict : str

    Returns
    -------
    bool
    """
    return verdict.startswith(_BAD)


def summary_sentences(labels, annotators, items, quality):
    """What matters most, in a few sentences.

    Parameters
    ----------
    labels : CrowdLabels
    annotators : DataFrame
        What `annotator_report` returned.
    items : DataFrame
        What `consensus` returned.
    quality : ndarray of shape (n_labels,)
        Probability of each label to be right.

    Returns
    -------
    list of str
    """
    per_item = labels.labels_per_item
    sentences = [
        f"{counted(labels.n_annotators, 'annotator')} gave "
        f"{counted(labels.n_labels, 'label')} to {counted(labels.n_samples, 'item')} "
        f"of {counted(labels.n_classes, 'class', 'classes')}: "
        f"{labels.n_labels / labels.n_samples:.1f} an item."
    ]
    n_empty = int(np.sum(per_item == 0))
    n_idle = int(np.sum(labels.labels_per_annotator == 0))
    if n_empty:
        verb = "has" if n_empty == 1 else "have"
        sentences[0] += f" {counted(n_empty, 'item')} {verb} none."
    if n_idle:
        sentences[0] += f" {counted(n_idle, 'annotator')} gave none."
    wrong = float(np.mean(1 - quality))
    sentences.append(
        f"By estimate {wrong:.0%} of the labels are wrong; of "
        f"{counted(int(np.sum(quality < 0.5)), 'label')} this is more probable than "
        "not."
    )
    n_review = int(np.sum(items["probability"] < REVIEW_BELOW))
    sentences.append(
        f"The class of {counted(len(items) - n_review, 'item')} has a probability of "
        f"{REVIEW_BELOW} or more; {counted(n_review, 'item')} would be worth a second "
        "look."
    )
    counts = annotators["verdict"].value_counts()
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items())
    sentences.append(f"Verdicts on the annotators: {verdicts}.")
    return sentences
