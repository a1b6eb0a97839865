"""The network: one hidden layer."""

from sklearn.neural_network import MLPClassifier


def build(hidden: int, epochs: int, seed: int) -> MLPClassifier:
    """Return the network before its training."""
    return MLPClassifier((hidden,), max_iter=epochs, tol=0, n_iter_no_change=epochs, random_state=seed)
