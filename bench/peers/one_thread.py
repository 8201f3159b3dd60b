"""onnxruntime on one thread, for packages that have no setting for it."""

from unittest import mock

import onnxruntime


class OneThread(onnxruntime.InferenceSession):
    def __init__(self, path, sess_options=None, **settings):
        sess_options = sess_options or onnxruntime.SessionOptions()
        sess_options.intra_op_num_threads = 1
        sess_options.log_severity_level = 3  # errors
        super().__init__(path, sess_options, **settings)


def made(make):
    """What `make` returns; its sessions have one thread."""
    with mock.patch.object(onnxruntime, "InferenceSession", OneThread):
        return make()
