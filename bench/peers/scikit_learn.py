"""scikit-learn's MLPClassifier, with the tutorial's starting weights put in; it also trains on the
last batch, which is not full."""

import time
import types
import warnings

import numpy as np
import sklearn
from common import BATCH, EPOCHS, RATE, SEED, SIZES, mnist, report
from sklearn.neural_network import MLPClassifier

warnings.filterwarnings("ignore")  # it would like more epochs
images, labels, test_images, test_labels = mnist(np.float32)
model = MLPClassifier(
    SIZES[1:-1], solver="sgd", alpha=0, batch_size=BATCH, learning_rate_init=RATE, momentum=0,
    nesterovs_momentum=False, max_iter=EPOCHS, tol=0, random_state=SEED,
)  # fmt: skip


def starting(self, inputs, outputs, dtype):
    return self._random_state.normal(0, 0.01, (inputs, outputs)).astype(dtype), np.zeros(outputs, dtype)


model._init_coef = types.MethodType(starting, model)
start = time.perf_counter()
model.fit(images, labels)
seconds = time.perf_counter() - start
report(
    version=f"scikit-learn {sklearn.__version__}",
    seconds=seconds,
    accuracy=float(model.score(test_images, test_labels)),
)
