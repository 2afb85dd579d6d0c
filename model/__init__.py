"""Training in NumPy: networks, optimizers, initial weights, regularization. See README.md in this folder."""
