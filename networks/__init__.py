"""Small real networks, trained side by side by the rules of optimizers/. The only folder that imports torch."""

from collections.abc import Mapping
from types import MappingProxyType

from core.registry import keyed
from networks.data import sources
from networks.model.architectures import CNN, MLP, Reader
from networks.model.layers.recurrent import GRU, LSTM, RNN
from networks.tasks import Given, NetworkTask
from networks.training.train import fork, train
from networks.training.training import Training

_DIGIT, _IMAGE = (1, 8, 8), (1, 28, 28)
_EVERY = (
    NetworkTask("digits_mlp", "Digits, 64-32-16-10", sources.digits, MLP((32, 16)), (64,), 10, image=True),
    NetworkTask("digits_softmax", "Digits, logistic regression", sources.digits, MLP(), (64,), 10, image=True),
    NetworkTask("digits_cnn", "Digits, convolutions 8 and 16", sources.digits, CNN((8, 16)), _DIGIT, 10, image=True),
    NetworkTask("digits_rnn", "Digits read row by row, RNN", sources.digits_rows, Reader(RNN(32)), (8, 8), 10),
    NetworkTask("digits_lstm", "Digits read row by row, LSTM", sources.digits_rows, Reader(LSTM(32)), (8, 8), 10),
    NetworkTask("digits_gru", "Digits read row by row, GRU", sources.digits_rows, Reader(GRU(32)), (8, 8), 10),
    NetworkTask("mnist_mlp", "MNIST, 784-128-10", sources.mnist, MLP((128,)), (784,), 10, image=True),
    NetworkTask("mnist_mlp_deep", "MNIST, 784-256-128-10", sources.mnist, MLP((256, 128)), (784,), 10, image=True),
    NetworkTask("mnist_mlp_wide", "MNIST, 784-500-10", sources.mnist, MLP((500,)), (784,), 10, image=True),
    NetworkTask("mnist_cnn_small", "MNIST, convolutions 8 and 16", sources.mnist, CNN((8, 16)), _IMAGE, 10, image=True),
    NetworkTask("mnist_cnn", "MNIST, convolutions 32 and 64", sources.mnist, CNN((32, 64)), _IMAGE, 10, image=True),
    NetworkTask("moons_mlp", "Moons, 2-16-16-2", sources.moons, MLP((16, 16), "tanh"), (2,), 2),
    NetworkTask("circles_mlp", "Circles, 2-16-16-2", sources.circles, MLP((16, 16), "tanh"), (2,), 2),
    NetworkTask("spiral_mlp", "Spiral, 2-32-32-2", sources.spiral, MLP((32, 32), "tanh"), (2,), 2),
    NetworkTask("xor_mlp", "Xor, 2-8-2", sources.xor, MLP((8,), "tanh"), (2,), 2),
    NetworkTask("blobs_softmax", "Three blobs, logistic regression", sources.blobs, MLP(), (2,), 3),
    NetworkTask(
        "iris_perceptron", "Setosa or not, perceptron", sources.setosa, MLP(), (2,), 2, loss="perceptron", init="zeros"
    ),
    NetworkTask("cancer_mlp", "Breast cancer, 30-16-2", sources.breast_cancer, MLP((16,)), (30,), 2),
    NetworkTask("cancer_logistic", "Breast cancer, logistic regression", sources.breast_cancer, MLP(), (30,), 2, loss="binary"),
    NetworkTask("wine_mlp", "Wine, 13-16-3", sources.wine, MLP((16,)), (13,), 3),
    NetworkTask("iris_mlp", "Iris, 4-8-3", sources.iris, MLP((8,)), (4,), 3),
    NetworkTask("diabetes_mlp", "Diabetes, 10-16-1", sources.diabetes, MLP((16,)), (10,), 0, loss="mse"),
    NetworkTask("sentiment_lstm", "Sentiment of sentences, LSTM", sources.sentiment, Reader(LSTM(24)), (12,), 2, words=58),
    NetworkTask("sentiment_gru", "Sentiment of sentences, GRU", sources.sentiment, Reader(GRU(24)), (12,), 2, words=58),
)
TASKS: Mapping[str, NetworkTask] = MappingProxyType(keyed(iter(_EVERY)))

__all__ = ["CNN", "MLP", "TASKS", "Given", "NetworkTask", "Training", "fork", "train"]
