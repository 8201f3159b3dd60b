"""Writes the small numpy files beside it. Run it with each numpy that is to be represented:

    python make.py          # numpy 1.26 and numpy 2, one after the other

A 4-3-2 network in the tutorial's form; the numbers are exact in 32 and 64 bits.
"""

import pickle
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NUMPY = "numpy" + np.__version__.split(".")[0]


def network(dtype, order):
    array = lambda start, *shape: np.array(  # noqa: E731
        (np.arange(np.prod(shape)) + start).reshape(shape) / 8, dtype=dtype, order=order
    )
    return {"w1": array(-5, 4, 3), "b1": array(1, 1, 3), "w2": array(2, 3, 2), "b2": array(-1, 1, 2)}


def save(name, arrays, protocol=None):
    """`numpy.save`, or the same with another pickle protocol."""
    with open(HERE / f"{NUMPY}-{name}.npy", "wb") as file:
        if protocol is None:
            return np.save(file, arrays)
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(np.array(arrays, dtype=object), file, protocol=protocol)


save("dictionary", network("<f8", "C"))
for protocol in (2, 3, 4, 5):
    save(f"protocol{protocol}", network("<f8", "C"), protocol)
    save(f"protocol{protocol}-fortran", network("<f4", "F"), protocol)
save("big-endian", network(">f8", "C"))
save("array-fortran", network(">f4", "F")["w1"])
np.savez(HERE / f"{NUMPY}-stored.npz", **network("<f8", "C"))
np.savez_compressed(HERE / f"{NUMPY}-deflated.npz", **network("<f4", "F"))
